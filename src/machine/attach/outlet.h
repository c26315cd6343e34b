/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One direction of bytes to whoever reads us: kept until they are taken, and written only when there is
 * room, so that a reader who stands still never keeps us from signals and from what else comes.
 */
#ifndef BERTH_MACHINE_ATTACH_OUTLET_H
#define BERTH_MACHINE_ATTACH_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

enum { OUTLET_ROOM = 16384 };

struct outlet {
	int fd;     /* borrowed: our standard output or errors */
	int other;  /* owned: the same pipe or terminal, opened anew so as not to block; -1: none */
	bool known; /* what fd is has been looked at */
	bool direct; /* a file or the like, which takes all */
	bool used;   /* something was written */
	int error;   /* errno of the write that failed; 0: none has */
	size_t at, end;
	char data[OUTLET_ROOM];
};

void outlet_open(struct outlet *outlet, int fd);

/* Whether bytes wait: then poll outlet->fd for POLLOUT, and call outlet_write. */
bool outlet_waits(const struct outlet *outlet);

/* Room for more, which is there only while none wait: where, of *room bytes. */
char *outlet_room(struct outlet *outlet, size_t *room);
/* So many bytes are there now; writes what can be written at once. */
void outlet_add(struct outlet *outlet, size_t n);

/* What fits. A failure is kept in error, and all that waits is thrown away. */
void outlet_write(struct outlet *outlet);

/* Also looks whether what was written last has been taken: some file systems tell only now. */
void outlet_close(struct outlet *outlet);

#endif
