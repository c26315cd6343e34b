/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The families of metrics, and how their samples are written. */
#include "cmd/host/metrics.h"

#include <inttypes.h>

/* The names are those of Incus where it has the metric. */
const struct metric_family metric_families[METRIC_FAMILIES] = {
	[METRIC_BUILD_INFO] = { "berth_build_info", "gauge", "version",
				"The version of berth; always 1" },
	[METRIC_MACHINES] = { "berth_machines", "gauge", "state", "Machines in each state" },
	[METRIC_MACHINE_STATE] = { "berth_machine_state", "gauge", "machine, state",
				   "The state of a machine; always 1" },
	[METRIC_BOOTED] = { "berth_machine_booted", "gauge", "machine",
			    "Whether a running machine has booted" },
	[METRIC_START_TIME] = { "berth_machine_start_time_seconds", "gauge", "machine",
				"When a running machine was started, in seconds since 1970" },
	[METRIC_RESTARTS] = { "berth_machine_restarts_total", "counter", "machine",
			      "Reboots and automatic restarts of a machine since it was started" },
	[METRIC_CPU] = { "berth_cpu_seconds_total", "counter", "machine",
			 "Time of all processors that a machine has used since its start" },
	[METRIC_MEMORY] = { "berth_memory_used_bytes", "gauge", "machine",
			    "Memory of a machine, with its cache of files" },
	[METRIC_MEMORY_LIMIT] = { "berth_memory_limit_bytes", "gauge", "machine",
				  "Memory that a machine may use" },
	[METRIC_SWAP] = { "berth_memory_swap_bytes", "gauge", "machine",
			  "Swap that a machine uses" },
	[METRIC_PROCS] = { "berth_procs", "gauge", "machine",
			   "Processes and threads of a machine" },
	[METRIC_DISK_READ] = { "berth_disk_read_bytes_total", "counter", "machine",
			       "Bytes that a machine has read from disks since its start" },
	[METRIC_DISK_WRITTEN] = { "berth_disk_written_bytes_total", "counter", "machine",
				  "Bytes that a machine has written to disks since its start" },
	[METRIC_RECEIVED] = { "berth_network_receive_bytes_total", "counter", "machine, device",
			      "Bytes that an interface of a machine has received" },
	[METRIC_RECEIVED_PACKETS] = { "berth_network_receive_packets_total", "counter",
				      "machine, device",
				      "Packets that an interface of a machine has received" },
	[METRIC_SENT] = { "berth_network_transmit_bytes_total", "counter", "machine, device",
			  "Bytes that an interface of a machine has sent" },
	[METRIC_SENT_PACKETS] = { "berth_network_transmit_packets_total", "counter",
				  "machine, device",
				  "Packets that an interface of a machine has sent" },
	[METRIC_GUARDED] = { "berth_network_guard_dropped_packets_total", "counter",
			     "machine, device",
			     "Packets with a false sender that the guard of a port has dropped" },
	[METRIC_BACKUP_LAST] = { "berth_backup_last_success_timestamp_seconds", "gauge", "machine",
				 "Time of the last backup of a machine, in seconds since 1970" },
	[METRIC_BACKUP_FAILED] = { "berth_backup_failed", "gauge", "machine",
				   "Whether later backups of a machine have failed" },
	[METRIC_POOL_UP] = { "berth_pool_up", "gauge", "pool",
			     "Whether a pool is attached and can be read" },
	[METRIC_POOL_WRITABLE] = { "berth_pool_writable", "gauge", "pool",
				   "Whether a thin pool takes changes" },
	[METRIC_POOL_SIZE] = { "berth_pool_size_bytes", "gauge", "pool", "Space of a pool" },
	[METRIC_POOL_USED] = { "berth_pool_used_bytes", "gauge", "pool", "Used space of a pool" },
	[METRIC_POOL_METADATA_SIZE] = { "berth_pool_metadata_size_bytes", "gauge", "pool",
					"Space for metadata of a pool that has it apart" },
	[METRIC_POOL_METADATA_USED] = { "berth_pool_metadata_used_bytes", "gauge", "pool",
					"Used space for metadata of a pool" },
	[METRIC_POOL_PROMISED] = { "berth_pool_promised_bytes", "gauge", "pool",
				   "Sizes of all volumes of a thin pool together" },
	[METRIC_POOL_OVERCOMMIT] = { "berth_pool_overcommit_ratio", "gauge", "pool",
				     "Sizes of all volumes of a thin pool, divided by its space" },
	[METRIC_NETWORK_UP] = { "berth_network_up", "gauge", "network", "Whether a network is up" },
	[METRIC_NETWORK_DNS] = { "berth_network_dns", "gauge", "network",
				 "Whether the dnsmasq of a network runs, if it is to have one" },
	[METRIC_NETWORK_PORTS] = { "berth_network_ports", "gauge", "network",
				   "Interfaces of running machines on a network" },
	[METRIC_NETWORK_LEASES] = { "berth_network_leases", "gauge", "network",
				    "Machines that have an address on a network" },
	[METRIC_STARTS] = { "berth_starts_total", "counter", "",
			    "Starts of machines since the host was booted" },
	[METRIC_ALL_RESTARTS] = { "berth_restarts_total", "counter", "",
				  "Reboots and automatic restarts since the host was booted" },
	[METRIC_ENDS] = { "berth_ends_total", "counter", "outcome",
			  "Ends of guests since the host was booted, by outcome" },
	[METRIC_LIMIT_HITS] = { "berth_limit_hits_total", "counter", "limit",
				"Times that machines have met a limit, by its key" },
	[METRIC_OPERATIONS] = { "berth_operations_total", "counter", "verb, result",
				"Operations of the API that have ended, by what they did and how" },
	[METRIC_OPERATION_SECONDS] = { "berth_operation_seconds_total", "counter", "verb, result",
				       "Time that these operations have taken" },
};

