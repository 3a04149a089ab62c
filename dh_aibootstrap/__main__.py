# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python3 -m dh_aibootstrap` is the command aibootstrap."""

import sys

from .cli import main

sys.exit(main())
