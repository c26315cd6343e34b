/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Metrics in the text format of Prometheus: a table of families, and the lines of each. */
#ifndef BERTH_CMD_HOST_METRICS_H
#define BERTH_CMD_HOST_METRICS_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

enum family_id {
	METRIC_BUILD_INFO,
	METRIC_MACHINES,
	METRIC_MACHINE_STATE,
	METRIC_BOOTED,
	METRIC_START_TIME,
	METRIC_RESTARTS,
	METRIC_CPU,
	METRIC_MEMORY,
	METRIC_MEMORY_LIMIT,
	METRIC_SWAP,
	METRIC_PROCS,
	METRIC_DISK_READ,
	METRIC_DISK_WRITTEN,
	METRIC_RECEIVED,
	METRIC_RECEIVED_PACKETS,
	METRIC_SENT,
	METRIC_SENT_PACKETS,
	METRIC_GUARDED,
	METRIC_BACKUP_LAST,
	METRIC_BACKUP_FAILED,
	METRIC_POOL_UP,
	METRIC_POOL_WRITABLE,
	METRIC_POOL_SIZE,
	METRIC_POOL_USED,
	METRIC_POOL_METADATA_SIZE,
	METRIC_POOL_METADATA_USED,
	METRIC_POOL_PROMISED,
	METRIC_POOL_OVERCOMMIT,
	METRIC_NETWORK_UP,
	METRIC_NETWORK_DNS,
	METRIC_NETWORK_PORTS,
	METRIC_NETWORK_LEASES,
	METRIC_STARTS,
	METRIC_ALL_RESTARTS,
	METRIC_ENDS,
	METRIC_LIMIT_HITS,
	METRIC_OPERATIONS,
	METRIC_OPERATION_SECONDS,
	METRIC_FAMILIES,
};

struct metric_family {
	const char *name, *type;
	const char *labels; /* "machine, device" */
	const char *help;
};
extern const struct metric_family metric_families[METRIC_FAMILIES];

struct metrics {
	const struct dirs *dirs;
	struct text lines[METRIC_FAMILIES]; /* owned */
};
void metrics_free(struct metrics *metrics);

/* A list of labels ends with { 0 }. Values may have any bytes. */
struct metric_label {
	const char *name, *value;
};
/* Adds a sample. The second function takes microseconds for a family of seconds. */
void metric_add(struct metrics *metrics, enum family_id id, uint64_t value,
		const struct metric_label *labels);
void metric_add_seconds(struct metrics *metrics, enum family_id id, uint64_t microseconds,
			const struct metric_label *labels);
void metric_add_ratio(struct metrics *metrics, enum family_id id, double value,
		      const struct metric_label *labels);

/* Samples of machines; of pools, networks and events. What vanishes meanwhile is left out. 0 or -code. */
int metrics_add_machines(struct metrics *metrics, struct err *err);
int metrics_add_host(struct metrics *metrics, struct err *err);

/* Adds all families that have samples, with their heads. */
void metrics_text(const struct metrics *metrics, struct text *out);

#endif
