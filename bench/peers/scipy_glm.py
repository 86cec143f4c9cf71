"""Times the product Xᵀ D X v + λ v with SciPy, X and Xᵀ both stored as CSR, and prints one line of JSON.

python3 scipy_glm.py FOLDER REPEATS

FOLDER holds ptr.npy, col.npy, val.npy (X by rows), d.npy, v.npy, lambda.npy and shape.npy.
"""
import json
import os
import sys
import time

import numpy as np
import scipy
import scipy.sparse as sp

folder, repeats = sys.argv[1], int(sys.argv[2])
load = lambda name: np.load(os.path.join(folder, name + ".npy"))
rows, cols = (int(v) for v in load("shape"))
X = sp.csr_matrix((load("val"), load("col").astype(np.int32), load("ptr").astype(np.int64)), shape=(rows, cols))
X.indptr = X.indptr.astype(np.int32)
XT = X.T.tocsr()
d, v, lam = load("d"), load("v"), load("lambda")
times = []
for _ in range(repeats + 1):
    begin = time.perf_counter()
    out = XT @ (d * (X @ v)) + lam * v
    times.append(time.perf_counter() - begin)
print(json.dumps({
    "setup": 0, "solve": float(np.median(times[1:])), "iterations": 1, "residual": 0, "check": float(np.linalg.norm(out)),
    "version": "SciPy " + scipy.__version__, "workers": 1,
}))
