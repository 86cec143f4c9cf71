"""Fits a logistic regression by scikit-learn and prints one line of JSON.

python3 sklearn_logistic.py FILE.svm LAMBDA TOL SOLVER

The energy is Σ log(1+exp(−t_i x_iᵀy)) + λ/2 ‖y‖², without intercept: C = 1/λ. TOL is
the solver's own bound of the largest entry of the gradient.
"""
import gzip
import json
import sys
import time
import warnings

import numpy as np
import sklearn
from sklearn.datasets import load_svmlight_file
from sklearn.linear_model import LogisticRegression

path, lam, tol, solver = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
X, t = load_svmlight_file(path)
t = np.where(t > 0, 1.0, -1.0) if t.min() < 0 else np.where(t == t.max(), 1.0, -1.0)
model = LogisticRegression(C=1 / lam, fit_intercept=False, tol=tol, solver=solver, max_iter=100000)
begin = time.perf_counter()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(X, t)
seconds = time.perf_counter() - begin
y = model.coef_.ravel()
m = t * (X @ y)
g = lam * y - X.T @ (t / (1 + np.exp(m)))
print(json.dumps({
    "setup": 0, "solve": seconds, "iterations": int(model.n_iter_[0]), "residual": float(np.linalg.norm(g)),
    "note": "; ".join(str(w.category.__name__) for w in caught), "version": "scikit-learn " + sklearn.__version__, "workers": 1,
}))
