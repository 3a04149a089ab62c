/* SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What makebearoff.c needs of the rest of gnubg: room for the moves of one thread, and
 * a temporary file (util.c:139-154, whose neighbours need paths of an installation).
 */

#include "config.h"

#include <stdio.h>
#include <glib.h>
#include <glib/gstdio.h>

#include "eval.h"
#include "multithread.h"
#include "output.h"
#include "util.h"

static move moves[MAX_INCOMPLETE_MOVES];
static ThreadLocalData thread_data = { .aMoves = moves };
ThreadData td = { .tld = &thread_data };

extern void MT_InitThreads(void) {}
extern void glib_ext_init(void) {}
extern void print_utf8_to_locale(const gchar *text) { fputs(text, stderr); }

extern FILE *
GetTemporaryFile(const char *template, char **name)
{
    int const file = g_file_open_tmp(template, name, NULL);
    return file < 0 ? NULL : fdopen(file, "wb+");
}
