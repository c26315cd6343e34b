/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples of machines: a small look at each, as of list; the use of resources, as of top; the traffic, as of info. */
#include "cmd/host/metrics.h"

#include "base/room.h"
#include "base/scoped.h"
#include "machine/backup/held.h"
#include "machine/backup/view.h"
#include "machine/life/life.h"
#include "machine/state/machine.h"
#include "storage/inventory.h"

#include <stdlib.h>
#include <string.h>

enum { STATES = MACHINE_STOPPING + 1 };

/* A snapshot that a backup has left in a pool. */
struct held {
	char machine[64];
	struct snapshot_entry entry;
};

struct looking {
	struct metrics *metrics;
	struct held *held; /* owned; sorted by machine */
	size_t held_count, held_room;
	uint64_t states[STATES], broken;
};

/* ---- Backups */

/* Volumes "snapshot.MACHINE.NAME"; no part has a dot. */
static int visit_volume(void *context, const char *pool, const char *volume)
{
	struct looking *looking = context;
	struct held held = { 0 };

	(void)pool;
	if (!text_starts(volume, "snapshot."))
		return 0;
	const char *machine = volume + strlen("snapshot."), *dot = strchr(machine, '.');
	if (!dot || !held_is(dot + 1, NULL, NULL) ||
	    text_print(held.machine, sizeof held.machine, "%.*s", (int)(dot - machine), machine) <
		    0 ||
	    text_print(held.entry.name, sizeof held.entry.name, "%s", dot + 1) < 0)
		return 0;
	if (room_for_one(&looking->held, looking->held_count, &looking->held_room,
			 sizeof *looking->held) < 0)
		return -ENOMEM;
	looking->held[looking->held_count++] = held;
	return 0;
}

static int by_machine(const void *a, const void *b)
{
	return strcmp(((const struct held *)a)->machine, ((const struct held *)b)->machine);
}

static int find_held(struct looking *looking, struct err *err)
{
	scoped_inventory struct inventory inventory = { .dirs = looking->metrics->dirs,
							.quick = true };
	int r = inventory_each(&inventory, visit_volume, looking, err);

	if (r < 0)
		return err->code ? r : err_set(err, -r, "out of memory");
	if (looking->held_count)
		qsort(looking->held, looking->held_count, sizeof *looking->held, by_machine);
	return 0;
}

