/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters of the interfaces that a machine runs with. */
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/state/nics.h"

size_t machine_traffic(const struct machine *machine, struct nic_traffic list[NICS_MAX])
{
	struct nic_view nics[NICS_MAX];
	struct run_state state;
	size_t count = 0;
	size_t nic_count = run_going(machine) && run_read_state(machine, &state) == 0
				   ? nics_of(machine, nics)
				   : 0;

	for (size_t i = 0; i < nic_count; i++) {
		scoped_network struct network network = { 0 };
		struct nic_traffic *at = &list[count];
		const char *on = run_network_of(&state, nics[i].name);
		if (!on || network_open(&network, machine->dirs, on, &(struct err){ 0 }) < 0 ||
		    network_traffic(&network, machine->name, &at->traffic) < 0 ||
		    text_print(at->nic, sizeof at->nic, "%s", nics[i].name) < 0)
			continue;
		count++;
	}
	return count;
}
