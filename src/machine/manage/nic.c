/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces of a machine beside eth0, added, removed and changed while it runs or not. The settings are written before
 * a lease and a port are made, and changed after both are gone: so each lease and each port belongs to an interface of
 * the settings, whenever a command is killed.
 */
#include "machine/life/hosts.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/manage/check.h"
#include "machine/manage/manage.h"
#include "machine/manage/settings_lock.h"
#include "machine/state/nics.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"

#include <arpa/inet.h>
#include <string.h>

/* A change of one interface. */
struct change {
	struct machine *machine;
	const char *name;
	char *conf; /* owned; path of machine.conf */
	int lock;   /* owned; the machine's */
	bool runs;  /* state is filled in */
	struct run_state state;
	struct text *notes; /* borrowed; NULL: nobody reads them */
};

static void change_end(struct change *change)
{
	scoped_close_fd(&change->lock);
	free(change->conf);
}
#define scoped_change __attribute__((cleanup(change_end)))

static int begin(struct change *change, struct machine *machine, const char *name, struct err *err)
{
	*change = (struct change){ .machine = machine, .name = name, .lock = -1 };
	change->conf = machine_path(machine, "machine.conf");
	if (!change->conf)
		return err_set(err, ENOMEM, "out of memory");
	change->lock = settings_lock(machine, err);
	if (change->lock < 0)
		return -err->code;
	change->runs = run_going(machine) && run_read_state(machine, &change->state) == 0;
	return 0;
}

static int write_state(struct change *change, struct err *err)
{
	return run_write_state(change->machine, &change->state, err);
}

/* ---- A running machine */

/* The default route leads through the interface that the settings name now, if the machine runs with it. */
static int renew_route(struct change *change, struct err *err)
{
	scoped_network struct network network = { 0 };
	struct nic_view nics[NICS_MAX];
	struct lease lease;
	size_t count = nics_of(change->machine, nics);

	for (size_t i = 0; i < count; i++) {
		const char *on = run_network_of(&change->state, nics[i].name);
		if (!nics[i].route || !on || strcmp(on, nics[i].network) != 0)
			continue;
		if (network_open(&network, change->machine->dirs, on, err) < 0 ||
		    lease_find(&network, change->machine->name, &lease, err) < 0)
			return -err->code;
		nics_shape(change->machine, &nics[i], &lease);
		return network_route(&network, &lease, change->state.init, err);
	}
	return 0;
}

/* Takes the port and its rules away. */
static int unplug(struct change *change, struct err *err)
{
	scoped_network struct network network = { 0 };
	const char *on = change->runs ? run_network_of(&change->state, change->name) : NULL;

	if (!on)
		return 0;
	if (network_open(&network, change->machine->dirs, on, err) < 0 ||
	    network_remove_port(&network, change->machine->name, err) < 0)
		return -err->code;
	fault_point("nic-unplugged");
	run_drop_nic(&change->state, change->name);
	return write_state(change, err);
}

static int plug(struct change *change, struct network *network, const struct lease *lease,
		struct err *err)
{
	struct machine *machine = change->machine;
	scoped_text struct text notes = { 0 };
	struct err ignored = { 0 };

	/* The port is noted first, so that the clean-up after the run finds it. */
	if (network_up(network, err) < 0 ||
	    (network->renewed && machine_reconnect_all(network, &notes, err) < 0))
		return -err->code;
	if (run_add_nic(&change->state, change->name, network->name) < 0)
		return err_set(err, E2BIG, "machine '%s' runs with too many nics", machine->name);
	if (write_state(change, err) < 0)
		return -err->code;
	fault_point("nic-noted");
	/* The end of a killed command that had begun the same. */
	network_remove_port(network, machine->name, &ignored);
	const struct port_rules rules = nics_rules(machine);
	if (network_plug(network, lease, change->state.init, &rules, err) < 0)
		return -err->code;
	fault_point("nic-plugged");
	if (change->notes && *network->warning)
		text_add(change->notes, "%s\n", network->warning);
	if (change->notes)
		text_add(change->notes, "%s", text_str(&notes));
	return 0;
}

