/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/boot.h"

#include "base/scoped.h"
#include "base/text.h"
#include "machine/state/machine.h"
#include "machine/state/move.h"

#include <string.h>
#include <unistd.h>

void boot_free(struct boot *boot)
{
	for (size_t i = 0; i < boot->count; i++) {
		free(boot->items[i].name);
		free(boot->items[i].after_names);
		free(boot->items[i].after);
		free(boot->items[i].absent);
	}
	free(boot->items);
	*boot = (struct boot){ 0 };
}

int boot_add(struct boot *boot, const char *name, uint64_t order, uint64_t delay_seconds,
	     const char *after)
{
	struct boot_item *items = realloc(boot->items, (boot->count + 1) * sizeof *items);

	if (!items)
		return -ENOMEM;
	boot->items = items;
	struct boot_item *item = &items[boot->count++];
	*item = (struct boot_item){
		.name = strdup(name),
		.order = order,
		.delay = delay_seconds * 1000,
		.after_names = strdup(after),
	};
	return item->name && item->after_names ? 0 : -ENOMEM;
}

static bool find_item(const struct boot *boot, const char *name, size_t *index)
{
	for (*index = 0; *index < boot->count; ++*index) {
		if (strcmp(boot->items[*index].name, name) == 0)
			return true;
	}
	return false;
}

/* Turns the names in boot.after into indices. */
static int link_item(struct boot *boot, struct boot_item *item)
{
	size_t index, most = strlen(item->after_names) / 2 + 1;
	scoped_free char *copy = strdup(item->after_names);
	char *rest = copy;

	item->after = calloc(most, sizeof *item->after);
	if (!copy || !item->after)
		return -ENOMEM;
	for (char *name; (name = strsep(&rest, " ,"));) {
		if (!*name)
			continue;
		if (find_item(boot, name, &index))
			item->after[item->after_count++] = index;
		else if (!item->absent && !(item->absent = strdup(name)))
			return -ENOMEM;
	}
	return 0;
}

/*
 * Whether `from` waits for `to`, directly or through others; `way` of each machine on the path is the machine that
 * waits for it.
 */
static bool find_way(const struct boot *boot, size_t from, size_t to, size_t *way)
{
	const struct boot_item *item = &boot->items[from];

	for (size_t i = 0; i < item->after_count; i++) {
		size_t next = item->after[i];
		if (way[next] < boot->count)
			continue;
		way[next] = from;
		if (next == to || find_way(boot, next, to, way))
			return true;
	}
	return false;
}

/* "a waits for b, b for c, c for a" */
static void set_fault(struct boot *boot, size_t index, const size_t *way)
{
	scoped_free char *chain = NULL;
	size_t at = index;

	do {
		bool first = way[at] == index;
		char *longer = text_format("'%s' %sfor '%s'%s%s", boot->items[way[at]].name,
					   first ? "waits " : "", boot->items[at].name,
					   chain ? ", " : "", chain ? chain : "");
		free(chain);
		chain = longer;
		at = way[at];
	} while (at != index && chain);
	err_set(&boot->items[index].fault, ELOOP,
		"machine '%s' cannot be started with the others: %.300s; change boot.after of one "
		"of them",
		boot->items[index].name, chain ? chain : "they wait for each other");
}

static int find_circles(struct boot *boot)
{
	scoped_free size_t *way = malloc((boot->count + 1) * sizeof *way);

	if (!way)
		return -ENOMEM;
	for (size_t i = 0; i < boot->count; i++) {
		for (size_t j = 0; j < boot->count; j++)
			way[j] = SIZE_MAX;
		if (find_way(boot, i, i, way))
			set_fault(boot, i, way);
	}
	return 0;
}

/* Repeats while an order rises: at most as often as the longest chain has machines. */
static bool raise_ranks(struct boot *boot)
{
	bool risen = false;

	for (size_t i = 0; i < boot->count; i++) {
		struct boot_item *item = &boot->items[i];
		for (size_t j = 0; j < item->after_count && !item->fault.code; j++) {
			const struct boot_item *before = &boot->items[item->after[j]];
			if (before->fault.code || before->rank <= item->rank)
				continue;
			item->rank = before->rank;
			risen = true;
		}
	}
	return risen;
}

int boot_arrange(struct boot *boot)
{
	for (size_t i = 0; i < boot->count; i++) {
		int r = link_item(boot, &boot->items[i]);
		if (r < 0)
			return r;
		boot->items[i].rank = boot->items[i].order;
	}
	int r = find_circles(boot);
	while (r == 0 && raise_ranks(boot))
		;
	return r;
}

