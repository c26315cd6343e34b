/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions about the file and the installation that the plan of apply and its checks share. */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "cmd/cli/print.h"
#include "network/network.h"

#include <string.h>

struct apply_action *apply_add(struct apply *apply, enum apply_kind kind, const char *name,
			       struct err *err)
{
	struct apply_action *list = realloc(apply->actions, (apply->count + 1) * sizeof *list);

	if (!list) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	apply->actions = list;
	list[apply->count] =
		(struct apply_action){ .kind = kind, .name = strdup(name), .rank = apply->count };
	if (!list[apply->count].name) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	return &list[apply->count++];
}

void apply_drop_last(struct apply *apply)
{
	free(apply->actions[--apply->count].name);
}

static bool network_is_there(const struct apply *apply, const char *name)
{
	scoped_network struct network network = { 0 };

	return network_open(&network, &apply->call->dirs, name, &(struct err){ 0 }) == 0;
}

bool apply_network_is_new(const struct apply *apply, const char *name)
{
	for (size_t i = 0; i < apply->file.network_count; i++) {
		if (strcmp(apply->file.networks[i].name, name) == 0)
			return !network_is_there(apply, name);
	}
	return strcmp(name, apply->network) == 0 && !network_is_there(apply, name);
}

const struct apply_group *apply_group_of(const struct apply *apply, const char *name)
{
	char one[96];

	for (size_t g = 0; g < apply->file.group_count; g++) {
		const struct apply_group *group = &apply->file.groups[g];
		if (strncmp(name, group->name, strlen(group->name)) != 0)
			continue;
		for (uint64_t i = 0; i < apply_machine_count(group); i++) {
			apply_machine_name(group, i, one);
			if (strcmp(one, name) == 0)
				return group;
		}
	}
	return NULL;
}

bool apply_is_past(const struct apply *apply, const char *name)
{
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, &apply->call->dirs, name, &(struct err){ 0 }) < 0)
		return false;
	const char *applied = config_label(machine.config.labels, "applied");
	return applied && strcmp(applied, apply->id) == 0 && !apply_group_of(apply, name);
}

void apply_fault(struct apply *apply, unsigned line, struct err *err)
{
	if (err->code)
		err_wrap(err, "%s:%u", apply->path, line);
	causes_add(&apply->causes, err);
}

int apply_tell_faults(struct apply *apply, struct err *err)
{
	const char *one = causes_next(&apply->causes, NULL), *next;

	for (; one && (next = causes_next(&apply->causes, one)); one = next) {
		struct err fault = { 0 };
		err_set(&fault, apply->causes.code, "%s", one);
		print_error(&fault);
	}
	return one ? err_set(err, apply->causes.code, "%s", one) : 0;
}

int apply_check_new_address(const struct apply *apply, const char *key, const char *network,
			    const char *address, struct err *err)
{
	if (!*address || !apply_network_is_new(apply, network))
		return 0;
	for (size_t i = 0; i < apply->file.network_count; i++) {
		const struct apply_network *made = &apply->file.networks[i];
		if (strcmp(made->name, network) == 0 && *made->config.subnet)
			return lease_check_new(network, &made->config, address, err);
	}
	return err_set(err, EINVAL,
		       "%s is %s, but network '%s' is not made yet and its subnet is "
		       "not known; write it into the file: a section [network %s] with a line "
		       "'subnet = ...'",
		       key, address, network, network);
}
