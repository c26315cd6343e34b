/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/forwards.h"
#include "config/values.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/life/run_state.h"
#include "machine/state/private.h"
#include "network/forward.h"
#include "network/forwarder.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

enum { MADE_MAX = 65536, DROP_SECONDS = 1 };

static char *made_path(const struct machine *machine)
{
	return text_format("%s/forwards", machine->run);
}

/* The names of the forwards that are made, each after a newline; NULL: none is. The caller owns it. */
static char *read_made(const struct machine *machine)
{
	scoped_free char *path = made_path(machine);
	char *text = NULL;

	return path && file_read(AT_FDCWD, path, MADE_MAX, &text) >= 0 ? text : NULL;
}

static bool is_named(const char *made, const char *name)
{
	scoped_free char *line = text_format("\n%s\n", name);

	return made && line && strstr(made, line);
}

/* A forward of mode proxy, which its process tells of. */
static bool is_passed_on(const struct machine *machine, const char *name)
{
	const struct forwarder forwarder = { machine->dirs, machine->name, name };

	return forwarder_lives(&forwarder);
}

bool forwards_is_made(const struct machine *machine, const char *name)
{
	scoped_free char *made = read_made(machine);

	return is_named(made, name) || is_passed_on(machine, name);
}

/* ---- Other machines */

struct search {
	const struct machine *machine;          /* not this one */
	const struct forward *forward;          /* NULL: any forward on that network counts */
	const struct forwards_leaving *leaving; /* NULL: none is */
	const char *network;
	char found[64];
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
	if (!passed_on && !is_named(made, section->name))
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
	scoped_free char *made = run_alive(&other) ? read_made(&other) : NULL;
	bool found = made && !search->forward && is_on(&other, search->network);
	for (const struct section *at = other.config.forwards; search->forward && at && !found;
	     at = at->next)
		found = is_in_the_way(search, &other, made, at);
	if (found)
		snprintf(search->found, sizeof search->found, "%s", name);
	return found;
}

/* A forward that has rules of IPv6 only, which a machine without an IPv6 address cannot have. */
static bool lacks_ipv6(const struct forward *forward, const struct lease *lease)
{
	return !forward->proxy && forward->family == AF_INET6 && !lease->prefix6;
}

/* How ports could lead to the machine's eth0. */
struct way {
	bool shut;    /* its network is private, or not berth's own */
	bool foreign; /* the latter */
	bool ipv6;    /* its network has IPv6, or is not known */
};

static struct way find_way(const struct machine *machine)
{
	scoped_network struct network network = { 0 };

