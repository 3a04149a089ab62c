# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training whose result is the same bits on every machine.

Ordinary training gives other last digits with another BLAS, processor or number of
threads, because floating-point sums depend on their order. Here every sum that a
library may reorder is taken over numbers on fixed grids, chosen so that each partial
sum is exact (grid.py has the theorem, plan.py the bounds), and all else is single
IEEE operations in a fixed sequence (backend/, elementary.py). Randomness is integer
arithmetic on counters (philox.py). So "retrain and compare" is cmp.

    data.py         inputs and targets on their grids
    activations.py  sigmoid, a table sigmoid, tanh, ReLU, softmax
    losses.py       squared error, cross-entropy
    plan.py         layers -> formats, and the proof that sums are exact
    parameters.py   master weights and what products use of them
    network.py      outputs and gradients
    optimisers.py   SGD, Adam, AdamW, clipping; schedules.py: rates
    parallel.py     workers of torch.distributed
    trainer.py      steps, epochs, resuming; checkpoint.py: the file
    selftest.py     is this machine's arithmetic what the proof assumes?

Needs numpy; torch is optional.
"""
