/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses, ports and volumes that pass from one machine to another: the first has to lose them before the second can
 * get them, and two machines may exchange theirs. So the plan of apply has early actions, each of which takes away.
 */
#include "cmd/apply/apply.h"
#include "config/values.h"

#include "base/scoped.h"
#include "machine/life/life.h"
#include "machine/state/nics.h"
#include "network/network.h"

#include <arpa/inet.h>
#include <string.h>

/* kind, section, key: as of struct apply_loss. */
static void note_loss(struct apply *apply, const char *machine, const struct schema *kind,
		      const char *section, const char *key)
{
	for (size_t i = 0; i < apply->loss_count; i++) {
		const struct apply_loss *loss = &apply->losses[i];
		if (strcmp(loss->machine, machine) == 0 && loss->kind == kind && loss->key == key &&
		    (!kind || strcmp(loss->section, section) == 0))
			return;
	}
	struct apply_loss *list = realloc(apply->losses, (apply->loss_count + 1) * sizeof *list);
	if (!list)
		return;
	apply->losses = list;
	list[apply->loss_count++] = (struct apply_loss){ .machine = strdup(machine),
							 .kind = kind,
							 .key = key,
							 .section = kind ? strdup(section) : NULL };
}

/* A machine that --prune deletes. */
static void note_deletion(struct apply *apply, const char *machine)
{
	if (!apply_group_of(apply, machine))
		note_loss(apply, machine, NULL, NULL, NULL);
}

static bool is_ipv6(const char *address)
{
	return strchr(address, ':') != NULL;
}

/* The interface that the file describes on a network. False: there is none. */
static bool find_wanted(const struct apply *apply, const struct apply_group *group,
			const struct machine *machine, const char *network, bool six,
			char address[INET6_ADDRSTRLEN], char mac[18])
{
	__attribute__((cleanup(wanted_free))) struct apply_wanted wanted = { 0 };

	address[0] = mac[0] = '\0';
	if (wanted_make(apply, group, machine->config.template, &wanted, &(struct err){ 0 }) < 0)
		return false;
	if (strcmp(wanted.config.network, network) == 0) {
		snprintf(address, INET6_ADDRSTRLEN, "%s",
			 six ? wanted.config.address6 : wanted.config.address);
		snprintf(mac, 18, "%s", machine->config.mac);
		return true;
	}
	for (const struct section *at = group->settings.machine.nics; at; at = at->next) {
		const struct nic_config *nic = (const struct nic_config *)at;
		if (strcmp(nic->network, network) != 0)
			continue;
		snprintf(address, INET6_ADDRSTRLEN, "%s", six ? nic->address6 : nic->address);
		snprintf(mac, 18, "%s", nic->mac);
		return true;
	}
	return false;
}

/*
 * Whether a machine has an interface with that address, or hardware address (address NULL), and loses it by the file.
 * An address that was only leased, and not set, is never taken away; nor is the hardware address of eth0, or a drawn
 * one.
 */
static bool loses(struct apply *apply, const char *name, const char *network, const char *address,
		  const char *mac)
{
	scoped_machine struct machine machine = { 0 };
	const struct apply_group *group = apply_group_of(apply, name);
	char address_then[INET6_ADDRSTRLEN], mac_then[18];
	struct nic_view now;
	bool six = address && is_ipv6(address);

	if (!group)
		return apply->prune && apply_is_past(apply, name);
	if (machine_read(&machine, &apply->call->dirs, name, &(struct err){ 0 }) < 0 ||
	    !nics_find(&machine, NULL, network, &now) ||
	    (address ? strcmp(six ? now.address6 : now.address, address) != 0
		     : !now.section || strcmp(now.mac, mac) != 0))
		return false;
	bool then = find_wanted(apply, group, &machine, network, six, address_then, mac_then);
	if (then && (address ? strcmp(address_then, address) == 0
			     : !*mac_then || strcmp(mac_then, mac) == 0))
		return false;
	note_loss(apply, name, now.section ? &nic_schema : NULL, now.name,
		  now.section ? NULL
		  : six       ? "network.address6"
			      : "network.address");
	return true;
}

