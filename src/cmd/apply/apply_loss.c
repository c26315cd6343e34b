/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses and ports that pass from one machine to another: the first has to lose them before the second can get them,
 * and two machines may exchange theirs. So the plan of apply has early actions, each of which takes away.
 */
#include "cmd/apply/apply.h"
#include "config/values.h"

#include "base/scoped.h"
#include "machine/life/life.h"
#include "network/network.h"

#include <string.h>

static void note_loss(struct apply *apply, const char *machine, const char *forward)
{
	for (size_t i = 0; i < apply->loss_count; i++) {
		const struct apply_loss *loss = &apply->losses[i];
		if (strcmp(loss->machine, machine) == 0 && !loss->forward == !forward &&
		    (!forward || strcmp(loss->forward, forward) == 0))
			return;
	}
	struct apply_loss *list = realloc(apply->losses, (apply->loss_count + 1) * sizeof *list);
	if (!list)
		return;
	apply->losses = list;
	list[apply->loss_count++] =
		(struct apply_loss){ strdup(machine), forward ? strdup(forward) : NULL };
}

/* An address that was only leased, and not set, is never taken away. */
static bool loses_address(const struct apply *apply, const char *name, const char *network,
			  const char *address)
{
	scoped_machine struct machine machine = { 0 };
	__attribute__((cleanup(wanted_free))) struct apply_wanted wanted = { 0 };
	const struct apply_group *group = apply_group_of(apply, name);

	if (!group)
		return apply->prune && apply_is_past(apply, name);
	return machine_read(&machine, &apply->call->dirs, name, &(struct err){ 0 }) == 0 &&
	       strcmp(machine.config.address, address) == 0 &&
	       wanted_make(apply, group, &wanted, &(struct err){ 0 }) == 0 &&
	       (strcmp(wanted.config.address, address) != 0 ||
		strcmp(wanted.config.network, network) != 0);
}

bool loss_of_address(struct apply *apply, const char *name, const char *network,
		     const char *address)
{
	scoped_network struct network opened = { 0 };
	char holder[64];

	if (!*address ||
	    network_open(&opened, &apply->call->dirs, network, &(struct err){ 0 }) < 0 ||
	    !lease_has_holder(&opened, address, holder) || strcmp(holder, name) == 0 ||
	    !loses_address(apply, holder, network, address))
		return false;
	note_loss(apply, holder, NULL);
	return true;
}

bool loss_of_forward(struct apply *apply, const char *machine, const char *name,
		     const struct forward *wanted)
{
	const struct apply_group *group = apply_group_of(apply, machine);
	struct forward then;
	bool loses;

	if (!group) {
		loses = apply->prune && apply_is_past(apply, machine);
	} else if (strcmp(group->settings.state, "stopped") == 0) {
		loses = true;
	} else {
		const struct section *section =
			config_section(group->settings.machine.forwards, name);
		loses = !section || (config_forward((const struct forward_config *)section, &then,
						    &(struct err){ 0 }) == 0 &&
				     !forwards_collide(&then, wanted));
	}
	if (loses)
		note_loss(apply, machine, name);
	return loses;
}

/* ---- The plan */

static struct apply_action *find(struct apply *apply, enum apply_kind kind, bool early,
				 const char *name)
{
	for (size_t i = 0; i < apply->count; i++) {
		struct apply_action *action = &apply->actions[i];
		if (action->kind == kind && action->early == early &&
		    strcmp(action->name, name) == 0)
			return action;
	}
	return NULL;
}

static struct apply_action *add_early(struct apply *apply, enum apply_kind kind, const char *name,
				      struct err *err)
{
	struct apply_action *action = find(apply, kind, true, name);

	if (action)
		return action;
	action = apply_add(apply, kind, name, err);
	if (action) {
		action->early = true;
		action->group = apply_group_of(apply, name);
	}
	return action;
}

/* An address can be lost only by a machine that is down. */
static int take_down(struct apply *apply, const struct machine *machine, struct err *err)
{
	struct machine_status status = { 0 };
	struct apply_action *restart = find(apply, APPLY_RESTART, false, machine->name);
	struct apply_action *stop = find(apply, APPLY_STOP, false, machine->name);

	machine_status(machine, NULL, &status);
	if (machine_is_down(status.state))
		return 0;
	if (stop) {
		stop->early = true;
		return 0;
	}
	if (!restart)
		return err_set(err, EBUSY,
			       "%s: machine '%s' has network.address %s, which another machine "
			       "gets, until it is restarted; apply with --restart",
			       apply->path, machine->name, machine->config.address);
	restart->kind = APPLY_START;
	return add_early(apply, APPLY_STOP, machine->name, err) ? 0 : -err->code;
}

static int lose_address(struct apply *apply, const char *name, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, &apply->call->dirs, name, err) < 0 ||
	    take_down(apply, &machine, err) < 0)
		return -err->code;
	struct apply_action *change = add_early(apply, APPLY_CHANGE, name, err);
	return change ? action_add(change, "network.address", machine.config.address, "", err)
		      : -err->code;
}

static int lose_forward(struct apply *apply, const struct apply_loss *loss, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *key = text_format("forward.%s", loss->forward);
	scoped_text struct text text = { 0 };
	struct apply_action *stop = find(apply, APPLY_STOP, false, loss->machine);

	if (stop) {
		stop->early = true;
		return 0;
	}
	if (!key)
		return err_set(err, ENOMEM, "out of memory");
	if (machine_read(&machine, &apply->call->dirs, loss->machine, err) < 0)
		return -err->code;
	const struct section *section = config_section(machine.config.forwards, loss->forward);
	if (!section)
		return 0;
	section_text(&forward_schema, section, NULL, &text);
	struct apply_action *change = add_early(apply, APPLY_CHANGE, loss->machine, err);
	return change ? action_add(change, key, text_str(&text), NULL, err) : -err->code;
}

void loss_arrange(struct apply *apply)
{
	for (size_t i = 0; i < apply->loss_count; i++) {
		struct err err = { 0 };
		const struct apply_loss *loss = &apply->losses[i];
		struct apply_action *delete = find(apply, APPLY_DELETE, false, loss->machine);
		if (delete)
			delete->early = true;
		else if (!find(apply, APPLY_DELETE, true, loss->machine))
			loss->forward ? lose_forward(apply, loss, &err)
				      : lose_address(apply, loss->machine, &err);
		causes_add(&apply->causes, &err);
	}
}
