/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of a file of apply that need more than one key, or this host. All faults are told at once. */
#include "cmd/apply/apply.h"
#include "config/values.h"

#include "base/scoped.h"
#include "machine/data/data.h"
#include "machine/life/forwards.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "network/network.h"
#include "network/subnet.h"

#include <string.h>

/* ---- Networks */

static void check_networks(struct apply *apply)
{
	for (size_t i = 0; i < apply->file.network_count; i++) {
		const struct apply_network *one = &apply->file.networks[i];
		for (size_t k = 0; k < i; k++) {
			const struct apply_network *other = &apply->file.networks[k];
			struct err err = { 0 };
			if (subnet_texts_collide(one->config.subnet, other->config.subnet))
				err_set(&err, EADDRINUSE,
					"subnet %s of network '%s' collides with %s of network "
					"'%s' "
					"in line %u; choose another",
					one->config.subnet, one->name, other->config.subnet,
					other->name, other->line);
			apply_fault(apply, one->line, &err);
			if (*one->config.bridge &&
			    strcmp(one->config.bridge, other->config.bridge) == 0)
				err_set(&err, EEXIST,
					"bridge '%s' of network '%s' is that of network '%s' in "
					"line "
					"%u; choose another",
					one->config.bridge, one->name, other->name, other->line);
			apply_fault(apply, one->line, &err);
		}
	}
}

/* ---- Ports that two machines cannot both have */

static bool runs(const struct apply_group *group)
{
	return strcmp(group->settings.state, "running") == 0;
}

static void check_ports(struct apply *apply, const struct apply_group *one,
			const struct apply_group *other)
{
	struct forward a, b;

	if (!runs(one) || !runs(other))
		return;
	for (const struct section *at = one->settings.machine.forwards; at; at = at->next) {
		for (const struct section *to = other->settings.machine.forwards; to;
		     to = to->next) {
			struct err err = { 0 };
			if (config_forward((const struct forward_config *)at, &a, &err) == 0 &&
			    config_forward((const struct forward_config *)to, &b, &err) == 0 &&
			    forwards_collide(&a, &b))
				err_set(&err, EADDRINUSE,
					"forward '%s' and forward '%s' of machine '%s' in line %u "
					"have a port of the host in common; choose another for one "
					"of them",
					at->name, to->name, other->name, other->line);
			apply_fault(apply, apply_section_line(one, &forward_schema, at->name),
				    &err);
		}
	}
}

/* Machines of one description would all have its ports. */
static void check_shared_ports(struct apply *apply, const struct apply_group *group)
{
	const struct section *first = group->settings.machine.forwards;
	struct err err = { 0 };

	if (runs(group) && first && apply_machine_count(group) > 1)
		err_set(&err, EADDRINUSE,
			"forward '%s' belongs to one machine, and 'count' makes several; give it a "
			"machine of its own",
			first->name);
	if (first)
		apply_fault(apply, apply_section_line(group, &forward_schema, first->name), &err);
}

/* ---- Volumes that two machines cannot both write to */

static void check_volumes(struct apply *apply, const struct apply_group *one,
			  const struct apply_group *other)
{
	for (const struct section *at = one->settings.machine.volumes; at; at = at->next) {
		const struct section *to =
			config_section(other->settings.machine.volumes, at->name);
		struct err err = { 0 };
		if (!to || ((const struct attached_config *)at)->readonly ||
		    ((const struct attached_config *)to)->readonly)
			continue;
		err_set(&err, EBUSY,
			"volume '%s' is that of machine '%s' in line %u too, and two machines "
			"cannot write to one; give 'readonly = yes' to one of them, or make "
			"another volume",
			at->name, other->name, other->line);
		apply_fault(apply, apply_section_line(one, &attached_schema, at->name), &err);
	}
}

static void check_shared_volumes(struct apply *apply, const struct apply_group *group)
{
	if (apply_machine_count(group) < 2)
		return;
	for (const struct section *at = group->settings.machine.volumes; at; at = at->next) {
		struct err err = { 0 };
		if (!((const struct attached_config *)at)->readonly)
			err_set(&err, EBUSY,
				"volume '%s' can be written to by one machine alone, and 'count' "
				"makes several; give it 'readonly = yes', or to a machine of its "
				"own",
				at->name);
		apply_fault(apply, apply_section_line(group, &attached_schema, at->name), &err);
	}
}

void check_apart(struct apply *apply)
{
	check_networks(apply);
	nics_check_apart(apply);
	for (size_t i = 0; i < apply->file.group_count; i++) {
		const struct apply_group *one = &apply->file.groups[i];
		check_shared_ports(apply, one);
		check_shared_volumes(apply, one);
		for (size_t k = 0; k < i; k++) {
			check_ports(apply, one, &apply->file.groups[k]);
			check_volumes(apply, one, &apply->file.groups[k]);
		}
	}
}

