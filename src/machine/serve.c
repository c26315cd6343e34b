/* A network's dnsmasq, brought back for the keeper of one of its machines that has seen it end. */
#include "machine/place.h"
#include "machine/private.h"
#include "machine/rations.h"
#include "machine/run.h"

#include "base/scoped.h"
#include "network/network.h"

#include <errno.h>
#include <fcntl.h>

static void tell(const struct site *site, const struct event *event)
{
	scoped_free char *path = site_run_path(site, "events");

	if (path)
		event_write(AT_FDCWD, path, event);
}

int machine_serve(const struct machine *machine, bool again, struct err *err)
{
	scoped_network struct network network = { 0 };
	const char *cause = NULL;
	struct run_state state;

	if (run_read_state(machine, &state) < 0 || !*state.network)
		return 0;
	/* What outlives the keeper has neither its limits nor its place. */
	rations_reset();
	place_leave(machine);
	int r = network_open(&network, machine->site, state.network, err);
	if (r == 0)
		r = network_serve(&network, &cause, err);
	if (r > 0 && cause)
		tell(machine->site, &(struct event){ .name = "network-restored",
						     .network = network.name,
						     .cause = cause });
	else if (r < 0 && !again)
		tell(machine->site, &(struct event){ .name = "network-failed",
						     .network = state.network,
						     .cause = err->text });
	return r;
}
