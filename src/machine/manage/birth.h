/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The steps by which a machine comes into being, for create, clone and import. machine.conf is the commit point: before
 * it exists, a mark (base/unfinished.h) stands for it, so that the remains of a killed command are recognized and
 * removed.
 */
#ifndef BERTH_MACHINE_MANAGE_BIRTH_H
#define BERTH_MACHINE_MANAGE_BIRTH_H

#include "machine/manage/manage.h"
#include "storage/storage.h"

/* Properties of a new machine besides its root. */
struct birth {
	int *owner;                     /* borrowed: as in machine_spec */
	bool keep_identity;             /* its root does not count as a copy */
	struct cloned_volumes *volumes; /* borrowed: copies that are made with it; NULL: none */
};

/* Sets keys by words of a user, and checks rules between keys. 0 or -code. */
int birth_apply(struct machine_config *config, const struct settings *settings, struct err *err);

/* Refuses a name that is taken, before other causes; birth_claim looks again under the lock. */
int birth_look(const struct machine *machine, struct err *err);
/* Locks the name, which must be free; removes the remains of a killed command. The lock, or -code. */
int birth_claim(struct machine *machine, struct err *err);

/*
 * Checks that the pool has no volume of that name. Before the mark exists, because the mark would turn parts of others
 * into leftovers.
 */
int birth_check_free(const struct machine *machine, struct pool *pool, struct err *err);
/* The sentence for such a volume: it may be all that is left of a machine. -EEXIST. */
int birth_refuse_volume(const struct machine *machine, const struct pool *pool, struct err *err);

/* Writes the mark, before anything that is found by it, and makes the folder. */
int birth_begin(struct machine *machine, struct err *err);
/* All parts are there: the machine becomes visible. */
int birth_commit(struct machine *machine, const struct birth *birth, struct err *err);
/* Removes only the mark and the folder, which birth_begin made. A volume with the name belongs to somebody else. */
void birth_forget(struct machine *machine);

#endif
