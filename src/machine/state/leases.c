/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases of a machine: one on the network of each interface, under a hardware address that is unique there. Hardware
 * addresses are drawn at random when machines are created, with 24 bits; they are compared on the network.
 */
#include "machine/state/nics.h"
#include "machine/state/private.h"

#include "base/scoped.h"

#include <string.h>
#include <sys/random.h>

enum { DRAWS = 16 };

static int leave_network(void *context, const char *name)
{
	const struct machine *machine = context;
	scoped_network struct network network = { 0 };
	struct err ignored = { 0 };

	if (network_open(&network, machine->dirs, name, &ignored) == 0 &&
	    lease_is_there(&network, machine->name))
		lease_release(&network, machine->name, &ignored);
	return 0;
}

/* A network that no interface is on. */
static int leave_old_network(void *context, const char *name)
{
	struct nic_view nic;

	return nics_find(context, NULL, name, &nic) ? 0 : leave_network(context, name);
}

void machine_leave_networks(struct machine *machine, bool all)
{
	struct err ignored = { 0 };

	network_list(machine->dirs, all ? leave_network : leave_old_network, machine, &ignored);
}

void machine_leave_network(struct machine *machine, const char *network)
{
	leave_network(machine, network);
}

void machine_renew_lease(struct machine *machine)
{
	scoped_network struct network network = { 0 };
	struct err ignored = { 0 };
	struct nic_view nic;
	struct lease lease;

	if (nics_find(machine, LEASE_LINK, NULL, &nic) &&
	    network_open(&network, machine->dirs, nic.network, &ignored) == 0 &&
	    lease_is_there(&network, machine->name))
		nics_take_lease(machine, &nic, &network, &lease, &ignored);
}

char *nics_draw_mac(void)
{
	unsigned char bytes[3];

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return NULL;
	return text_format("10:66:6a:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2]);
}

/* Writes the hardware address of a section into machine.conf. */
static int record_mac(const char *path, const char *nic, const char *mac, struct err *err)
{
	const struct config_change change = { .name = "mac", .value = mac };
	scoped_text struct text text = { 0 };
	struct machine_config config;

	if (config_preview_section(&machine_schema, path, &nic_schema, nic, &change, 1, &text,
				   &config, err) < 0)
		return -err->code;
	config_free(&machine_schema, &config);
	return config_write(path, &text, err);
}

/* Changes the hardware address, also in machine.conf, where all else stays as it is. */
static int draw_mac(struct machine *machine, struct nic_view *nic, struct err *err)
{
	static const char *const names[] = { "network.mac", NULL };
	scoped_free char *path = machine_path(machine, "machine.conf");
	struct section *section =
		nic->section ? config_section(machine->config.nics, nic->name) : NULL;
	char **mac = section ? &((struct nic_config *)section)->mac : &machine->config.mac;

	if (!path || text_take(mac, nics_draw_mac()) < 0)
		return err_set(err, ENOMEM, "out of memory");
	nic->mac = *mac;
	if (section ? record_mac(path, nic->name, *mac, err) < 0
		    : config_record(&machine_schema, path, &machine->config, names, err) < 0)
		return -err->code;
	pool_backup_mark_stale();
	return 0;
}

int nics_take_lease(struct machine *machine, struct nic_view *nic, struct network *network,
		    struct lease *lease, struct err *err)
{
	struct lease_want want = { .address = nic->address, .address6 = nic->address6 };
	struct err why = { 0 };

	/* A section that a person has written may have none. */
	if (nic->section && !*nic->mac && draw_mac(machine, nic, err) < 0)
		return -err->code;
	want.mac = nic->mac;
	int r = lease_get(network, machine->name, &want, lease, &why);
	for (int i = 0; i < DRAWS && r == -ENOTUNIQ; i++) {
		if (draw_mac(machine, nic, err) < 0)
			return -err->code;
		why = (struct err){ 0 };
		want.mac = nic->mac;
		r = lease_get(network, machine->name, &want, lease, &why);
	}
	if (r < 0)
		return err_set(err, why.code, "%s", why.text);
	nics_shape(machine, nic, lease);
	return 0;
}
