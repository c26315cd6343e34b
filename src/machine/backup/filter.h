/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command of the user's that encrypts or decrypts a backup on its way. */
#ifndef BERTH_MACHINE_BACKUP_FILTER_H
#define BERTH_MACHINE_BACKUP_FILTER_H

#include "base/err.h"
#include "machine/backup/store.h"

struct filter_shared;
struct filter {
	int fd;                       /* owned: our end; -1: none */
	pid_t command, summer;        /* 0: none */
	struct filter_shared *shared; /* owned */
};

/* Words of a command, separated by blanks. key: for sentences. */
struct filter_spec {
	const char *key, *command;
};

/* Starts the command: bytes that are written to filter->fd go through it into fd. filter_end after both. 0 or -code. */
int filter_to(struct filter *filter, const struct filter_spec *spec, int fd, struct err *err);
/* The same in the other direction: bytes that are read from filter->fd come from fd. */
int filter_from(struct filter *filter, const struct filter_spec *spec, int fd, struct err *err);
/*
 * Closes our end and waits. sum (or NULL): of what filter_to has written. 0; or -code: the command has failed, or a
 * write.
 */
int filter_end(struct filter *filter, char sum[STORE_SUM], struct err *err);

#endif
