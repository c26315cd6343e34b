/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/pending.h"

#include "base/scoped.h"
#include "kern/cgroup.h"

#include <string.h>

static char *started_path(const struct machine *machine)
{
	return text_format("%s/started.conf", machine->run);
}

int pending_note(const struct machine *machine, const struct text *before, struct err *err)
{
	scoped_free char *path = started_path(machine);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return access(path, F_OK) == 0 ? 0 : config_write(path, before, err);
}

void pending_forget(const struct machine *machine)
{
	scoped_free char *path = started_path(machine);

	if (path)
		unlink(path);
}

bool pending_is_live(const char *key)
{
	return config_flags(&machine_schema, key) & KEY_LIVE &&
	       (strcmp(key, "limits.pids") != 0 || cgroup_has_controller("pids"));
}

static bool key_differs(const struct key *key, const struct machine_config *a,
			const struct machine_config *b)
{
	scoped_text struct text one = { 0 }, two = { 0 };

	if (key->flags & KEY_FIXED || pending_is_live(key->name))
		return false;
	config_text(a, key, &one);
	config_text(b, key, &two);
	return strcmp(text_str(&one), text_str(&two)) != 0;
}

/* Lists are sorted by name. */
static bool family_differs(const struct key_family *family, const struct machine_config *a,
			   const struct machine_config *b)
{
	const struct label *one = config_family_first(family, a);
	const struct label *two = config_family_first(family, b);

	if (family->flags & KEY_LIVE)
		return false;
	while (one && two && strcmp(one->name, two->name) == 0 &&
	       strcmp(one->value, two->value) == 0) {
		one = one->next;
		two = two->next;
	}
	return one || two;
}

static bool config_differs(const struct machine_config *a, const struct machine_config *b)
{
	for (size_t i = 0; i < machine_schema.count; i++) {
		if (key_differs(&machine_schema.keys[i], a, b))
			return true;
	}
	for (const struct key_family *family = machine_schema.families; family->prefix; family++) {
		if (family_differs(family, a, b))
			return true;
	}
	return false;
}

bool pending_is(const struct machine *machine, const struct machine_config *settings)
{
	scoped_free char *path = started_path(machine);
	struct machine_config started = { 0 };

	if (!path || config_load(&machine_schema, path, &started, &(struct err){ 0 }) < 0)
		return config_differs(&machine->config, settings);
	bool differs = config_differs(&started, settings);
	config_free(&machine_schema, &started);
	return differs;
}