/* The other machine that has an address: by its lease, or by its settings if it has not started with it yet. */
static bool find_holder(const struct apply *apply, const char *name, const char *network,
			const char *address, char holder[64])
{
	const struct dirs *dirs = &apply->call->dirs;
	scoped_network struct network opened = { 0 };

	if (network_open(&opened, dirs, network, &(struct err){ 0 }) == 0 &&
	    lease_has_holder(&opened, address, holder) && strcmp(holder, name) != 0)
		return true;
	return fixed_has_holder(dirs, name, network, address, holder);
}

bool loss_of_address(struct apply *apply, const char *name, const char *network,
		     const char *address)
{
	char holder[64];

	if (!*address || !find_holder(apply, name, network, address, holder) ||
	    !loses(apply, holder, network, address, NULL))
		return false;
	note_deletion(apply, holder);
	return true;
}

bool loss_of_mac(struct apply *apply, const char *name, const char *network, const char *mac)
{
	scoped_network struct network opened = { 0 };
	char holder[64];

	if (network_open(&opened, &apply->call->dirs, network, &(struct err){ 0 }) < 0 ||
	    !lease_has_mac_holder(&opened, mac, holder) || strcmp(holder, name) == 0 ||
	    !loses(apply, holder, network, NULL, mac))
		return false;
	note_deletion(apply, holder);
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
		note_loss(apply, machine, &forward_schema, name, NULL);
	return loses;
}

bool loss_of_volume(struct apply *apply, const char *machine, const char *volume)
{
	const struct apply_group *group = apply_group_of(apply, machine);
	bool loses;

	if (!group) {
		loses = apply->prune && apply_is_past(apply, machine);
	} else {
		const struct section *section =
			config_section(group->settings.machine.volumes, volume);
		loses = !section || ((const struct attached_config *)section)->readonly;
	}
	if (loses)
		note_loss(apply, machine, &attached_schema, volume, NULL);
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

int loss_take_down(struct apply *apply, const struct machine *machine, const char *what,
		   struct err *err)
{
	struct machine_status status = { 0 };
	struct apply_action *restart = find(apply, APPLY_RESTART, false, machine->name);
	struct apply_action *stop = find(apply, APPLY_STOP, false, machine->name);

	machine_status(machine, NULL, &status);
	if (machine_is_down(status.state) || find(apply, APPLY_STOP, true, machine->name))
		return 0;
	if (stop) {
		stop->early = true;
		return 0;
	}
	if (!restart)
		return err_set(err, EBUSY,
			       "%s: machine '%s' has %s, until it is restarted; apply with "
			       "--restart",
			       apply->path, machine->name, what);
	restart->kind = APPLY_START;
	return add_early(apply, APPLY_STOP, machine->name, err) ? 0 : -err->code;
}

/* An address of eth0 can be lost only by a machine that is down. */
static int lose_address(struct apply *apply, const char *name, const char *key, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text address = { 0 };
	char what[120];

	if (machine_read(&machine, &apply->call->dirs, name, err) < 0 ||
	    config_get(&machine_schema, &machine.config, key, &address, err) < 0)
		return -err->code;
	snprintf(what, sizeof what, "%s %s, which another machine gets", key, text_str(&address));
	if (loss_take_down(apply, &machine, what, err) < 0)
		return -err->code;
	struct apply_action *change = add_early(apply, APPLY_CHANGE, name, err);
	return change ? action_add(change, key, text_str(&address), "", err) : -err->code;
}

/* A forward, a nic or a volume. */
static int lose_section(struct apply *apply, const struct apply_loss *loss, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *key = text_format("%s.%s", loss->kind->what, loss->section);
	scoped_text struct text text = { 0 };
	struct apply_action *stop = find(apply, APPLY_STOP, false, loss->machine);

	if (stop)
		stop->early = true;
	/* Only a machine that runs has the ports of its forwards. A lease is also that of a stopped one. */
	if (stop && loss->kind == &forward_schema)
		return 0;
	if (!key)
		return err_set(err, ENOMEM, "out of memory");
	if (machine_read(&machine, &apply->call->dirs, loss->machine, err) < 0)
		return -err->code;
	const struct section *section =
		config_section(config_sections(loss->kind, &machine.config), loss->section);
	if (!section)
		return 0;
	section_text(loss->kind, section, NULL, &text);
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
			loss->kind ? lose_section(apply, loss, &err)
				   : lose_address(apply, loss->machine, loss->key, &err);
		causes_add(&apply->causes, &err);
	}
}
