"""Times the Hessian-vector product of denoise by PyTorch's double backward and prints one line of JSON.

python3 torch_denoise.py FOLDER REPEATS THREADS float64|float32

FOLDER holds y.npy, v.npy and noisy.npy (rows·cols), shape.npy (rows, cols, size of the
filters), bank.npy (filters·size²) and weight.npy (one per filter).
"""
import json
import os
import sys
import time

import numpy as np
import torch

folder, repeats, threads, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(threads)
load = lambda name: torch.tensor(np.load(os.path.join(folder, name + ".npy")), dtype=getattr(torch, kind))
rows, cols, size = (int(s) for s in np.load(os.path.join(folder, "shape.npy")))
y, v, noisy, weight = (load(name).reshape(-1, cols) if name != "weight" else load(name) for name in ("y", "v", "noisy", "weight"))
# conv2d correlates: turn the filters by 180°.
bank = torch.flip(load("bank").reshape(-1, 1, size, size), (2, 3))
y.requires_grad_(True)


def energy(y):
    t = torch.nn.functional.conv2d(y[None, None], bank)
    return 0.5 * ((y - noisy) ** 2).sum() + (weight[:, None, None] * (torch.sqrt(t[0] ** 2 + 1) - 1)).sum()


(g,) = torch.autograd.grad(energy(y), y, create_graph=True)
times = []
for _ in range(repeats + 1):
    begin = time.perf_counter()
    (out,) = torch.autograd.grad(g, y, v, retain_graph=True)
    times.append(time.perf_counter() - begin)
print(json.dumps({
    "setup": 0, "solve": float(np.median(times[1:])), "iterations": 1, "residual": 0, "check": float(out.double().norm()),
    "version": "PyTorch " + torch.__version__, "workers": threads,
}))