static uint64_t until(const struct boot_item *before, uint64_t now)
{
	if (before->phase < BOOT_UP)
		return BOOT_NEVER;
	return before->ready_at > now ? before->ready_at - now : 0;
}

uint64_t boot_start_in(const struct boot *boot, size_t index, uint64_t now)
{
	const struct boot_item *item = &boot->items[index];
	uint64_t longest = 0;

	for (size_t i = 0; i < boot->count; i++) {
		const struct boot_item *before = &boot->items[i];
		uint64_t wait =
			before->fault.code || before->rank >= item->rank ? 0 : until(before, now);
		if (wait > longest)
			longest = wait;
	}
	for (size_t i = 0; i < item->after_count && !item->fault.code; i++) {
		const struct boot_item *before = &boot->items[item->after[i]];
		uint64_t wait = before->fault.code          ? 0
				: before->phase < BOOT_OVER ? BOOT_NEVER
							    : until(before, now);
		if (wait > longest)
			longest = wait;
	}
	return longest;
}

static bool waits_for(const struct boot_item *item, size_t index)
{
	for (size_t i = 0; i < item->after_count && !item->fault.code; i++) {
		if (item->after[i] == index)
			return true;
	}
	return false;
}

bool boot_is_awaited(const struct boot *boot, size_t index)
{
	for (size_t i = 0; i < boot->count; i++) {
		if (waits_for(&boot->items[i], index))
			return true;
	}
	return false;
}

bool boot_may_stop(const struct boot *boot, size_t index)
{
	const struct boot_item *item = &boot->items[index];

	for (size_t i = 0; i < boot->count; i++) {
		const struct boot_item *other = &boot->items[i];
		if (other->phase < BOOT_OVER &&
		    (other->rank > item->rank || waits_for(other, index)))
			return false;
	}
	return true;
}

struct reading {
	struct boot *boot;
	const struct dirs *dirs;
	enum boot_which which;
};

/* Whether a machine is another host's, so that it is not among those that are started here. */
static bool is_elsewhere(const struct machine *machine)
{
	struct move_mark mark;

	return move_read(machine, &mark, &(struct err){ 0 }) == 0 &&
	       (mark.phase == MOVE_MOVED || mark.phase == MOVE_ARRIVING);
}

/* Broken settings prevent a start, but not a stop. */
static int add_unread(struct boot *boot, const char *name, const struct err *fault)
{
	int r = boot_add(boot, name, 0, 0, "");

	if (r == 0)
		boot->items[boot->count - 1].fault = *fault;
	return r;
}

static int read_one(void *context, const char *name)
{
	struct reading *reading = context;
	scoped_machine struct machine machine = { 0 };
	scoped_free char *run = dirs_run_path(reading->dirs, "machines/%s", name);
	struct err fault = { 0 };

	if (!run)
		return -ENOMEM;
	if (reading->which == BOOT_RUNNING && access(run, F_OK) < 0)
		return 0;
	int r = machine_read(&machine, reading->dirs, name, &fault);
	if (r == -ENOENT) /* half made, or deleted since it was listed */
		return 0;
	if (r < 0)
		return add_unread(reading->boot, name, &fault);
	if (reading->which == BOOT_AUTOSTART && !machine.config.autostart)
		return 0;
	if (reading->which != BOOT_RUNNING && is_elsewhere(&machine))
		return 0;
	return boot_add(reading->boot, name, machine.config.boot_order, machine.config.boot_delay,
			machine.config.boot_after);
}

int boot_read(struct boot *boot, const struct dirs *dirs, enum boot_which which, struct err *err)
{
	struct reading reading = { boot, dirs, which };

	*boot = (struct boot){ 0 };
	int r = machine_list(dirs, read_one, &reading, err);
	if (r == 0)
		r = boot_arrange(boot);
	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : r;
}

static int replace_after(struct boot_item *item, const char *after)
{
	char *copy = strdup(after);

	if (!copy)
		return -ENOMEM;
	free(item->after_names);
	item->after_names = copy;
	item->fault = (struct err){ 0 };
	return 0;
}

int boot_check_after(const struct dirs *dirs, const char *name, const char *after, struct err *err)
{
	scoped_boot struct boot boot = { 0 };
	struct reading reading = { &boot, dirs, BOOT_ALL };
	size_t index;

	int r = machine_list(dirs, read_one, &reading, err);
	if (r == 0 && !find_item(&boot, name, &index))
		return 0;
	if (r == 0)
		r = replace_after(&boot.items[index], after);
	if (r == 0)
		r = boot_arrange(&boot);
	if (r == 0 && boot.items[index].fault.code == ELOOP)
		*err = boot.items[index].fault;
	return r < 0 && !err->code ? err_set(err, -r, "out of memory") : -err->code;
}
