/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The restart of a network's dnsmasq, for the keeper of one of its machines that has seen it end. */
#include "machine/confine/rlimits.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/state/private.h"

#include "network/network.h"

int machine_serve(const struct machine *machine, bool again, struct err *err)
{
	scoped_network struct network network = { 0 };
	const char *cause = NULL;
	struct run_state state;

	if (run_read_state(machine, &state) < 0)
		return 0;
	/* The network that the keeper watches: that of the first interface. */
	const char *name = *state.network ? state.network : state.nics[0].network;
	if (!*name)
		return 0;
	/* A dnsmasq outlives the keeper, and does not get its limits. */
	rlimits_reset();
	int r = network_open(&network, machine->dirs, name, err);
	if (r == 0)
		r = network_serve(&network, &cause, err);
	if (r > 0 && cause)
		events_append(machine->dirs, &(struct event){ .name = "network-restored",
							      .network = network.name,
							      .cause = cause });
	else if (r < 0 && !again)
		events_append(machine->dirs, &(struct event){ .name = "network-failed",
							      .network = name,
							      .cause = err->text });
	return r;
}
