/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Volumes for data that come in the stream of their machine: made with a new one, or brought up to date. */
#ifndef BERTH_MACHINE_MANAGE_IMPORT_VOLUMES_H
#define BERTH_MACHINE_MANAGE_IMPORT_VOLUMES_H

#include "machine/manage/increment.h"
#include "machine/manage/travel.h"
#include "machine/manage/volume_arrival.h"

struct coming_volume {
	char was[64], uuid[UUID_TEXT]; /* in the stream */
	bool listed;                   /* this stream has it */
	bool is_here;                  /* it is brought up to date, and not made */
	struct volume_arrival arrival; /* owned; of a new machine */
	int lock;                      /* owned: of the name of one that was made; -1 */
	struct data_opened here;       /* owned; of an increment */
	struct subject subject;        /* the same */
	struct increment increment;    /* the same */
};

struct import_volumes {
	struct machine *machine;        /* borrowed */
	struct pool *pool;              /* borrowed: of the machine, in which new ones are made */
	bool adds;                      /* the stream is an increment */
	const struct import_spec *spec; /* borrowed */
	struct arrival_others others;
	struct coming_volume **list; /* owned */
	size_t count;
	size_t streams; /* whose heads were read */
};

/* import_volumes_close in any case. */
void import_volumes_begin(struct import_volumes *volumes, struct machine *machine,
			  struct pool *pool, const struct import_spec *spec, bool adds);
/* What has come of one, and its name here. */
struct arrival *coming_volume_arrival(struct coming_volume *one);
const char *coming_volume_name(const struct coming_volume *one);
/* The one of that uuid, or of that name in the stream; NULL. */
struct coming_volume *import_volumes_with(const struct import_volumes *volumes, const char *uuid);
const struct coming_volume *import_volumes_named(const struct import_volumes *volumes,
						 const char *was);
/* Adds one to the list; NULL: out of memory. */
struct coming_volume *import_volumes_add(struct import_volumes *volumes, const char *name,
					 const char *uuid, struct err *err);
/* ---- Of a new machine. The head of the stream was read: names that are taken are refused. */
int import_volumes_expect(struct import_volumes *volumes, const struct stream_head *head,
			  struct err *err);
/*
 * Sections of the volumes that come open nothing of this host. They are taken out of the settings, and given back with
 * the names that the volumes get here.
 */
struct section *import_volumes_take_sections(const struct import_volumes *volumes,
					     struct machine_config *config);
int import_volumes_give_sections(const struct import_volumes *volumes,
				 struct machine_config *config, struct section *sections,
				 struct text *notes, struct err *err);
/* Those that are new, under the mark of the machine in the making. drawn: it has another identity than in the stream. */
int import_volumes_make(struct import_volumes *volumes, bool drawn, struct text *notes,
			struct err *err);
/* made: the machine is there, and makes the volumes whole; else they go. */
int import_volumes_end(struct import_volumes *volumes, bool made, struct err *err);

/* ---- Of an increment: those that are here are locked, which comes before the lock of the machine. */
int import_volumes_find(struct import_volumes *volumes, const struct stream_head *head,
			struct err *err);
/* Under the machine's lock, with its pool open: names of those that are not here are refused if they are taken. */
int import_volumes_expect_new(struct import_volumes *volumes, struct err *err);
/* As increment_check_restored. */
int import_volumes_check_restored(struct import_volumes *volumes, struct err *err);
/* Behind import_volumes_make, before the machine's own snapshots get their names. */
int import_volumes_keep(struct import_volumes *volumes, struct err *err);
/* Behind that: the data of those that are here give way to what has come. Whether there are any. */
int import_volumes_replace(struct import_volumes *volumes, struct err *err);
bool import_volumes_replace_any(const struct import_volumes *volumes);

void import_volumes_close(struct import_volumes *volumes);
#define scoped_import_volumes __attribute__((cleanup(import_volumes_close)))

#endif
