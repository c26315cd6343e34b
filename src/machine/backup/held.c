/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/held.h"

#include "base/scoped.h"

#include <errno.h>
#include <string.h>

#define HELD "backup-"

enum { SUM_DIGITS = 8, NUMBER_MAX = 1000 };

void held_prefix(const char *target, char prefix[32])
{
	snprintf(prefix, 32, HELD "%08x-", (unsigned)text_hash(target));
}

bool held_is(const char *name, const char *prefix, uint64_t *date)
{
	uint64_t when, number;

	if (!text_starts(name, prefix ? prefix : HELD))
		return false;
	name += strlen(HELD);
	if (strspn(name, "0123456789abcdef") < SUM_DIGITS || name[SUM_DIGITS] != '-')
		return false;
	name += SUM_DIGITS + 1;
	int n = stamp_parse(name, &when);
	if (n < 0 ||
	    (name[n] && (name[n] != '-' || text_to_u64(name + n + 1, 2, NUMBER_MAX, &number) < 0)))
		return false;
	if (date)
		*date = when;
	return true;
}

static int delete_one(struct machine *machine, const char *name, size_t *count, struct err *err)
{
	struct err one = { 0 };

	if (snapshot_delete(machine, name, &one) == 0) {
		*count += 1;
		return 0;
	}
	if (one.code != ENOENT && !err->code)
		*err = one;
	return -err->code;
}

int held_drop(struct machine *machine, const char *prefix, const char *kept, size_t *count,
	      struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	size_t there = 0, gone = 0;

	if (snapshot_list(machine, &list, &there, err) < 0)
		return -err->code;
	for (size_t i = 0; i < there; i++) {
		if (held_is(list[i].name, prefix, NULL) && strcmp(list[i].name, kept) != 0)
			delete_one(machine, list[i].name, &gone, err);
	}
	if (count)
		*count += gone;
	return -err->code;
}

int held_clear(struct machine *machine, const char *prefix, const struct backups *backups,
	       uint64_t *date, struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	size_t there = 0, gone = 0;
	uint64_t when;

	*date = 0;
	if (snapshot_list(machine, &list, &there, err) < 0)
		return -err->code;
	for (size_t i = 0; i < there; i++) {
		if (!held_is(list[i].name, prefix, &when) || backups_of(backups, when))
			continue;
		delete_one(machine, list[i].name, &gone, err);
		*date = when;
	}
	return -err->code;
}
