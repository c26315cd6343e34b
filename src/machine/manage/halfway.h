/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machines that have come in part: what a send has brought before it was cut. The folder machines/.halfway/NAME is the
 * mark: halfway.conf says whose stream it is and how far it has come, volume.N describes each volume, and flags.N has
 * what is set at its end. The volumes are halfway.NAME.N in the pool, or in that of the volume for data
 * which they belong to. The mark is on the disk before a volume has such
 * a name, and what it says is on the disk before it says so. Only the mark allows a removal. All changes are made under
 * the lock of the machine of that name.
 */
#ifndef BERTH_MACHINE_MANAGE_HALFWAY_H
#define BERTH_MACHINE_MANAGE_HALFWAY_H

#include "machine/manage/manage.h"
#include "stream/stream.h"

#include <stdint.h>

enum { HALFWAY_DAYS = 7 }; /* after the last part; documented in berth(1) */

struct halfway_config {
	char *uuid;          /* of the machine, as its sender says */
	char *host;          /* of the sender, as it says */
	char *plan;          /* of the stream: sum of what identifies all that it has */
	char *pool;          /* that has the volumes */
	char *pools;         /* that have some of them besides, separated by blanks */
	char *sum;           /* of the last part that is on the disk */
	char *point;         /* behind that part; "": the volume is complete */
	uint64_t volumes;    /* complete ones; with a point, there is one more */
	uint64_t bytes;      /* in them */
	uint64_t attributes; /* that were left out */
	uint64_t began;      /* seconds since the epoch */
	uint64_t changed;    /* the same, of the last part */
	bool increment;      /* it is for a machine that is here */
};

struct halfway {
	const struct dirs *dirs; /* borrowed */
	char name[64];
	struct halfway_config config; /* owned */
};
void halfway_free(struct halfway *halfway);
#define scoped_halfway __attribute__((cleanup(halfway_free)))

/* Reads a mark. 0; -ENOENT without a sentence: there is none; or -code. */
int halfway_load(struct halfway *halfway, const struct dirs *dirs, const char *name,
		 struct err *err);
/* Writes it, durably. */
int halfway_save(const struct halfway *halfway, struct err *err);

/* Notes a further pool that may have volumes. 1; 0: it is noted already; or -code. */
int halfway_add_pool(struct halfway *halfway, const char *pool, struct err *err);

/* Whether it is too old to go on with. */
bool halfway_is_expired(const struct halfway *halfway);

/* The name of a volume in the pool; out: VOLUME_NAME_MAX + 1 bytes. */
void halfway_volume(const char *name, uint64_t number, char *out);

/* The description of a volume: as the stream had it. */
int halfway_put_volume(const struct halfway *halfway, uint64_t number,
		       const struct stream_volume *volume, struct err *err);
int halfway_get_volume(const struct halfway *halfway, uint64_t number, struct stream_volume *volume,
		       struct err *err);

/* Flags of files, as they are kept between the parts of a volume: all bytes of a file in memory, up to its offset. */
int halfway_put_flags(const struct halfway *halfway, uint64_t number, int flags_fd,
		      struct err *err);
int halfway_get_flags(const struct halfway *halfway, uint64_t number, int flags_fd,
		      struct err *err);

/* Whether a command has it at work, such as a receiver that has not noticed yet that its sender is gone. */
bool halfway_is_busy(const struct dirs *dirs, const char *name);

/* Removes volumes from that number on, which were named by a command that was killed before the mark said so. */
int halfway_remove_behind(const struct halfway *halfway, uint64_t number, struct err *err);
/* Removes the volumes, and then the mark. The pools are opened. 0, also if there is nothing; or -code. */
int halfway_remove(const struct dirs *dirs, const char *name, struct err *err);
/*
 * The same for a user, under the lock. force: the mark goes also if its pool is out of reach. -ENOENT: there is no such
 * thing.
 */
int halfway_delete(const struct dirs *dirs, const char *name, bool force, struct err *err);
/* Removes the mark alone: its volumes have other names now. */
void halfway_forget(const struct dirs *dirs, const char *name);

/* Calls visit for each name with a mark, in any order. */
void halfway_each(const struct dirs *dirs, void (*visit)(void *, const char *name), void *context);
/* Removes those that are too old, unless they are in use. Quiet. */
void halfway_sweep(const struct dirs *dirs);

#endif
