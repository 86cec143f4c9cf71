"""Solves the shifted Laplacian of a grid by SciPy's CG with Jacobi and prints one line of JSON.

python3 scipy_solve.py GRID SHIFT jacobi RTOL MAXITER
"""
import json
import sys
import time

import numpy as np
import scipy
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, cg

grid, shift, rtol, maxiter = sys.argv[1], float(sys.argv[2]), float(sys.argv[4]), int(sys.argv[5])
dim, side = int(grid[0]), int(grid[3:])
line = sp.diags([-np.ones(side - 1), 2 * np.ones(side), -np.ones(side - 1)], [-1, 0, 1])
A = sp.csr_matrix((1, 1))
for d in range(dim):
    A = sp.kronsum(line, A) if d else sp.csr_matrix(line)
A = (A + shift * sp.identity(side**dim)).tocsr()
n = A.shape[0]
b = np.sin(0.01 * np.arange(n))
d = 1 / A.diagonal()
M = LinearOperator((n, n), lambda v: d * v)
count = [0]


def callback(_):
    count[0] += 1


begin = time.perf_counter()
x, info = cg(A, b, tol=rtol, maxiter=maxiter, M=M, callback=callback)
seconds = time.perf_counter() - begin
print(json.dumps({
    "setup": 0, "solve": seconds, "iterations": count[0], "residual": float(np.linalg.norm(b - A @ x) / np.linalg.norm(b)),
    "version": "SciPy " + scipy.__version__, "workers": 1,
}))
