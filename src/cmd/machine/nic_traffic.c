/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/nic_traffic.h"

#include "base/scoped.h"
#include "cmd/cli/print.h"
#include "cmd/cli/traffic.h"
#include "machine/life/run_state.h"
#include "machine/state/nics.h"

#include <string.h>

/* Opens the network that a machine runs on with an interface. */
static bool open_network(const struct machine *machine, const struct run_state *state,
			 const struct nic_view *nic, struct network *network)
{
	const char *on = run_network_of(state, nic->name);

	return on && network_open(network, machine->dirs, on, &(struct err){ 0 }) == 0;
}

static size_t running_nics(const struct machine *machine, struct run_state *state,
			   struct nic_view nics[NICS_MAX])
{
	return run_going(machine) && run_read_state(machine, state) == 0 ? nics_of(machine, nics)
									 : 0;
}

void nic_traffic_show(const struct machine *machine,
		      void (*show)(const char *label, const char *form, ...))
{
	struct nic_view nics[NICS_MAX];
	struct run_state state;
	size_t count = running_nics(machine, &state, nics);

	for (size_t i = 0; i < count; i++) {
		scoped_network struct network network = { 0 };
		scoped_text struct text line = { 0 };
		if (open_network(machine, &state, &nics[i], &network) &&
		    traffic_add(&network, machine->name, &line))
			show("traffic:", "%s %s", nics[i].name, text_str(&line));
	}
}

json_t *nic_traffic_array(const struct machine *machine)
{
	struct nic_view nics[NICS_MAX];
	struct run_state state;
	size_t count = running_nics(machine, &state, nics);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		scoped_network struct network network = { 0 };
		json_t *traffic = open_network(machine, &state, &nics[i], &network)
					  ? traffic_object(&network, machine->name)
					  : NULL;
		if (json_is_object(traffic) &&
		    json_object_set_new(traffic, "nic", json_string(nics[i].name)) == 0)
			json_array_append(array, traffic);
		json_decref(traffic);
	}
	return array;
}
