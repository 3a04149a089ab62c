# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
from setuptools import setup

setup()  # everything stands in setup.cfg
