/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file or link that is written aside, and gets its name when it is whole; one at a time in a process. A file has no
 * name before, so that a killed process leaves nothing behind. Where that is impossible, and for links and FIFOs, it
 * has a random name, which a catchable signal removes.
 */
#ifndef BERTH_MACHINE_TRANSFER_TREE_ASIDE_H
#define BERTH_MACHINE_TRANSFER_TREE_ASIDE_H

/* Catches the signals that end the process. */
void tree_aside_begin(void);

/* A new file in a folder, or -errno. proc_fd: the process's /proc/self/fd, by which it gets its name; -1: none. */
int tree_aside_open(int proc_fd, int folder);
/* Gives that file its name, in place of what is there. 0 or -errno. */
int tree_aside_place_file(int proc_fd, int file, int folder, const char *name);

/* Draws a name in a folder, for the caller to make something under it. 0 or -errno. */
int tree_aside_draw(int folder);
const char *tree_aside_name(void);
/* Renames it. 0 or -errno. */
int tree_aside_place(int folder, const char *name);

/* Removes what has not got its name. */
void tree_aside_drop(void);

#endif
