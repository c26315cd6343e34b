/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples of pools, networks and events. Nothing is attached or brought up for them. */
#include "cmd/host/metrics.h"

#include "base/file.h"
#include "base/scoped.h"
#include "keeper/event_count.h"
#include "machine/state/operation_counts.h"
#include "network/network.h"
#include "storage/storage.h"

#include <fcntl.h>
#include <string.h>

static void add_pool_state(struct metrics *metrics, const struct pool_state *state,
			   const struct pool_usage *usage, const struct metric_label *labels)
{
	metric_add(metrics, METRIC_POOL_WRITABLE,
		   !state->refused.code && strcmp(state->mode, "writes") == 0, labels);
	metric_add(metrics, METRIC_POOL_METADATA_SIZE, state->metadata_total, labels);
	metric_add(metrics, METRIC_POOL_METADATA_USED, state->metadata_used, labels);
	metric_add(metrics, METRIC_POOL_PROMISED, state->promised, labels);
	if (usage->total)
		metric_add_ratio(metrics, METRIC_POOL_OVERCOMMIT,
				 (double)state->promised / (double)usage->total, labels);
}

/* False: the pool is not attached, or cannot be read. */
static bool add_pool(struct metrics *metrics, const char *name, const struct metric_label *labels)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	struct pool_usage usage = { 0 };
	struct pool_state state;
	struct err err = { 0 };

	if (pool_view_attached(&pool, metrics->dirs, name, &err) != 0 ||
	    pool.ops->pool_usage(&pool, &usage, &err) < 0)
		return false;
	metric_add(metrics, METRIC_POOL_SIZE, usage.total, labels);
	metric_add(metrics, METRIC_POOL_USED, usage.used, labels);
	if (pool_look(&pool, &state, &err) == 0)
		add_pool_state(metrics, &state, &usage, labels);
	return !err.code;
}

static int visit_pool(void *context, const char *name)
{
	struct metrics *metrics = context;
	const struct metric_label labels[] = { { "pool", name }, { 0 } };

	metric_add(metrics, METRIC_POOL_UP, add_pool(metrics, name, labels), labels);
	return 0;
}

static int visit_network(void *context, const char *name)
{
	struct metrics *metrics = context;
	const struct metric_label labels[] = { { "network", name }, { 0 } };
	scoped_network struct network network = { 0 };
	struct network_status status = { 0 };
	struct err err = { 0 };

	int r = network_open(&network, metrics->dirs, name, &err);
	if (r == 0)
		r = network_status(&network, &status, &err);
	if (r == -ENOENT)
		return 0;
	metric_add(metrics, METRIC_NETWORK_UP, r == 0 && status.up && !status.fault.code, labels);
	if (r < 0)
		return 0;
	if (status.up && config_is_own(&network.config) && network.config.dhcp)
		metric_add(metrics, METRIC_NETWORK_DNS, status.dns, labels);
	metric_add(metrics, METRIC_NETWORK_PORTS, (uint64_t)status.ports, labels);
	metric_add(metrics, METRIC_NETWORK_LEASES, (uint64_t)status.leases, labels);
	return 0;
}

/* A counter that begins with its first event would hide that event from rate(). */
static void add_ends(struct metrics *metrics, const struct event_counts *counts)
{
	static const char *const outcomes[] = { "clean", "killed", "failed" };

	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
		metric_add(metrics, METRIC_ENDS,
			   event_counts_of(counts, "stopped", outcomes[i]) +
				   event_counts_of(counts, "ended", outcomes[i]),
			   (const struct metric_label[]){ { "outcome", outcomes[i] }, { 0 } });
}

static int add_events(struct metrics *metrics, struct err *err)
{
	static const struct metric_label none[] = { { 0 } };
	scoped_free char *path = dirs_run_path(metrics->dirs, "events");
	struct event_counts counts = { 0 };
	int r = path ? event_counts_read(AT_FDCWD, path, &counts) : -ENOMEM;

	if (r < 0)
		return err_set(err, -r,
			       "read '%s' and its older files: %s; remove what is in their place",
			       path ? path : "events", file_why(r));
	metric_add(metrics, METRIC_STARTS, event_counts_of(&counts, "started", NULL), none);
	metric_add(metrics, METRIC_ALL_RESTARTS,
		   event_counts_of(&counts, "restarted", NULL) +
			   event_counts_of(&counts, "rebooted", NULL),
		   none);
	add_ends(metrics, &counts);
	for (size_t i = 0; i < counts.count; i++) {
		const struct event_count *at = &counts.list[i];
		if (strcmp(at->name, "limit") == 0)
			metric_add(metrics, METRIC_LIMIT_HITS, at->count,
				   (const struct metric_label[]){ { "limit", at->detail }, { 0 } });
	}
	return 0;
}

static int add_operations(struct metrics *metrics, struct err *err)
{
	struct operation_count counts[OPERATION_COUNTS_MAX];
	size_t count;
	int r = operation_counts_read(metrics->dirs, counts, &count);

	if (r < 0)
		return err_set(err, -r, "read the counts of operations: %s", file_why(r));
	for (size_t i = 0; i < count; i++) {
		const struct metric_label labels[] = { { "verb", counts[i].verb },
						       { "result", counts[i].result },
						       { 0 } };
		metric_add(metrics, METRIC_OPERATIONS, counts[i].count, labels);
		metric_add_seconds(metrics, METRIC_OPERATION_SECONDS, counts[i].microseconds,
				   labels);
	}
	return 0;
}

int metrics_add_host(struct metrics *metrics, struct err *err)
{
	int r = pool_list(metrics->dirs, visit_pool, metrics, err);

	if (r == 0)
		r = network_list(metrics->dirs, visit_network, metrics, err);
	if (r == 0)
		r = add_events(metrics, err);
	return r < 0 ? r : add_operations(metrics, err);
}
