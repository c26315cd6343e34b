#include "machine/limits.h"

#include "base/file.h"
#include "base/scoped.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
	CPU_PERIOD = 100000, /* microseconds: the kernel's own default */
	PIDS_USUAL = 16384,  /* as in config/keys.c */
};

struct limit {
	const char *key;
	const char *controller;
	const char *file;
	size_t offset;
	uint64_t none; /* what "not set" is in the file, 0 standing for "max" */
};

#define AT(field) offsetof(struct machine_config, field)
static const struct limit limits[] = {
	{ "limits.cpu.weight", "cpu", "cpu.weight", AT(cpu_weight), 100 },
	{ "limits.cpus", "cpu", "cpu.max", AT(cpus), 0 },
	{ "limits.io.weight", "io", "io.weight", AT(io_weight), 100 },
	{ "limits.memory", "memory", "memory.max", AT(memory), 0 },
	{ "limits.pids", "pids", "pids.max", AT(pids), 0 },
};
#undef AT

static void print_value(const struct limit *limit, uint64_t value, char *out, size_t room)
{
	bool is_cpus = strcmp(limit->file, "cpu.max") == 0;

	if (value == 0 && limit->none == 0)
		snprintf(out, room, is_cpus ? "max %d" : "max", CPU_PERIOD);
	else if (is_cpus)
		snprintf(out, room, "%" PRIu64 " %d", value * (CPU_PERIOD / 100), CPU_PERIOD);
	else
		snprintf(out, room, "%" PRIu64, value ? value : limit->none);
}

/*
 * Where no controller keeps it the user namespace does (kern/spawn.h). A privileged machine has none,
 * and the default is nothing that anybody asked for.
 */
static bool kept_otherwise(const struct machine *machine, const struct limit *limit, uint64_t value)
{
	return strcmp(limit->controller, "pids") == 0 &&
	       (!machine->config.privileged || value == PIDS_USUAL);
}

static int apply_one(const struct machine *machine, const struct limit *limit, uint64_t value,
		     int cgroup_fd, struct err *err)
{
	char text[64];

	print_value(limit, value, text, sizeof text);
	int r = file_write(cgroup_fd, limit->file, text);
	if (r == 0 || (r == -ENOENT && (value == 0 || kept_otherwise(machine, limit, value))))
		return 0;
	if (r == -ENOENT)
		return err_set(
			err, ENOTSUP,
			"%s of machine '%s' cannot be kept: this host's cgroup v2 tree has no %s "
			"controller; unset it with: berth unset %s %s",
			limit->key, machine->name, limit->controller, machine->name, limit->key);
	return err_set(err, -r, "set %s of machine '%s' to '%s': %s", limit->key, machine->name,
		       text, strerror(-r));
}

int limits_apply(const struct machine *machine, const struct machine_config *config, int cgroup_fd,
		 struct err *err)
{
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		uint64_t value;
		memcpy(&value, (const char *)config + limits[i].offset, sizeof value);
		if (apply_one(machine, &limits[i], value, cgroup_fd, err) < 0)
			return -err->code;
	}
	return 0;
}

/* A line "NAME NUMBER" of a file such as memory.events; 0 when it is not there. */
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

	if (machine->config.memory && count_of(cgroup_fd, "memory.events", "oom_kill ") > 0)
		key = "limits.memory";
	else if (machine->config.pids && count_of(cgroup_fd, "pids.events", "max ") > 0)
		key = "limits.pids";
	if (!key)
		return;
	*err = (struct err){ 0 };
	err_set(err, ENOMEM, "%s is too little for it to start; raise it with: berth set %s %s=...",
		key, machine->name, key);
}
