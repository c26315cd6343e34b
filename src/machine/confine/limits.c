/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/confine/limits.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "kern/cgroup.h"
#include "machine/confine/confine.h"
#include "machine/state/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum {
	CPU_PERIOD = 100000, /* microseconds: the kernel's own default */
	PIDS_USUAL = 16384,  /* as in config/keys.c */
};

struct limit {
	const char *key;
	const char *controller;
	const char *file;
	size_t offset;
	uint64_t
		none; /* what "not set" is in the file, 0 standing for "max"; UINT64_MAX: "max" is */
};

#define AT(field) offsetof(struct machine_config, field)
static const struct limit limits[] = {
	{ "limits.cpu.weight", "cpu", "cpu.weight", AT(cpu_weight), 100 },
	{ "limits.cpus", "cpu", "cpu.max", AT(cpus), 0 },
	{ "limits.io.weight", "io", "io.weight", AT(io_weight), 100 },
	{ "limits.memory", "memory", "memory.max", AT(memory), UINT64_MAX },
	{ "limits.memory.swap", "memory", "memory.swap.max", AT(swap), UINT64_MAX },
	{ "limits.pids", "pids", "pids.max", AT(pids), 0 },
};

static uint64_t value_of(const struct machine_config *config, const struct limit *limit)
{
	uint64_t value;

	memcpy(&value, (const char *)config + limit->offset, sizeof value);
	return value;
}

static bool is_set(const struct limit *limit, uint64_t value)
{
	return value != (limit->none == UINT64_MAX ? UINT64_MAX : 0);
}

/*
 * Default of a machine's memory: all of the host's except what an administrator needs to log in, look, and stop the
 * machine. 0: unknown.
 */
static uint64_t usual_memory(void)
{
	const uint64_t least = 256ULL << 20, most = 2ULL << 30;
	struct sysinfo info;

	if (sysinfo(&info) < 0 || confine_left_out("memory"))
		return 0;
	uint64_t all = (uint64_t)info.totalram * info.mem_unit, kept = all / 16;
	if (kept < least)
		kept = all / 8 < least ? all / 8 : least;
	return all - (kept < most ? kept : most);
}

static void print_value(const struct limit *limit, uint64_t value, char *out, size_t room)
{
	bool is_cpus = strcmp(limit->file, "cpu.max") == 0;

	if (value == UINT64_MAX || (value == 0 && limit->none == 0))
		snprintf(out, room, is_cpus ? "max %d" : "max", CPU_PERIOD);
	else if (is_cpus)
		snprintf(out, room, "%" PRIu64 " %d", value * (CPU_PERIOD / 100), CPU_PERIOD);
	else
		snprintf(out, room, "%" PRIu64, is_set(limit, value) ? value : limit->none);
}

/*
 * If a controller is missing, the user namespace enforces the limit (kern/spawn.h). A privileged machine has no user
 * namespace; there the default limit is not enforced, because nobody asked for it.
 */
static bool kept_otherwise(const struct machine *machine, const struct limit *limit, uint64_t value)
{
	return strcmp(limit->controller, "pids") == 0 &&
	       (!machine->config.privileged || value == PIDS_USUAL);
}

/* A value that came from the template cannot be unset in a machine that is not made yet. */
static bool is_inherited(const struct machine *machine, const char *key)
{
	const char *preset = machine->origin ? config_label(machine->origin->presets, key) : NULL;
	scoped_text struct text value = { 0 };

	return preset &&
	       config_get(&machine_schema, &machine->config, key, &value, &(struct err){ 0 }) ==
		       0 &&
	       strcmp(text_str(&value), preset) == 0;
}

/* Refuses a setting that this host cannot enforce. */
static int refuse(const struct machine *machine, const char *key, int code, const char *why,
		  struct err *err)
{
	const char *template = machine->config.template;

	if (is_inherited(machine, key))
		return err_set(err, code,
			       "%s of machine '%s' cannot be enforced: %s; it comes from template "
			       "'%s': berth template unset %s default.%s, or give the machine "
			       "another value: --set %s=VALUE",
			       key, machine->name, why, template, template, key, key);
	/* A machine that is not made yet has nothing to unset. */
	if (access(machine->folder, F_OK) < 0)
		return err_set(err, code, "%s of machine '%s' cannot be enforced: %s; leave %s out",
			       key, machine->name, why, key);
	return err_set(err, code,
		       "%s of machine '%s' cannot be enforced: %s; leave it out, or berth unset "
		       "%s %s",
		       key, machine->name, why, machine->name, key);
}

static int refuse_limit(const struct machine *machine, const struct limit *limit, struct err *err)
{
	char why[100];

	snprintf(why, sizeof why, "this host's cgroup v2 tree has no %s controller",
		 limit->controller);
	return refuse(machine, limit->key, ENOTSUP, why, err);
}

