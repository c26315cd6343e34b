/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Leases of a machine: one, under a hardware address that is unique on its network. Hardware addresses are drawn at
 * random when machines are created, with 24 bits; they are compared on the network.
 */
#include "machine/state/private.h"

#include "base/scoped.h"

#include <string.h>
#include <sys/random.h>

enum { DRAWS = 16 };

struct leaving {
	const struct machine *machine;
	const char *except;
};

static int leave_network(void *context, const char *name)
{
	const struct leaving *leaving = context;
	scoped_network struct network network = { 0 };
	struct err ignored = { 0 };

	if (leaving->except && strcmp(name, leaving->except) == 0)
		return 0;
	if (network_open(&network, leaving->machine->dirs, name, &ignored) == 0 &&
	    lease_is_there(&network, leaving->machine->name))
		lease_release(&network, leaving->machine->name, &ignored);
	return 0;
}

void machine_leave_networks(const struct machine *machine, const char *except)
{
	struct leaving leaving = { .machine = machine, .except = except };

	network_list(machine->dirs, leave_network, &leaving, &(struct err){ 0 });
}

/* Changes the hardware address, also in machine.conf, where all else stays as it is. */
static int draw_mac(struct machine *machine, struct err *err)
{
	static const char *const names[] = { "network.mac", NULL };
	scoped_free char *path = machine_path(machine, "machine.conf");
	unsigned char bytes[3];

	if (!path || getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return err_set(err, ENOMEM, "out of memory");
	char *drawn = text_format("10:66:6a:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2]);
	if (!drawn)
		return err_set(err, ENOMEM, "out of memory");
	free(machine->config.mac);
	machine->config.mac = drawn;
	if (config_record(&machine_schema, path, &machine->config, names, err) < 0)
		return -err->code;
	pool_backup_mark_stale();
	return 0;
}

int machine_lease(struct machine *machine, struct network *network, struct lease *lease,
		  struct err *err)
{
	const struct machine_config *config = &machine->config;
	const char *want = *config->address ? config->address : NULL;
	struct err why = { 0 };
	int r = lease_get(network, machine->name, config->mac, want, lease, &why);

	for (int i = 0; i < DRAWS && r == -ENOTUNIQ; i++) {
		if (draw_mac(machine, err) < 0)
			return -err->code;
		why = (struct err){ 0 };
		r = lease_get(network, machine->name, config->mac, want, lease, &why);
	}
	if (r < 0)
		return err_set(err, why.code, "%s", why.text);
	/* The last network of the machine was another one, or there was none. */
	if (lease->made)
		machine_leave_networks(machine, network->name);
	return 0;
}
