/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/automatic.h"

#include "base/scoped.h"
#include "config/policy.h"

#include <string.h>

#define AUTOMATIC "auto-"

enum { SAME_SECOND_MAX = 100, NUMBER_MAX = 1000 };

bool snapshot_is_automatic(const char *name, uint64_t *taken)
{
	uint64_t time, number;

	if (!text_starts(name, AUTOMATIC))
		return false;
	name += strlen(AUTOMATIC);
	int n = stamp_parse(name, &time);
	if (n < 0 ||
	    (name[n] && (name[n] != '-' || text_to_u64(name + n + 1, 2, NUMBER_MAX, &number) < 0)))
		return false;
	if (taken)
		*taken = time;
	return true;
}

int snapshot_take_dated(struct machine *machine, const char *prefix, uint64_t now, unsigned how,
			char name[64], struct err *err)
{
	char stamp[STAMP_SIZE];
	int r = -EEXIST;

	if (stamp_print(now, stamp) < 0)
		return err_set(err, EOVERFLOW, "the clock's time cannot be written");
	for (unsigned n = 1; r == -EEXIST && n < SAME_SECOND_MAX; n++) {
		char number[8] = "";
		*err = (struct err){ 0 };
		if (n > 1)
			snprintf(number, sizeof number, "-%u", n);
		if (text_print(name, 64, "%s%s%s", prefix, stamp, number) < 0)
			return err_set(err, EOVERFLOW, "the name of the snapshot is too long");
		r = snapshot_take(machine, name, how, err);
	}
	return r;
}

/* ---- The policy */

struct states {
	struct state {
		char name[64];
		uint64_t taken;
	} * list;        /* owned; the oldest first */
	uint64_t *times; /* owned: those of the list */
	size_t count;
};

static void states_free(struct states *states)
{
	free(states->list);
	free(states->times);
}
#define scoped_states __attribute__((cleanup(states_free)))

static int by_time(const void *a, const void *b)
{
	const struct state *one = a, *other = b;

	if (one->taken != other->taken)
		return one->taken < other->taken ? -1 : 1;
	return strcmp(one->name, other->name);
}

/* extra: a further one, which is not there yet; or NULL. */
static int find_states(struct machine *machine, const char *extra, struct states *states,
		       struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;

	if (snapshot_list(machine, &list, &count, err) < 0)
		return -err->code;
	states->list = calloc(count + 1, sizeof *states->list);
	states->times = calloc(count + 1, sizeof *states->times);
	if (!states->list || !states->times)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < count + (extra != NULL); i++) {
		struct state *one = &states->list[states->count];
		const char *name = i < count ? list[i].name : extra;
		if (snapshot_is_automatic(name, &one->taken) &&
		    text_print(one->name, sizeof one->name, "%s", name) == 0)
			states->count++;
	}
	qsort(states->list, states->count, sizeof *states->list, by_time);
	for (size_t i = 0; i < states->count; i++)
		states->times[i] = states->list[i].taken;
	return 0;
}

static int take_due(struct machine *machine, struct automatic *automatic, struct err *err)
{
	scoped_states struct states states = { 0 };
	struct schedule schedule;
	char stamp[STAMP_SIZE];

	if (config_schedule(machine->config.snapshots_schedule, &schedule, err) < 0 ||
	    find_states(machine, NULL, &states, err) < 0)
		return -err->code;
	if (!schedule_is_due(&schedule, automatic->now, states.times, states.count))
		return 0;
	if (automatic->dry && stamp_print(automatic->now, stamp) == 0) {
		snprintf(automatic->taken, sizeof automatic->taken, AUTOMATIC "%s", stamp);
		return 0;
	}
	int r = snapshot_take_dated(machine, AUTOMATIC, automatic->now, false, automatic->taken,
				    err);
	if (r < 0)
		*automatic->taken = '\0';
	return r;
}

static int delete_old(struct machine *machine, struct automatic *automatic, struct err *err)
{
	scoped_states struct states states = { 0 };
	struct keep keep;

	if (config_keep(machine->config.snapshots_keep, &keep, err) < 0 ||
	    find_states(machine, automatic->dry && *automatic->taken ? automatic->taken : NULL,
			&states, err) < 0)
		return -err->code;
	scoped_free bool *kept = calloc(states.count + 1, sizeof *kept);
	if (!kept)
		return err_set(err, ENOMEM, "out of memory");
	keep_choose(&keep, automatic->now, states.times, states.count, kept);
	for (size_t i = 0; i < states.count; i++) {
		const char *name = states.list[i].name;
		struct err one = { 0 };
		/* A snapshot that another command has deleted meanwhile is gone too. */
		if (kept[i] || (!automatic->dry && snapshot_delete(machine, name, &one) == -ENOENT))
			continue;
		if (one.code && !err->code)
			*err = one;
		else if (!one.code)
			text_add(&automatic->deleted, "%s\n", name);
	}
	return -err->code;
}

int snapshots_by_policy(struct machine *machine, struct automatic *automatic, struct err *err)
{
	struct err failed = { 0 };

	if (machine_check(machine, err) < 0)
		return -err->code;
	if (!*machine->config.snapshots_schedule)
		return 0;
	/* A pool that is too full for a snapshot gets room by those that go. */
	take_due(machine, automatic, err);
	if (delete_old(machine, automatic, &failed) < 0 && !err->code)
		*err = failed;
	return -err->code;
}