void metrics_free(struct metrics *metrics)
{
	for (size_t i = 0; i < METRIC_FAMILIES; i++)
		text_free(&metrics->lines[i]);
}

/* The number of bytes of the UTF-8 character at the beginning; 0: it is none. */
static size_t character(const unsigned char *s)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	unsigned value = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));

	if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (s[i] & 0x3f);
	}
	return value < least[n] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0 : n;
}

static void add_value(struct text *line, const char *value)
{
	for (size_t n; *value; value += n) {
		n = character((const unsigned char *)value);
		if (*value == '\n')
			text_add_bytes(line, "\\n", 2);
		else if (*value == '\\' || *value == '"')
			text_add(line, "\\%c", *value);
		else
			text_add_bytes(line, n ? value : "?", n ? n : 1);
		n += !n;
	}
}

static struct text *begin(struct metrics *metrics, enum family_id id,
			  const struct metric_label *labels)
{
	struct text *line = &metrics->lines[id];
	const char *between = "{";

	text_add(line, "%s", metric_families[id].name);
	for (const struct metric_label *label = labels; label->name; label++) {
		text_add(line, "%s%s=\"", between, label->name);
		add_value(line, label->value);
		text_add_bytes(line, "\"", 1);
		between = ",";
	}
	if (labels->name)
		text_add_bytes(line, "}", 1);
	return line;
}

void metric_add(struct metrics *metrics, enum family_id id, uint64_t value,
		const struct metric_label *labels)
{
	text_add(begin(metrics, id, labels), " %" PRIu64 "\n", value);
}

void metric_add_seconds(struct metrics *metrics, enum family_id id, uint64_t microseconds,
			const struct metric_label *labels)
{
	text_add(begin(metrics, id, labels), " %" PRIu64 ".%06" PRIu64 "\n", microseconds / 1000000,
		 microseconds % 1000000);
}

void metric_add_ratio(struct metrics *metrics, enum family_id id, double value,
		      const struct metric_label *labels)
{
	text_add(begin(metrics, id, labels), " %.6f\n", value);
}

void metrics_text(const struct metrics *metrics, struct text *out)
{
	for (size_t i = 0; i < METRIC_FAMILIES; i++) {
		const struct metric_family *family = &metric_families[i];
		const struct text *lines = &metrics->lines[i];
		if (!lines->length && !lines->failed)
			continue;
		text_add(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
			 family->name, family->type);
		text_add_bytes(out, lines->data, lines->length);
		out->failed = out->failed || lines->failed;
	}
}
