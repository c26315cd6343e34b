/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of machines, RUN/list.index: what a list has read of each machine, beside the stamps of the files that it
 * was read from (base/stamp.h). It is never the truth. A reader compares each stamp with the file, and reads the file
 * where it differs; an index that is missing, torn, of another format or of another boot is none. It is written beside
 * its name and renamed, without a wait for the disk, and nobody needs it to be written. Under the names of machines are
 * also the pools and the networks that the machines use.
 */
#ifndef BERTH_MACHINE_LIFE_INDEX_H
#define BERTH_MACHINE_LIFE_INDEX_H

#include "base/dirs.h"
#include "base/text.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum entry_kind { ENTRY_POOL, ENTRY_NETWORK, ENTRY_MACHINE };

enum entry_flag {
	ENTRY_WHOLE = 1 << 0,      /* of a machine: more than its name is known */
	ENTRY_ENDED_WELL = 1 << 1, /* its last run did not fail */
	ENTRY_RUNS = 1 << 2,       /* the fields of its run are known */
	ENTRY_BOOTED = 1 << 3,
	ENTRY_LEASED = 1 << 4,
	ENTRY_PRIVILEGED = 1 << 5,
	ENTRY_NESTING = 1 << 6,
};

/* The texts of an entry follow it, each with its NUL: name, template, pool, network, and name and value of each label. */
struct entry {
	uint32_t length; /* with its texts, a multiple of 8 */
	uint16_t kind, flags;
	/*
	 * Stamps. Of a machine: its folder, its settings, its run folder, its lease. Of a network: the folder of its
	 * leases by name, its settings. Of a pool: inventory_stamp in settings.
	 */
	uint64_t folder, settings, run, lease;
	uint64_t created, started; /* seconds since the epoch */
	int32_t init, keeper;
	struct in_addr address;
	struct in6_addr address6;
	uint16_t prefix, prefix6;
	uint16_t labels, texts; /* their numbers */
};

struct index {
	char *data; /* owned; NULL: there is none */
	size_t length;
	uint64_t machines; /* the stamp of the folder of all machines */
	size_t count;      /* machines */
};

/* Reads the index. Quiet: index->data is NULL where there is none that can be used. */
void index_open(struct index *index, const struct dirs *dirs);
void index_close(struct index *index);
/* The first entry, and the next one; NULL after the last one. Pools and networks come first, machines as in a list. */
const struct entry *index_next(const struct index *index, const struct entry *entry);

/* Begins the texts of entries; entry_add adds an entry with its texts, NULL-terminated, and fills in length and texts. */
void entry_add(struct text *entries, struct entry entry, const char *const *texts);
/* The text of that number, borrowed. */
const char *entry_text(const struct entry *entry, size_t number);

/*
 * Writes an index with these entries, of which `count` are machines, unless another process does so just now. Quiet,
 * because it is written by commands that only look.
 */
void index_write(const struct dirs *dirs, uint64_t machines, size_t count,
		 const struct text *entries);

#endif
