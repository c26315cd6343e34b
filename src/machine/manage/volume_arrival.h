/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A volume for data that comes in a stream, and is made here once the whole stream was read and checked. */
#ifndef BERTH_MACHINE_MANAGE_VOLUME_ARRIVAL_H
#define BERTH_MACHINE_MANAGE_VOLUME_ARRIVAL_H

#include "machine/manage/arrival.h"
#include "machine/manage/data.h"

struct volume_arrival {
	char name[64];        /* that it gets here */
	char uuid[UUID_TEXT]; /* that it has in the stream */
	char *folder;         /* owned: that it gets */
	char *description;    /* owned */
	struct subject subject;
	struct arrival arrival; /* owned */
};

/* Before anything of it comes. Its arrival has that pool. volume_arrival_end in any case. 0 or -code. */
int volume_arrival_begin(struct volume_arrival *incoming, struct pool *pool, const char *name,
			 const char *uuid, struct err *err);
/* It gets another name than was said. 0 or -code. */
int volume_arrival_rename(struct volume_arrival *incoming, const char *name, struct err *err);
/* Whether its name is free, here and in the pool. -EEXIST. */
int volume_arrival_check(const struct volume_arrival *incoming, struct err *err);
/*
 * Makes the volume of what has come. spec: its maker and lock; the rest is chosen here. fresh: with another uuid than in
 * the stream; so is one whose uuid a volume here has. notes: remarks for the user, a line each. 0 or -code.
 */
int volume_arrival_make(struct volume_arrival *incoming, const struct data_spec *spec, bool fresh,
			struct text *notes, struct err *err);
void volume_arrival_end(struct volume_arrival *incoming);
#define scoped_volume_arrival __attribute__((cleanup(volume_arrival_end)))

#endif
