# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text formats of gnubg-nn, the trainer that gnubg's own nets were made with."""