static int apply_one(const struct machine *machine, const struct limit *limit, uint64_t value,
		     int cgroup_fd, struct err *err)
{
	char text[64];
	bool asked = is_set(limit, value);

	if (value == 0 && limit->offset == offsetof(struct machine_config, memory)) {
		asked = false;
		value = usual_memory();
		value = value ? value : UINT64_MAX;
	}
	print_value(limit, value, text, sizeof text);
	int r = file_write(cgroup_fd, limit->file, text);
	if (r == 0 || (r == -ENOENT && (!asked || kept_otherwise(machine, limit, value))))
		return 0;
	if (r == -ENOENT && strcmp(limit->file, "memory.swap.max") == 0 &&
	    faccessat(cgroup_fd, "memory.max", F_OK, 0) == 0)
		return refuse(machine, limit->key, ENOTSUP,
			      "the kernel does not count swap (CONFIG_SWAP, boot parameter "
			      "swapaccount)",
			      err);
	if (r == -ENOENT)
		return refuse_limit(machine, limit, err);
	return err_set(err, -r, "set %s of machine '%s' to '%s': %s", limit->key, machine->name,
		       text, strerror(-r));
}

/* ---- Rates, which are of one disk */

static const struct {
	const char *key, *word;
	size_t offset;
} rates[] = {
	{ "limits.io.read", "rbps", AT(io_read) },
	{ "limits.io.read.iops", "riops", AT(io_read_iops) },
	{ "limits.io.write", "wbps", AT(io_write) },
	{ "limits.io.write.iops", "wiops", AT(io_write_iops) },
};
#undef AT
enum { RATES = sizeof rates / sizeof *rates };

static uint64_t rate_of(const struct machine_config *config, int i)
{
	uint64_t value;

	memcpy(&value, (const char *)config + rates[i].offset, sizeof value);
	return value;
}

static const char *first_rate(const struct machine_config *config)
{
	for (int i = 0; i < RATES; i++) {
		if (rate_of(config, i))
			return rates[i].key;
	}
	return NULL;
}

static int refuse_rate(const struct machine *machine, const char *key, int r, struct err *err)
{
	const char *why = r == -ENOENT   ? "this host's cgroup v2 tree has no io controller"
			  : r == -ENODEV ? "its root lies on no disk of its own, or on several"
					 : strerror(-r);

	return refuse(machine, key, r == -ENOENT ? ENOTSUP : -r, why, err);
}

/* A rate that was never limited is left alone: even "max" makes the kernel count for that disk. */
static bool has_rates(int cgroup_fd)
{
	scoped_free char *text = NULL;

	return file_read(cgroup_fd, "io.max", 64 << 10, &text) > 0;
}

static int apply_rates(const struct machine *machine, const struct machine_config *config,
		       int cgroup_fd, dev_t disk, struct err *err)
{
	scoped_text struct text line = { 0 };
	const char *key = first_rate(config);

	if (!key && (!disk || !has_rates(cgroup_fd)))
		return 0;
	if (!disk)
		return refuse_rate(machine, key, -ENODEV, err);
	text_add(&line, "%u:%u", major(disk), minor(disk));
	for (int i = 0; i < RATES; i++) {
		uint64_t rate = rate_of(config, i);
		if (rate)
			text_add(&line, " %s=%" PRIu64, rates[i].word, rate);
		else
			text_add(&line, " %s=max", rates[i].word);
	}
	int r = file_write(cgroup_fd, "io.max", text_str(&line));
	return r == 0 || !key ? 0 : refuse_rate(machine, key, r, err);
}

int limits_apply(const struct machine *machine, const struct machine_config *config, int cgroup_fd,
		 dev_t disk, struct err *err)
{
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		if (apply_one(machine, &limits[i], value_of(config, &limits[i]), cgroup_fd, err) <
		    0)
			return -err->code;
	}
	return apply_rates(machine, config, cgroup_fd, disk, err);
}

int limits_check(const struct machine *machine, const struct machine_config *config,
		 struct err *err)
{
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		const struct limit *limit = &limits[i];
		uint64_t value = value_of(config, limit);
		bool usual = value == 0 && limit->offset == offsetof(struct machine_config, memory);
		if (is_set(limit, value) && !usual && !kept_otherwise(machine, limit, value) &&
		    !cgroup_has_controller(limit->controller))
			return refuse_limit(machine, limit, err);
	}
	const char *rate = first_rate(config);
	return rate && !cgroup_has_controller("io") ? refuse_rate(machine, rate, -ENOENT, err) : 0;
}

/* The number in a line "NAME NUMBER" of a file such as memory.events; 0: there is no such line. */
static uint64_t count_of(int cgroup_fd, const char *file, const char *name)
{
	scoped_free char *text = NULL;
	uint64_t value;

	if (cgroup_fd < 0 || file_read(cgroup_fd, file, 4096, &text) < 0)
		return 0;
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		size_t n = strlen(name);
		if (strncmp(line, name, n) == 0 && sscanf(line + n, " %" SCNu64, &value) == 1)
			return value;
	}
	return 0;
}

void limits_explain(const struct machine *machine, int cgroup_fd, struct err *err)
{
	const char *key = NULL;

	if (machine->config.memory && machine->config.memory != UINT64_MAX &&
	    count_of(cgroup_fd, "memory.events", "oom_kill ") > 0)
		key = "limits.memory";
	else if (machine->config.pids && count_of(cgroup_fd, "pids.events", "max ") > 0)
		key = "limits.pids";
	if (!key)
		return;
	*err = (struct err){ 0 };
	err_set(err, ENOMEM, "%s is too little for it to start; raise it with: berth set %s %s=...",
		key, machine->name, key);
}