/* The first one of a machine, or the number of all. */
static size_t first_held(const struct looking *looking, const char *machine)
{
	size_t low = 0, high = looking->held_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(looking->held[middle].machine, machine) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_backup(const struct looking *looking, const struct machine *machine)
{
	const struct metric_label labels[] = { { "machine", machine->name }, { 0 } };
	size_t first = first_held(looking, machine->name), count = 0;
	struct backup_view view;

	while (first + count < looking->held_count &&
	       strcmp(looking->held[first + count].machine, machine->name) == 0)
		count++;
	scoped_free struct snapshot_entry *entries = calloc(count + 1, sizeof *entries);
	for (size_t i = 0; entries && i < count; i++)
		entries[i] = looking->held[first + i].entry;
	backup_look(machine, entries, entries ? count : 0, &view);
	if (view.last)
		metric_add(looking->metrics, METRIC_BACKUP_LAST, view.last, labels);
	if (view.last || view.failed || *machine->config.backup_schedule)
		metric_add(looking->metrics, METRIC_BACKUP_FAILED, view.failed, labels);
	backup_view_free(&view);
}

/* ---- Use */

static void add_known(struct metrics *metrics, enum family_id id, uint64_t value,
		      const struct metric_label *labels)
{
	if (value != MACHINE_USAGE_UNKNOWN)
		metric_add(metrics, id, value, labels);
}

static void add_usage(struct metrics *metrics, const struct machine *machine,
		      const struct metric_label *labels)
{
	struct machine_usage usage;

	machine_usage(machine, &usage);
	if (usage.cpu != MACHINE_USAGE_UNKNOWN)
		metric_add_seconds(metrics, METRIC_CPU, usage.cpu, labels);
	add_known(metrics, METRIC_MEMORY, usage.memory, labels);
	add_known(metrics, METRIC_SWAP, usage.swap, labels);
	add_known(metrics, METRIC_PROCS, usage.pids, labels);
	add_known(metrics, METRIC_DISK_READ, usage.read, labels);
	add_known(metrics, METRIC_DISK_WRITTEN, usage.written, labels);
	metric_add(metrics, METRIC_RESTARTS, usage.restarts, labels);
}

static void add_traffic(struct metrics *metrics, const struct machine *machine)
{
	struct nic_traffic list[NICS_MAX];
	size_t count = machine_traffic(machine, list);

	for (size_t i = 0; i < count; i++) {
		const struct traffic *traffic = &list[i].traffic;
		const struct metric_label labels[] = { { "machine", machine->name },
						       { "device", list[i].nic },
						       { 0 } };
		metric_add(metrics, METRIC_RECEIVED, traffic->received_bytes, labels);
		metric_add(metrics, METRIC_RECEIVED_PACKETS, traffic->received_packets, labels);
		metric_add(metrics, METRIC_SENT, traffic->sent_bytes, labels);
		metric_add(metrics, METRIC_SENT_PACKETS, traffic->sent_packets, labels);
		if (!traffic->unguarded)
			metric_add(metrics, METRIC_GUARDED, traffic->guarded, labels);
	}
}

static void add_run(struct metrics *metrics, const struct machine *machine,
		    const struct machine_status *status)
{
	const struct metric_label labels[] = { { "machine", machine->name }, { 0 } };

	if (machine_is_down(status->state))
		return;
	metric_add(metrics, METRIC_BOOTED, status->booted, labels);
	if (status->started)
		metric_add(metrics, METRIC_START_TIME, status->started, labels);
	if (status->memory_max)
		metric_add(metrics, METRIC_MEMORY_LIMIT, status->memory_max, labels);
	add_usage(metrics, machine, labels);
	add_traffic(metrics, machine);
}

/* ---- Machines */

static void add_state(struct metrics *metrics, const char *name, const char *state)
{
	metric_add(metrics, METRIC_MACHINE_STATE, 1,
		   (const struct metric_label[]){ { "machine", name }, { "state", state }, { 0 } });
}

/* A machine that was deleted meanwhile, or was never finished, has no samples. */
static int visit_machine(void *context, const char *name)
{
	struct looking *looking = context;
	struct metrics *metrics = looking->metrics;
	scoped_machine struct machine machine = { 0 };
	struct machine_status status;

	int r = machine_look(&machine, metrics->dirs, name, &(struct err){ 0 });
	if (r == -ENOENT)
		return 0;
	if (r < 0 || machine.fault.code) {
		looking->broken++;
		add_state(metrics, name, "broken");
		return 0;
	}
	machine_glance(&machine, &status);
	looking->states[status.state]++;
	add_state(metrics, name, machine_state_name(status.state));
	add_run(metrics, &machine, &status);
	add_backup(looking, &machine);
	return 0;
}

static void add_count(struct metrics *metrics, const char *state, uint64_t count)
{
	metric_add(metrics, METRIC_MACHINES, count,
		   (const struct metric_label[]){ { "state", state }, { 0 } });
}

int metrics_add_machines(struct metrics *metrics, struct err *err)
{
	struct looking looking = { .metrics = metrics };
	int r = find_held(&looking, err);

	if (r == 0)
		r = machine_list(metrics->dirs, visit_machine, &looking, err);
	free(looking.held);
	for (size_t i = 0; i < STATES; i++)
		add_count(metrics, machine_state_name((enum machine_state)i), looking.states[i]);
	add_count(metrics, "broken", looking.broken);
	return r;
}