/* Makes lease and port as the settings say, which were read again. */
static int make(struct change *change, struct err *err)
{
	struct machine *machine = change->machine;
	scoped_network struct network network = { 0 };
	struct nic_view nic;
	struct lease lease;

	if (!nics_find(machine, change->name, NULL, &nic))
		return err_set(err, ENOENT, "machine '%s' has no nic '%s'", machine->name,
			       change->name);
	if (network_open(&network, machine->dirs, nic.network, err) < 0 ||
	    nics_take_lease(machine, &nic, &network, &lease, err) < 0)
		return -err->code;
	fault_point("nic-leased");
	if (lease.made && machine_renew_peers(&network, err) < 0)
		return -err->code;
	hosts_follow_all(machine->dirs);
	if (!change->runs)
		return 0;
	if (plug(change, &network, &lease, err) < 0)
		return -err->code;
	return renew_route(change, err);
}

/* Takes port and lease away. The lease goes with the interface, unless its network is one of another interface's. */
static int unmake(struct change *change, const char *network_name, struct err *err)
{
	scoped_network struct network network = { 0 };
	struct err absent = { 0 };

	if (unplug(change, err) < 0)
		return -err->code;
	if (change->runs && run_nic_on(&change->state, network_name))
		return 0;
	/* A network that was deleted by force has no leases. */
	if (network_open(&network, change->machine->dirs, network_name, &absent) < 0)
		return 0;
	int r = lease_release(&network, change->machine->name, err);
	fault_point("nic-released");
	return r;
}

/* ---- Checks */

/* A port of the present run may be on a network that its settings no longer name. */
static int check_free(const struct change *change, const char *network, struct err *err)
{
	const char *other = change->runs ? run_nic_on(&change->state, network) : NULL;
	struct nic_view named;

	if (!other || strcmp(other, change->name) == 0)
		return 0;
	/* The rules of the settings have a sentence for it. */
	if (nics_find(change->machine, NULL, network, &named))
		return 0;
	return err_set(
		err, EBUSY,
		"machine '%s' runs with its '%s' on network '%s' until its next start; restart "
		"it first",
		change->machine->name, other, network);
}

static int check_wanted(const struct change *change, const struct nic_config *nic, struct err *err)
{
	const char *machine = change->machine->name;
	scoped_network struct network network = { 0 };

	if (network_open(&network, change->machine->dirs, nic->network, err) < 0 ||
	    network_check_vlan(&network, (unsigned)nic->vlan, err) < 0 ||
	    network_check_routes(&network, change->name, nic->routes, err) < 0 ||
	    lease_check(&network, machine, nic->address, nic->address6, err) < 0 ||
	    fixed_check(change->machine->dirs, machine, nic->network, nic->address, err) < 0 ||
	    fixed_check(change->machine->dirs, machine, nic->network, nic->address6, err) < 0 ||
	    (*nic->mac && lease_check_mac(&network, machine, nic->mac, err) < 0))
		return -err->code;
	return check_free(change, nic->network, err);
}

static const struct nic_config *find(const struct change *change, struct err *err)
{
	const struct section *found = config_section(change->machine->config.nics, change->name);
	const char *machine = change->machine->name;

	if (found)
		return (const struct nic_config *)found;
	if (strcmp(change->name, LEASE_LINK) == 0)
		err_set(err, EINVAL,
			"nic 'eth0' of machine '%s' is the one of its keys network and network.*: "
			"berth set %s network.KEY=VALUE, or network= for none",
			machine, machine);
	else
		err_set(err, ENOENT, "machine '%s' has no nic '%.60s'; see: berth nic list %s",
			machine, change->name, machine);
	return NULL;
}

/* Without a fixed address the interface keeps its lease, unless it has moved to another network. */
static void tell_kept(const struct change *change, const struct config_change *changes,
		      size_t count)
{
	char address[INET_ADDRSTRLEN];
	bool given_up = false;
	struct nic_view nic;
	struct lease lease;

	for (size_t i = 0; i < count; i++)
		given_up |= strcmp(changes[i].name, "address") == 0 &&
			    (!changes[i].value || !*changes[i].value);
	if (!given_up || !nics_find(change->machine, change->name, NULL, &nic) ||
	    nics_lease(change->machine, &nic, &lease) < 0 || lease.foreign)
		return;
	inet_ntop(AF_INET, &lease.address, address, sizeof address);
	text_add(change->notes,
		 "nic '%s' of machine '%s' keeps its address %s; for another: berth nic set %s %s "
		 "address=ADDRESS\n",
		 change->name, change->machine->name, address, change->machine->name, change->name);
}

/* ---- The verbs */

static int add_section(struct change *change, const struct nic_config *nic, struct err *err)
{
	struct nic_config whole = *nic;
	scoped_free char *drawn = *nic->mac ? NULL : nics_draw_mac();

	if (!*nic->mac && !drawn)
		return err_set(err, ENOMEM, "out of memory");
	if (drawn)
		whole.mac = drawn;
	int r = config_add_section(&machine_schema, change->conf, &nic_schema, &whole.section, err);
	fault_point("nic-added");
	return r < 0 ? r : settings_read_again(change->machine, err);
}

