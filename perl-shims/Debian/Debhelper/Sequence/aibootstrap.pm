# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
# debhelper sequence file for dh-aibootstrap

use warnings;
use strict;
use Debian::Debhelper::Dh_Lib;

# add_command makes the sequence where there is none (debhelper's PROGRAMMING.md).
add_command("dh_aibootstrap_fetch", "bootstrap");
insert_after("dh_aibootstrap_fetch", "dh_aibootstrap_train");
insert_after("dh_aibootstrap_train", "dh_aibootstrap_refresh");

insert_before("dh_auto_configure", "dh_aibootstrap_check");
insert_after("dh_installdocs", "dh_aibootstrap_install");

1