/* ---- One machine */

struct taking {
	struct apply *apply;
	struct forward forward;
};

static bool leaves(void *context, const char *machine, const char *forward)
{
	const struct taking *taking = context;

	return loss_of_forward(taking->apply, machine, forward, &taking->forward);
}

static const char *shut_as(const struct network_config *config)
{
	return !config_is_own(config)      ? "not one of berth's"
	       : config_is_private(config) ? "private"
					   : NULL;
}

/* Why no port of the host leads to machines of a network, by the kind that it has after this command; NULL: they do. */
static const char *find_shut(const struct apply *apply, const char *name)
{
	scoped_network struct network network = { 0 };

	for (size_t i = 0; i < apply->file.network_count; i++) {
		const struct apply_network *wanted = &apply->file.networks[i];
		if (strcmp(wanted->name, name) == 0 &&
		    apply_line_of(wanted->given, wanted->given_count, "kind"))
			return shut_as(&wanted->config);
	}
	return network_open(&network, &apply->call->dirs, name, &(struct err){ 0 }) == 0
		       ? shut_as(&network.config)
		       : NULL;
}

static int check_forward(struct taking *taking, const struct apply_group *group, const char *name,
			 const struct forward_config *section, struct err *err)
{
	const char *network = nic_network_of(taking->apply, group);

	if (config_forward(section, &taking->forward, err) < 0)
		return -err->code;
	const char *shut = find_shut(taking->apply, network);
	return shut ? err_set(err, EINVAL,
			      "forward '%s' cannot lead to machine '%s': its network '%s' is %s; "
			      "write another into the file: 'network = NETWORK'",
			      section->section.name, name, network, shut)
		    : 0;
}

/* Interfaces of a machine are those of its file: eth0, and its sections. */
static int check_rule(const struct apply_group *group, const char *name,
		      const struct rule_config *rule, struct err *err)
{
	if (machine_check_rule(name, rule, err) < 0)
		return -err->code;
	return !*rule->nic || strcmp(rule->nic, "eth0") == 0 ||
			       config_section(group->settings.machine.nics, rule->nic)
		       ? 0
		       : err_set(err, ENOENT,
				 "rule '%s': machine '%s' has no nic '%.60s' in this file; write "
				 "its section [nic %.60s] too, or leave the key nic out",
				 rule->section.name, name, rule->nic, rule->nic);
}

static bool loses_volume(void *context, const char *machine, const char *volume)
{
	return loss_of_volume(context, machine, volume);
}

void check_section(struct apply *apply, const struct apply_group *group, const char *name,
		   const struct schema *kind, const struct section *section)
{
	struct taking taking = { .apply = apply };
	const struct forwards_leaving leaving = { leaves, &taking };
	struct err err = { 0 };

	if (kind == &nic_schema)
		nic_check(apply, name, (const struct nic_config *)section, &err);
	else if (kind == &attached_schema)
		data_check_attach(&apply->call->dirs, name, (const struct attached_config *)section,
				  &(struct data_leaving){ loses_volume, apply }, &err);
	else if (kind == &rule_schema)
		check_rule(group, name, (const struct rule_config *)section, &err);
	else if (kind != &forward_schema ||
		 check_forward(&taking, group, name, (const struct forward_config *)section,
			       &err) == 0)
		machine_check_section(&apply->call->dirs, name, group->settings.machine.privileged,
				      kind, section, &leaving, &err);
	apply_fault(apply, apply_section_line(group, kind, section->name), &err);
}

/* ---- Starts */

/* A machine that this command starts or stops is not waited for as it is now. */
static bool is_left_alone(const struct apply *apply, const char *name)
{
	for (size_t i = 0; i < apply->count; i++) {
		if (apply->actions[i].kind >= APPLY_STOP &&
		    strcmp(apply->actions[i].name, name) == 0)
			return false;
	}
	return true;
}

static void check_others(struct apply *apply, const struct apply_action *action)
{
	scoped_free char *names = strdup(action->group->settings.machine.boot_after);
	char *rest = names;

	for (char *name; names && (name = strsep(&rest, " "));) {
		scoped_machine struct machine other = { 0 };
		struct err err = { 0 };
		if (!*name || !is_left_alone(apply, name) ||
		    machine_read(&other, &apply->call->dirs, name, &(struct err){ 0 }) < 0)
			continue;
		if (machine_check_thawed(&other, &err) < 0)
			err_wrap(&err, "machine '%s' starts after '%s'", action->name, name);
		apply_fault(apply, action->group->line, &err);
	}
}

void check_paused(struct apply *apply)
{
	for (size_t i = 0; i < apply->count; i++) {
		const struct apply_action *action = &apply->actions[i];
		if (action->group && (action->kind == APPLY_START || action->kind == APPLY_RESTART))
			check_others(apply, action);
	}
}