	if (!machine->config.network || !*machine->config.network ||
	    network_open(&network, machine->dirs, machine->config.network, &(struct err){ 0 }) < 0)
		return (struct way){ .ipv6 = true };
	bool own = config_is_own(&network.config);
	return (struct way){ .shut = !own || config_is_private(&network.config),
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
	struct way way = find_way(machine);
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
		err_set(err, EADDRINUSE, "machine '%s' runs and has that port of the host",
			search.found);
	else if (r == 0)
		forward_check_host(&forward, way.ipv6 || forward.proxy, &search.held, err);
	forward_list_free(&search.held);
	return err->code ? err_wrap(err, "forward '%s'", section->section.name) : 0;
}

/* ---- This machine */

struct chosen {
	struct forward_list forwards;
	struct text names; /* owned: as in the file */
};

static void chosen_free(struct chosen *chosen)
{
	forward_list_free(&chosen->forwards);
	text_free(&chosen->names);
}
#define scoped_chosen __attribute__((cleanup(chosen_free)))

static int choose(struct chosen *chosen, const struct forward_config *section, struct err *err)
{
	struct forward forward;

	if (config_forward(section, &forward, err) < 0)
		return -err->code;
	if (forward_list_add(&chosen->forwards, &forward) < 0 ||
	    text_add(&chosen->names, "%s%s\n", chosen->names.length ? "" : "\n",
		     section->section.name) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return 0;
}

/* Whether a forward can be made now. What was made before by this machine is not in its own way. */
static int check_now(const struct machine *machine, const struct forward_config *section, bool kept,
		     const struct lease *lease, struct err *err)
{
	struct forward forward;

	if (config_forward(section, &forward, err) < 0)
		return -err->code;
	bool dead = lacks_ipv6(&forward, lease);
	if ((!kept || dead) && forwards_check(machine, section, NULL, err) < 0)
		return -err->code;
	return dead ? err_set(err, ENETUNREACH,
			      "forward '%s' listens on %s, and machine '%s' has no IPv6 address "
			      "until its next start",
			      section->section.name, section->listen, machine->name)
		    : 0;
}

/* Starts the process of a forward that needs one, unless it runs. A failure ends one that must not go on. */
static int pass_on(const struct machine *machine, const struct section *section,
		   const struct forward *forward, bool shut, const struct lease *lease,
		   struct err *err)
{
	const struct forwarder forwarder = { machine->dirs, machine->name, section->name };

	if (!shut && forwarder_is_current(&forwarder, forward, lease))
		return 0;
	/* Its own process would be found on the port. */
	if (forwarder_stop(&forwarder, err) < 0 ||
	    forwards_check(machine, (const struct forward_config *)section, NULL, err) < 0)
		return -err->code;
	return forwarder_start(&forwarder, forward, lease, err) < 0
		       ? err_wrap(err, "forward '%s'", section->name)
		       : 0;
}

/* The processes of forwards that are no longer in the settings, or need none, end. */
static int end_others(void *context, const struct forwarder *forwarder)
{
	const struct machine *machine = context;
	const struct section *section = config_section(machine->config.forwards, forwarder->name);
	struct forward forward;

	if (!section ||
	    config_forward((const struct forward_config *)section, &forward, &(struct err){ 0 }) <
		    0 ||
	    !forward.proxy)
		forwarder_stop(forwarder, &(struct err){ 0 });
	return 0;
}

/*
 * Those that can be made. What was made before goes if the network is private now, or the machine has no IPv6 on it any
 * more. Only the forwards that a change of the network ends are told, and all that a start leaves out.
 */
static int choose_all(const struct machine *machine, const char *made, const struct lease *lease,
		      struct chosen *chosen, struct text *left_out, struct err *err)
{
	bool shut = find_way(machine).shut;

	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		const struct forward_config *section = (const struct forward_config *)at;
		bool was = is_named(made, at->name);
		struct forward forward;
		struct err why = { 0 };
		if (config_forward(section, &forward, &why) == 0 && forward.proxy) {
			if (pass_on(machine, at, &forward, shut, lease, &why) < 0)
				text_add(left_out, "%s; it is left out\n", why.text);
		} else if (check_now(machine, section, was && !shut, lease, &why) == 0) {
			if (choose(chosen, section, err) < 0)
				return -err->code;
		} else if (!made || was) {
			text_add(left_out, "%s; it is left out\n", why.text);
		}
	}
	return 0;
}

/* The file is written first, so that rules which a kill leaves are found by the clean-up. */
static int note(const struct machine *machine, const struct chosen *chosen, struct err *err)
{
	scoped_free char *path = made_path(machine);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno
		       : file_write_all(fd, text_str(&chosen->names), chosen->names.length, 0);
	return r < 0 ? err_set(err, -r, "write '%s': %s", path, strerror(-r)) : 0;
}

static int lock_forwards(const struct machine *machine, unsigned seconds, struct err *err)
{
	return dirs_lock(machine->dirs, "forwards", seconds, "the list of forwarded ports", err);
}

/* Under the lock. */
static void drop(const struct machine *machine, const struct network *network)
{
	struct search search = { .machine = machine, .network = network->name };
	scoped_free char *path = made_path(machine);
	struct err ignored = { 0 };

	/* The rules of each machine keep all machines of the network from the host's loopback addresses. */
	if (machine_list(machine->dirs, compare, &search, &ignored) == 0)
		forward_use_loopback(network, false, &ignored);
	ignored = (struct err){ 0 };
	forward_remove(network, machine->name, &ignored);
	if (path)
		unlink(path);
}

int forwards_make(struct machine *machine, const struct network *network, const struct lease *lease,
		  struct text *left_out, struct err *err)
{
	scoped_chosen struct chosen chosen = { 0 };
	scoped_free char *made = read_made(machine);