static int remove_section(struct change *change, struct err *err)
{
	int r = config_remove_section(&machine_schema, change->conf, &nic_schema, change->name,
				      err);

	fault_point("nic-removed");
	return r < 0 ? r : settings_read_again(change->machine, err);
}

int machine_nic_add(struct machine *machine, const struct nic_config *nic, struct text *notes,
		    struct err *err)
{
	scoped_change struct change change = { 0 };

	if (begin(&change, machine, nic->section.name, err) < 0)
		return -err->code;
	change.notes = notes;
	if (config_section(machine->config.nics, change.name))
		return err_set(
			err, EEXIST,
			"machine '%s' has a nic '%s' already; change it: berth nic set %s %s "
			"KEY=VALUE",
			machine->name, change.name, machine->name, change.name);
	scoped_fd int addresses = fixed_lock(machine->dirs, err);
	if (addresses < 0 || check_wanted(&change, nic, err) < 0 ||
	    add_section(&change, nic, err) < 0)
		return -err->code;
	scoped_close_fd(&addresses);
	if (make(&change, err) == 0)
		return 0;
	struct err ignored = { 0 };
	unmake(&change, nic->network, &ignored);
	ignored = (struct err){ 0 };
	remove_section(&change, &ignored);
	renew_route(&change, &(struct err){ 0 });
	return -err->code;
}

int machine_nic_remove(struct machine *machine, const char *name, struct err *err)
{
	scoped_change struct change change = { 0 };
	const struct nic_config *nic;

	if (begin(&change, machine, name, err) < 0)
		return -err->code;
	nic = find(&change, err);
	if (!nic || unmake(&change, nic->network, err) < 0)
		return -err->code;
	/* Before the section goes: it names the network. */
	machine_renew_peers_of(machine);
	if (remove_section(&change, err) < 0)
		return -err->code;
	hosts_follow_all(machine->dirs);
	return change.runs ? renew_route(&change, err) : 0;
}

/* Puts the settings, the lease and the port back. */
static void put_back(struct change *change, const struct text *before)
{
	struct err ignored = { 0 };

	unplug(change, &ignored);
	ignored = (struct err){ 0 };
	config_write(change->conf, before, &ignored);
	if (settings_read_again(change->machine, &ignored) == 0)
		make(change, &ignored);
}

/* The file as it is, and as it is wanted; with the interface as it is wanted, which is checked. */
static int prepare(struct change *change, const struct config_change *changes, size_t count,
		   struct text *before, struct text *after, bool *moves, struct err *err)
{
	struct machine_config config;
	const struct nic_config *now = find(change, err);

	if (!now || config_preview_section(&machine_schema, change->conf, &nic_schema, change->name,
					   NULL, 0, before, &config, err) < 0)
		return -err->code;
	config_free(&machine_schema, &config);
	if (config_preview_section(&machine_schema, change->conf, &nic_schema, change->name,
				   changes, count, after, &config, err) < 0)
		return -err->code;
	const struct section *wanted = config_section(config.nics, change->name);
	const struct nic_config *nic = (const struct nic_config *)wanted;
	*moves = strcmp(now->network, nic->network) != 0;
	int r = check_wanted(change, nic, err);
	config_free(&machine_schema, &config);
	return r;
}

int machine_nic_set(struct machine *machine, const char *name, const struct config_change *changes,
		    size_t count, struct text *notes, struct err *err)
{
	scoped_text struct text before = { 0 }, after = { 0 };
	scoped_change struct change change = { 0 };
	bool moves = false;

	if (begin(&change, machine, name, err) < 0)
		return -err->code;
	change.notes = notes;
	scoped_fd int addresses = fixed_lock(machine->dirs, err);
	if (addresses < 0 || prepare(&change, changes, count, &before, &after, &moves, err) < 0)
		return -err->code;
	const struct nic_config *now = find(&change, err);
	if (!now || (moves ? unmake(&change, now->network, err) : unplug(&change, err)) < 0)
		return -err->code;
	int r = config_write(change.conf, &after, err);
	fault_point("nic-set");
	scoped_close_fd(&addresses);
	if (r == 0)
		r = settings_read_again(machine, err);
	if (r == 0)
		r = make(&change, err);
	if (r < 0)
		put_back(&change, &before);
	else if (!moves)
		tell_kept(&change, changes, count);
	return r;
}
