# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""tests/matrix: the same trainings on many machines, and whether their bits agree.

    configurations.py  the nets that are trained, and their data
    plain.py           the same nets trained by ordinary binary32 programs
    kernels.py         which BLAS a process really multiplies with
    child.py           one process of one stack: self-test, train, print JSON
    places.py          where a child runs: this machine, a venv, a chroot, an emulator
    stacks.py          the matrix: what a row is, and its child's answer
    workers.py         a child in several processes, by torchrun
    killed.py          a child that is killed and goes on
    rows.py            which stacks there are, small and full
    table.py           digests -> text and exit status
    command.py         the command
"""