	bool any = forwarders_any(machine->dirs, machine->name);
	if (!machine->config.forwards && !made && !any)
		return 0;
	scoped_fd int lock = lock_forwards(machine, LOCK_SECONDS, err);
	if (lock < 0)
		return -err->code;
	if (any)
		forwarders_each(machine->dirs, machine->name, end_others, machine);
	if (choose_all(machine, made, lease, &chosen, left_out, err) < 0)
		return -err->code;
	if (chosen.forwards.count == 0) {
		if (made)
			drop(machine, network);
		return 0;
	}
	if (note(machine, &chosen, err) < 0 ||
	    forward_update(network, lease, chosen.forwards.list, chosen.forwards.count, err) < 0 ||
	    forward_use_loopback(network, true, err) < 0)
		return -err->code;
	return 0;
}

void forwards_drop(const struct machine *machine, const struct network *network)
{
	scoped_free char *path = made_path(machine);
	struct err ignored = { 0 };

	if (!path || access(path, F_OK) < 0)
		return;
	/* A clean-up has no time to wait for a command that hangs. The lock only orders changes of one bridge's flag. */
	scoped_fd int lock = lock_forwards(machine, DROP_SECONDS, &ignored);
	drop(machine, network);
}

static int end_one(void *context, const struct forwarder *forwarder)
{
	(void)context;
	forwarder_stop(forwarder, &(struct err){ 0 });
	return 0;
}

void forwards_drop_all(const struct machine *machine)
{
	struct err ignored = { 0 };

	if (!forwarders_any(machine->dirs, machine->name))
		return;
	scoped_fd int lock = lock_forwards(machine, DROP_SECONDS, &ignored);
	forwarders_each(machine->dirs, machine->name, end_one, NULL);
}

int forwards_stop(const struct machine *machine, const char *name, struct err *err)
{
	const struct forwarder forwarder = { machine->dirs, machine->name, name };

	if (!forwarders_any(machine->dirs, machine->name))
		return 0;
	scoped_fd int lock = lock_forwards(machine, LOCK_SECONDS, err);
	return lock < 0 ? -err->code : forwarder_stop(&forwarder, err);
}

static int is_unwanted(void *context, const struct forwarder *forwarder)
{
	const struct machine *machine = context;

	return !config_section(machine->config.forwards, forwarder->name);
}

/* Whether all processes are there that are to be, and no others. */
static bool passes_on(const struct machine *machine, const struct lease *lease)
{
	struct forward forward;

	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		const struct forwarder forwarder = { machine->dirs, machine->name, at->name };
		if (config_forward((const struct forward_config *)at, &forward,
				   &(struct err){ 0 }) == 0 &&
		    forward.proxy && !forwarder_is_current(&forwarder, &forward, lease))
			return false;
	}
	return forwarders_each(machine->dirs, machine->name, is_unwanted,
			       (void *)(uintptr_t)machine) == 0;
}

/* Such a forward may have waited for the IPv6 address, which the machine has again once its network has it. */
static bool only_ipv6(const struct forward_config *section)
{
	struct forward forward;

	return config_forward(section, &forward, &(struct err){ 0 }) == 0 && !forward.proxy &&
	       forward.family == AF_INET6;
}

int forwards_are_current(const struct machine *machine, const struct network *network,
			 const struct lease *lease)
{
	scoped_chosen struct chosen chosen = { 0 };
	scoped_free char *made = read_made(machine);
	const struct forward_list *forwards = &chosen.forwards;
	struct err err = { 0 };

	if (!passes_on(machine, lease))
		return 0;
	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		if (is_named(made, at->name)) {
			if (choose(&chosen, (const struct forward_config *)at, &err) < 0)
				return -err.code;
			if (lacks_ipv6(&forwards->list[forwards->count - 1], lease))
				return 0;
		} else if (lease->prefix6 && only_ipv6((const struct forward_config *)at)) {
			return 0;
		}
	}
	return forwards->count ? forward_is_current(network, lease, forwards->list, forwards->count)
			       : 1;
}
