/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of a stream that is of one machine, or of one volume for data: snapshots that build on each other, the oldest
 * first, and at last what it is now.
 */
#ifndef BERTH_MACHINE_MANAGE_EXPORT_CHAIN_H
#define BERTH_MACHINE_MANAGE_EXPORT_CHAIN_H

#include "machine/manage/travel.h"

struct export_chain {
	const struct subject *subject;  /* borrowed */
	const struct export_spec *spec; /* borrowed: what of it is written */
	struct pool *pool;              /* borrowed; open */
	struct stream_out *out;         /* borrowed; for export_chain_write */
	/* Borrowed: the snapshot of its machine with which its last state was taken; NULL: none, or it is a machine. */
	const char *with;
	/* The same for the snapshots of it that are written besides; NULL: none was taken with one. */
	const char *(*with_of)(const void *context, const struct snapshot_entry *entry);
	const void *with_context; /* borrowed */
	const char *
		description; /* borrowed: of a volume in the stream of its machine; NULL: it is none */
	uint64_t passed;     /* volumes of it that the reader has from an earlier stream */
	/* private */
	struct snapshot_entry *list; /* owned: snapshots that are written, the oldest first */
	size_t count;
	struct text held;     /* owned: names of volumes that are locked, each with its NUL */
	char base[UUID_TEXT]; /* content of the volume before; "": none */
	const char *base_name;
};

/* Chooses what is written, and finds all that would refuse it. export_chain_close in any case. 0 or -code. */
int export_chain_open(struct export_chain *chain, struct err *err);
/* The reader has so many volumes, those of this chain first. Returns how many are left for others. */
uint64_t export_chain_pass(struct export_chain *chain, uint64_t volumes);
/*
 * Keeps all snapshots that are written, and the one that the first builds on, from being removed or renamed until
 * export_chain_close. -ENOENT: one is gone.
 */
int export_chain_hold(struct export_chain *chain, struct err *err);
/* now: the volume that has what it is now; NULL: a snapshot has it. */
int export_chain_write(struct export_chain *chain, const char *now, struct err *err);
/* Adds all that identifies what is written, a line each. */
int export_chain_plan(struct export_chain *chain, struct text *plan, struct err *err);
/* export_start.c: the head of a stream, and the settings of the subject. volumes: as in struct stream_head. 0 or -code. */
int export_start(const struct export_chain *chain, const char *volumes, struct err *err);
void export_chain_close(struct export_chain *chain);
#define scoped_export_chain __attribute__((cleanup(export_chain_close)))

#endif
