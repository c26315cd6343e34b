/*
 * The guards of running machines' ports (network/guard.h), after somebody cleared the host's firewall
 * rules: "nft flush ruleset" is how many a firewall begins. Who made a port has its guard from the start.
 */
#include "machine/machine.h"
#include "machine/run.h"
#include "network/guard.h"

#include <errno.h>
#include <string.h>

/* Of a machine that runs and is to have one: 1 when it is there, 0 when lost, else -errno. */
static int look(const struct machine *machine, struct network *network, struct lease *lease)
{
	struct err unsaid = { 0 };

	if (machine->config.spoofing || !run_alive(machine))
		return -ENOENT;
	int r = lease_find(network, machine->name, lease, &unsaid);
	if (r < 0)
		return r;
	lease->isolated = machine->config.isolated;
	return guard_is_current(network, lease);
}

bool machine_unguarded(const struct machine *machine)
{
	scoped_network struct network network = { 0 };
	struct err unsaid = { 0 };
	struct lease lease;

	return *machine->config.network &&
	       network_open(&network, machine->site, machine->config.network, &unsaid) == 0 &&
	       look(machine, &network, &lease) == 0;
}

struct renewal {
	struct network *network;
	struct err *err;
};

/* One that is broken or just goes away keeps the others from nothing. */
static int renew(void *context, const char *name)
{
	struct renewal *renewal = context;
	scoped_machine struct machine machine = { 0 };
	struct err unsaid = { 0 };
	struct lease lease;

	if (machine_read(&machine, renewal->network->site, name, &unsaid) < 0 ||
	    strcmp(machine.config.network, renewal->network->name) != 0 ||
	    look(&machine, renewal->network, &lease) != 0)
		return 0;
	return guard_renew(renewal->network, &lease, renewal->err);
}

int machine_guard_all(struct network *network, struct err *err)
{
	struct renewal renewal = { .network = network, .err = err };

	return machine_list(network->site, renew, &renewal, err);
}
