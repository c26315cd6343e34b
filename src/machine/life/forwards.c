/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/forwards.h"
#include "config/values.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/life/forwards_made.h"
#include "machine/life/passing.h"
#include "machine/state/private.h"
#include "network/forward.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

enum { DROP_SECONDS = 1 };

/* A forward that has rules of IPv6 only, which a machine without an IPv6 address cannot have. */
static bool lacks_ipv6(const struct forward *forward, const struct lease *lease)
{
	return !forward->proxy && forward->family == AF_INET6 && !lease->prefix6;
}

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

/*
 * Those that can be made. What was made before goes if the network is private now, or the machine has no IPv6 on it any
 * more. Only the forwards that a change of the network ends are told, and all that a start leaves out.
 */
static int choose_all(const struct machine *machine, const char *made, const struct lease *lease,
		      struct chosen *chosen, struct text *left_out, struct err *err)
{
	bool shut = forwards_find_way(machine).shut;

	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		const struct forward_config *section = (const struct forward_config *)at;
		bool was = forwards_made_has(made, at->name);
		struct forward forward;
		struct err why = { 0 };
		if (config_forward(section, &forward, &why) == 0 && forward.proxy) {
			if (passing_start(machine, at, &forward, shut, lease, &why) < 0)
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
	scoped_free char *path = forwards_made_path(machine);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno
		       : file_write_all(fd, text_str(&chosen->names), chosen->names.length, 0);
	return r < 0 ? err_set(err, -r, "write '%s': %s", path, strerror(-r)) : 0;
}

/* Under the lock. */
static void drop(const struct machine *machine, const struct network *network)
{
	scoped_free char *path = forwards_made_path(machine);
	struct err ignored = { 0 };

	/* The rules of each machine keep all machines of the network from the host's loopback addresses. */
	if (!forwards_made_on(machine, network->name))
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
	scoped_free char *made = forwards_made_read(machine);

	if (!machine->config.forwards && !made && !passing_any(machine))
		return 0;
	scoped_fd int lock = forwards_lock(machine->dirs, LOCK_SECONDS, err);
	if (lock < 0)
		return -err->code;
	passing_end_others(machine);
	if (passing_note_addresses(machine, lease, err) < 0 ||
	    choose_all(machine, made, lease, &chosen, left_out, err) < 0)
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
	scoped_free char *path = forwards_made_path(machine);
	struct err ignored = { 0 };

	if (!path || access(path, F_OK) < 0)
		return;
	/* A clean-up has no time to wait for a command that hangs. The lock only orders changes of one bridge's flag. */
	scoped_fd int lock = forwards_lock(machine->dirs, DROP_SECONDS, &ignored);
	drop(machine, network);
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
	scoped_free char *made = forwards_made_read(machine);
	const struct forward_list *forwards = &chosen.forwards;
	struct err err = { 0 };

	if (!passing_is_current(machine, lease))
		return 0;
	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		if (forwards_made_has(made, at->name)) {
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
