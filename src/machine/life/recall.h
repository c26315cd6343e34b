/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a list knows of machines without reading their files, out of the index, and what it leaves there for the next
 * list. These files decide what a list shows of a machine, each with its stamp:
 *
 *   STATE/machines              the names
 *   STATE/machines/NAME         whether marks of a failed end and of a move have come or gone
 *   STATE/machines/NAME/machine.conf, which a person may edit
 *   RUN/machines                which machines run, or are left of a run; always read
 *   RUN/machines/NAME           state and marks of a run; its lock is always tried
 *   STATE/networks/NET/network.conf, STATE/networks/NET/names, and there NAME if another lease has changed
 *   STATE/pools/POOL/pool.conf, and the folder of its volumes
 *
 * Machines that are paused, held, moving, failed, broken, ephemeral, or that have more than one interface are read from
 * their files each time.
 */
#ifndef BERTH_MACHINE_LIFE_RECALL_H
#define BERTH_MACHINE_LIFE_RECALL_H

#include "machine/life/index.h"
#include "machine/life/rows.h"
#include "storage/inventory.h"

enum { RECALL_LABELS = 32 };

/* Stamps of a pool or a network now, and whether they are those of the index. */
struct recall_view {
	const struct entry *was; /* NULL: the index does not have it */
	struct entry now;
	char name[64];
	bool folder_same, settings_same;
	bool distrusted; /* its names are not to be kept */
};

struct recall {
	const struct dirs *dirs;     /* borrowed */
	struct inventory *inventory; /* borrowed */
	time_t now;
	bool notes; /* what is read is noted for an index */
	struct index index;
	int folder;     /* STATE/machines; -1: it cannot be opened */
	int runs;       /* RUN/machines; the same */
	char **running; /* owned; names in RUN/machines, sorted */
	size_t running_count;
	struct stamp machines;     /* of STATE/machines */
	struct recall_view *views; /* owned */
	size_t view_count;
	struct text noted; /* entries of machines of the new index */
	size_t count;      /* their number */
	size_t cost; /* of what the new index would have saved, in twentieths of a machine that is read */
	/* The row that recall_row has made. */
	struct machine machine;
	struct machine_status status;
	struct label labels[RECALL_LABELS];
};

/* The stamps of a machine's files before they are read. */
struct recall_stamps {
	struct stamp folder, settings, run, lease;
	char runs_on[64]; /* the network that it runs on; "": none */
};

void recall_begin(struct recall *recall, const struct dirs *dirs, struct inventory *inventory);
void recall_end(struct recall *recall);
/* Reads the index, if there is one. */
void recall_open(struct recall *recall);
/* Notes what is read from now on for an index. Whether the names must be read anew, which are noted too. */
bool recall_begin_notes(struct recall *recall);
/* Whether the names in the index are those of all machines. */
bool recall_has_names(const struct recall *recall);

/* Makes a row of an entry, valid until the next call: whether all that decides it is as it was. */
bool recall_row(struct recall *recall, const struct entry *entry, struct row *row);

/* The three steps of noting a machine: before its files are read, before its lease is read, and afterwards. */
void recall_look(struct recall *recall, const char *name, struct recall_stamps *stamps);
void recall_look_further(struct recall *recall, const struct machine *machine,
			 struct recall_stamps *stamps);
/* row NULL: only the name is noted. */
void recall_note(struct recall *recall, const char *name, const struct row *row,
		 const struct recall_stamps *stamps);
/* Notes what the index has, again. */
void recall_keep(struct recall *recall, const struct entry *entry);

/* Whether the names of a pool's volumes are as in the index. */
bool recall_has_pool(struct recall *recall, const char *pool);
/* Such as a pool with a root that no machine has: the next list looks at it again. */
void recall_distrust_pool(struct recall *recall, const char *pool);
/* Writes an index, if that saves more than it costs. */
void recall_write(struct recall *recall);

#endif
