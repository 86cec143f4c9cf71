"""Solves the shifted Laplacian of a grid by PETSc's CG and prints one line of JSON.

mpirun -n RANKS python3 petsc_solve.py GRID SHIFT PC RTOL MAXITER

GRID is 2d:N or 3d:N, PC jacobi, gamg or hypre (BoomerAMG). The right-hand side is
b_i = sin(0.01 i), the start zero, the norm that of the true residual.
"""
import json
import sys
import time

import petsc4py

petsc4py.init([])
import numpy as np
from petsc4py import PETSc

grid, shift, pc, rtol, maxiter = sys.argv[1], float(sys.argv[2]), sys.argv[3], float(sys.argv[4]), int(sys.argv[5])
dim, side = int(grid[0]), int(grid[3:])
n = side**dim
comm = PETSc.COMM_WORLD
A = PETSc.Mat().create(comm)
A.setSizes(((PETSc.DECIDE, n), (PETSc.DECIDE, n)))
A.setType("aij")
A.setUp()
lo, hi = A.getOwnershipRange()
A.destroy()

# The rows of this rank in CSR form, all at once: no insertion entry by entry.
rows = np.arange(lo, hi, dtype=np.int64)
columns, values, keep = [], [], []
steps = [side**d for d in range(dim - 1, -1, -1)]
for step in steps:
    inside = (rows // step) % side > 0
    columns.append(rows - step), values.append(-np.ones(hi - lo)), keep.append(inside)
columns.append(rows), values.append(np.full(hi - lo, 2 * dim + shift)), keep.append(np.ones(hi - lo, bool))
for step in reversed(steps):
    inside = (rows // step) % side < side - 1
    columns.append(rows + step), values.append(-np.ones(hi - lo)), keep.append(inside)
keep = np.stack(keep, 1)
ptr = np.concatenate(([0], np.cumsum(keep.sum(1)))).astype(PETSc.IntType)
col = np.stack(columns, 1)[keep].astype(PETSc.IntType)
val = np.stack(values, 1)[keep]
A = PETSc.Mat().createAIJ(size=((hi - lo, n), (hi - lo, n)), csr=(ptr, col, val), comm=comm)
A.setOption(PETSc.Mat.Option.SPD, True)
A.assemble()
b, x = A.createVecs()
b.setArray(np.sin(0.01 * rows))

ksp = PETSc.KSP().create(comm)
ksp.setOperators(A)
ksp.setType("cg")
ksp.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
ksp.getPC().setType(pc)
ksp.setTolerances(rtol=rtol, atol=0, max_it=maxiter)
comm.barrier()
begin = time.perf_counter()
ksp.setUp()
comm.barrier()
setup = time.perf_counter() - begin
begin = time.perf_counter()
ksp.solve(b, x)
comm.barrier()
seconds = time.perf_counter() - begin
r = b.duplicate()
A.mult(x, r)
r.aypx(-1, b)
residual = r.norm() / b.norm()
if comm.rank == 0:
    print(json.dumps({
        "setup": setup, "solve": seconds, "iterations": ksp.getIterationNumber(), "residual": residual,
        "version": "PETSc " + ".".join(map(str, PETSc.Sys.getVersion())), "workers": comm.size,
    }))
