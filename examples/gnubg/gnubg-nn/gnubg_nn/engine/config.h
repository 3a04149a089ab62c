/* SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What configure would write for the few files of gnubg that the engine takes: no
 * threads, no vector instructions, no data files of an installation.
 */

#ifndef GNUBG_NN_CONFIG_H
#define GNUBG_NN_CONFIG_H

#define _GNU_SOURCE 1
#define HAVE___ATTRIBUTE__ 1
#define HAVE_FUNC_ATTRIBUTE_UNUSED 1
#define HAVE_UNISTD_H 1
#define HAVE_SYS_TYPES_H 1
/* As Debian's gnubg is built (configure.ac:600). */
#define G_DISABLE_ASSERT 1
#define LOCALEDIR ""
#define PACKAGE "gnubg"
#define VERSION "engine"

#endif
