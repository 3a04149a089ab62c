# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The target bootstrap for a debian/rules that does not use dh:
#
#     include /usr/share/dh-aibootstrap/aibootstrap.mk
#
# Call dh_aibootstrap_check before the configuration and dh_aibootstrap_install beside
# dh_installdocs; dh_clean brings back what dh_aibootstrap_check replaced.

# Without these two lines bootstrap would become the default target of a debian/rules
# that includes this file at its top.
aibootstrap_default_goal := $(.DEFAULT_GOAL)

# Explicit and phony: a file named bootstrap must not make the target "up to date".
.PHONY: bootstrap
bootstrap:
	dh_aibootstrap_fetch
	dh_aibootstrap_train
	dh_aibootstrap_refresh

.DEFAULT_GOAL := $(aibootstrap_default_goal)
