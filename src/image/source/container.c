/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/source/container.h"

#include "base/scoped.h"
#include "config/config.h"
#include "config/values.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { LEFT_MAX = 2000 };

/* Keys of LXC whose values are those of a key of machine.conf, or become so. */
static const struct {
	const char *key, *ours;
} settings[] = {
	{ "lxc.cgroup.memory.limit_in_bytes", "limits.memory" },
	{ "lxc.cgroup.pids.max", "limits.pids" },
	{ "lxc.cgroup2.memory.max", "limits.memory" },
	{ "lxc.cgroup2.memory.swap.max", "limits.memory.swap" },
	{ "lxc.cgroup2.pids.max", "limits.pids" },
	{ "lxc.init.cmd", "init" },
	{ "lxc.init_cmd", "init" },
	{ "lxc.signal.halt", "stop.signal" },
	{ "lxc.haltsignal", "stop.signal" },
};

/* Keys that a machine has no use for, or that are read elsewhere. */
static const char *const known[] = {
	"lxc.arch",           "lxc.rootfs",  "lxc.rootfs.backend", "lxc.rootfs.mount",
	"lxc.rootfs.options", "lxc.utsname", "lxc.uts.name",
};

static bool is_known(const char *key)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(known[i], key) == 0)
			return true;
	}
	return false;
}

/* Whether the keys, separated by commas, have that one. */
static bool is_listed(const struct text *keys, const char *key)
{
	const char *at = text_str(keys);
	size_t n = strlen(key);

	for (; (at = strstr(at, key)); at += n) {
		bool begins = at == text_str(keys) || at[-1] == ' ';
		if (begins && (at[n] == ',' || !at[n]))
			return true;
	}
	return false;
}

static void leave(struct container *container, const char *key)
{
	struct text *left = &container->left;

	for (const char *p = key; *p; p++) {
		if (*p <= ' ' || *p > '~')
			return;
	}
	if (!is_listed(left, key) && left->length < LEFT_MAX)
		text_add(left, "%s%s", left->length ? ", " : "", key);
}

/* Adds a preset, if it is one that a template can have. */
static bool set(struct container *container, const char *key, const char *value)
{
	scoped_free char *line = text_format("default.%s = %s\n", key, value);
	struct template_config scratch = { 0 };

	if (!line || !*value || strchr(value, '\n') ||
	    config_parse(&template_schema, "config", line, strlen(line), &scratch,
			 &(struct err){ 0 }) < 0)
		return false;
	config_free(&template_schema, &scratch);
	/* The last one of a key counts, as with LXC; a second line would be refused. */
	scoped_free char *begin = text_format("default.%s = ", key);
	if (!begin || strstr(text_str(&container->settings), begin))
		return false;
	text_add(&container->settings, "%s", line);
	return true;
}

/* "u 0 100000 65536"; "b" is both. */
static int take_ids(struct container *container, const char *value, struct err *err)
{
	uint64_t numbers[3];
	scoped_free char *copy = strdup(value);
	char *rest = copy, *kind = rest ? strsep(&rest, " \t") : NULL;

	if (!kind || !*kind || kind[1] || !strchr("ugb", *kind))
		return err_set(err, EINVAL, "lxc.idmap cannot be '%.60s'", value);
	for (size_t i = 0; i < 3; i++) {
		while (rest && (*rest == ' ' || *rest == '\t'))
			rest++;
		const char *word = strsep(&rest, " \t");
		if (!word || text_to_u64(word, 0, UINT32_MAX, &numbers[i]) < 0)
			return err_set(err, EINVAL, "lxc.idmap cannot be '%.60s'", value);
	}
	for (const char *one = "ug"; *one; one++) {
		if (*kind == 'b' || *kind == *one)
			text_add(&container->shift, "%c %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
				 *one, numbers[0], numbers[1], numbers[2]);
	}
	return 0;
}

/* "QUOTA PERIOD" in microseconds. */
static bool take_cpus(struct container *container, const char *value)
{
	uint64_t quota, period;
	char cpus[32];
	scoped_free char *copy = strdup(value);
	char *rest = copy;
	const char *first = strsep(&rest, " ");

	if (!first || !rest || text_to_u64(first, 1, UINT32_MAX, &quota) < 0 ||
	    text_to_u64(rest, 1, UINT32_MAX, &period) < 0)
		return false;
	uint64_t hundredths = (quota * 100 + period / 2) / period;
	snprintf(cpus, sizeof cpus, "%" PRIu64 ".%02" PRIu64, hundredths / 100, hundredths % 100);
	return set(container, "limits.cpus", cpus);
}

/* Whether a machine gets what the line says. */
static bool take_setting(struct container *container, const char *key, const char *value)
{
	char rlimit[80];

	/* "max" and "max PERIOD" are no limit. */
	if (text_starts(key, "lxc.cgroup2.") && text_starts(value, "max"))
		return true;
	if (text_starts(key, "lxc.prlimit.") &&
	    text_print(rlimit, sizeof rlimit, "limits.rlimit.%s", strrchr(key, '.') + 1) == 0)
		return set(container, rlimit, value);
	if (strcmp(key, "lxc.cgroup2.cpu.max") == 0)
		return take_cpus(container, value);
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		/* The arguments of an init have no key. */
		if (strcmp(settings[i].key, key) == 0 && !strpbrk(value, " \t"))
			return set(container, settings[i].ours, value);
	}
	return false;
}

static int take_line(struct container *container, const char *key, const char *value,
		     struct err *err)
{
	if (strcmp(key, "lxc.rootfs.path") == 0 || strcmp(key, "lxc.rootfs") == 0) {
		text_free(&container->root);
		text_add(&container->root, "%s", value);
	} else if (strcmp(key, "lxc.idmap") == 0 || strcmp(key, "lxc.id_map") == 0) {
		return take_ids(container, value, err);
	} else if (strcmp(key, "lxc.environment") == 0 && !config_variable_fault(value)) {
		config_add_word(&container->env, value);
	} else if (!is_known(key) && !take_setting(container, key, value)) {
		leave(container, key);
	}
	return 0;
}

int container_parse(struct container *container, char *text, struct err *err)
{
	unsigned number = 0;

	*container = (struct container){ 0 };
	for (char *line; (line = strsep(&text, "\n"));) {
		char *key = text_trim(line), *value = strchr(key, '=');
		number++;
		if (!*key || *key == '#')
			continue;
		if (!value)
			return err_set(err, EINVAL, "line %u of its config is no KEY = VALUE",
				       number);
		*value++ = '\0';
		key = text_trim(key);
		value = text_trim(value);
		if (take_line(container, key, value, err) < 0)
			return err_wrap(err, "line %u of its config", number);
	}
	return container->left.failed || container->settings.failed || container->shift.failed
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

void container_free(struct container *container)
{
	text_free(&container->root);
	text_free(&container->shift);
	text_free(&container->env);
	text_free(&container->settings);
	text_free(&container->left);
}
