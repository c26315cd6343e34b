/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The causes by which a forward cannot be made: its network, another machine, or a program of the host. */
#include "machine/life/forwards_made.h"
#include "machine/life/forwards.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/life/run_state.h"
#include "machine/state/private.h"
#include "network/forward.h"
#include "network/forwarder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

enum { MADE_MAX = 65536 };

char *forwards_made_path(const struct machine *machine)
{
	return text_format("%s/forwards", machine->run);
}

char *forwards_made_read(const struct machine *machine)
{
	scoped_free char *path = forwards_made_path(machine);
	char *text = NULL;

	return path && file_read(AT_FDCWD, path, MADE_MAX, &text) >= 0 ? text : NULL;
}

bool forwards_made_has(const char *made, const char *name)
{
	scoped_free char *line = text_format("\n%s\n", name);

	return made && line && strstr(made, line);
}

/* A forward of mode proxy, which its process tells of. */
static bool is_passed_on(const struct machine *machine, const char *name)
{
	const struct forwarder forwarder = { machine->dirs, machine->name, name, NULL };

	return forwarder_lives(&forwarder);
}

int forwards_lock(const struct dirs *dirs, unsigned seconds, struct err *err)
{
	return dirs_lock(dirs, "forwards", seconds, "the list of forwarded ports", err);
}

bool forwards_is_made(const struct machine *machine, const char *name)
{
	scoped_free char *made = forwards_made_read(machine);

	return forwards_made_has(made, name) || is_passed_on(machine, name);
}

/* ---- Other machines */

struct search {
	const struct machine *machine;          /* not this one */
	const struct forward *forward;          /* NULL: any forward on that network counts */
	const struct forwards_leaving *leaving; /* NULL: none is */
	const char *network;
	char found[64];
	bool sleeps;              /* the machine that was found does not run */
	struct forward_list held; /* those that collide, and whose process does not count */
};

static bool is_on(const struct machine *machine, const char *network)
{
	struct run_state state;

	return run_read_state(machine, &state) == 0 && strcmp(state.network, network) == 0;
}

/* Whether a forward of another machine is in the way of the one that is looked for. */
static bool is_in_the_way(struct search *search, const struct machine *other, const char *made,
			  const struct section *section)
{
	struct forward theirs;
	bool own = strcmp(other->name, search->machine->name) == 0;

	if (config_forward((const struct forward_config *)section, &theirs, &(struct err){ 0 }) <
		    0 ||
	    !forwards_collide(search->forward, &theirs))
		return false;
	bool passed_on = is_passed_on(other, section->name);
	if (!passed_on && !forwards_made_has(made, section->name))
		return false;
	if (!own && (!search->leaving || !search->leaving->leaves(search->leaving->context,
								  other->name, section->name)))
		return true;
	if (passed_on)
		forward_list_add(&search->held, &theirs);
	return false;
}

/* Stops at a machine that has made a forward which collides. */
static int compare(void *context, const char *name)
{
	struct search *search = context;
	scoped_machine struct machine other = { 0 };
	bool own = strcmp(name, search->machine->name) == 0;

	if ((own && !search->forward) ||
	    machine_read(&other, search->machine->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	scoped_free char *made = run_alive(&other) ? forwards_made_read(&other) : NULL;
	bool found = made && !search->forward && is_on(&other, search->network);
	for (const struct section *at = other.config.forwards; search->forward && at && !found;
	     at = at->next)
		found = is_in_the_way(search, &other, made, at);
	if (!found)
		return 0;
	snprintf(search->found, sizeof search->found, "%s", name);
	search->sleeps = !run_going(&other);
	return 1;
}

bool forwards_made_on(const struct machine *machine, const char *network)
{
	struct search search = { .machine = machine, .network = network };

	return machine_list(machine->dirs, compare, &search, &(struct err){ 0 }) != 0;
}

/* ---- The network */

struct forwards_way forwards_find_way(const struct machine *machine)
{
	scoped_network struct network network = { 0 };

	if (!machine->config.network || !*machine->config.network ||
	    network_open(&network, machine->dirs, machine->config.network, &(struct err){ 0 }) < 0)
		return (struct forwards_way){ .ipv6 = true };
	bool own = config_is_own(&network.config);
	return (struct forwards_way){ .shut = !own || config_is_private(&network.config),
				      .foreign = !own,
				      .ipv6 = !own || network.prefix6 };
}

int forwards_check(const struct machine *machine, const struct forward_config *section,
		   const struct forwards_leaving *leaving, struct err *err)
{
	struct forward forward;
	struct search search = { .machine = machine, .forward = &forward, .leaving = leaving };

	if (config_forward(section, &forward, err) < 0)
		return -err->code;
	struct forwards_way way = forwards_find_way(machine);
	if (!way.ipv6 && forward.family == AF_INET6 && !forward.proxy)
		return err_set(
			err, EINVAL,
			"forward '%s' listens on %s, and network '%s' has no IPv6 by which it "
			"could lead to machine '%s'; give it one: berth network set %s "
			"subnet6=auto",
			section->section.name, section->listen, machine->config.network,
			machine->name, machine->config.network);
	if (way.foreign)
		return err_set(
			err, EINVAL,
			"forward '%s' cannot lead to machine '%s': its network '%s' is not one of "
			"berth's, and others reach the machine there by its own address; leave the "
			"forward out, or put it on another: berth set %s network=NETWORK",
			section->section.name, machine->name, machine->config.network,
			machine->name);
	if (way.shut)
		return err_set(
			err, EINVAL,
			"forward '%s' cannot lead to machine '%s': its network '%s' is private; "
			"put it on another: berth set %s network=NETWORK",
			section->section.name, machine->name, machine->config.network,
			machine->name);
	int r = machine_list(machine->dirs, compare, &search, err);
	if (r > 0)
		err_set(err, EADDRINUSE, "machine '%s' %s that port of the host", search.found,
			search.sleeps ? "waits for connections to" : "runs and has");
	else if (r == 0)
		forward_check_host(&forward, way.ipv6 || forward.proxy, &search.held, err);
	forward_list_free(&search.held);
	return err->code ? err_wrap(err, "forward '%s'", section->section.name) : 0;
}
