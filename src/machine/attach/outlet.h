/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes to a reader of our output, kept until they are taken and written only when there is room, so that a reader that
 * stands still never keeps us from signals and other input.
 */
#ifndef BERTH_MACHINE_ATTACH_OUTLET_H
#define BERTH_MACHINE_ATTACH_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

enum { OUTLET_ROOM = 16384 };

struct outlet {
	int fd;     /* borrowed: our standard output or errors */
	int other;  /* owned: the same pipe or terminal, opened anew so as not to block; -1: none */
	bool known; /* the type of fd was looked up */
	bool direct; /* a file, or another that takes every write at once */
	bool used;   /* something was written */
	int error;   /* errno of the write that failed; 0: none has */
	size_t at, end;
	char data[OUTLET_ROOM];
};

void outlet_open(struct outlet *outlet, int fd);

/* Whether bytes wait: then poll outlet->fd for POLLOUT, and call outlet_write. */
bool outlet_waits(const struct outlet *outlet);

/* The place for more bytes, with *room bytes. There is room only while no bytes wait. */
char *outlet_room(struct outlet *outlet, size_t *room);
/* Adds n bytes that were put there, and writes what can be written at once. */
void outlet_add(struct outlet *outlet, size_t n);

/* Writes what fits. A failure is kept in error, and all bytes that wait are dropped. */
void outlet_write(struct outlet *outlet);

/* Closes, and notes a failed write that some file systems report only now. */
void outlet_close(struct outlet *outlet);

#endif
