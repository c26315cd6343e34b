/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forwards of a machine, added and removed while it runs or not: its settings first, then the rules. */
#include "machine/life/forwards.h"
#include "machine/life/passing.h"
#include "machine/life/run_state.h"
#include "machine/manage/manage.h"
#include "machine/manage/settings_lock.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "config/values.h"

#include <string.h>
#include <sys/socket.h>

/* The network got IPv6 after the start of the machine. */
static void tell_waiting(const struct network *network, const struct lease *lease,
			 const struct forward_config *section, struct text *notes)
{
	struct forward forward;

	if (!network->prefix6 || lease->prefix6 ||
	    config_forward(section, &forward, &(struct err){ 0 }) < 0 || forward.proxy ||
	    forward.family == AF_INET)
		return;
	text_add(notes,
		 "machine '%s' runs without an IPv6 address on network '%s', and has IPv6 at its "
		 "next start; until then forward '%s' leads to it %s\n",
		 lease->name, network->name, section->section.name,
		 forward.family == AF_INET6 ? "from nowhere" : "by IPv4 only");
}

/* A forward that has just been checked was left out for want of a process that passes its connections on. */
static int check_made(const struct machine *machine, const struct forward_config *added,
		      struct text *left_out, struct err *err)
{
	struct forward forward;

	if (config_forward(added, &forward, err) < 0)
		return -err->code;
	if (!forward.proxy || forwards_is_made(machine, added->section.name))
		return 0;
	const char *why = text_str(left_out);
	return err_set(err, EIO, "%.*s", (int)strcspn(why, ";\n"), why);
}

/* A machine that does not run has the processes of its forwards on demand only. */
static int renew_listening(const struct machine *machine, const struct forward_config *added,
			   struct err *err)
{
	scoped_text struct text left_out = { 0 };

	passing_listen(machine, &left_out);
	return added && added->on_demand ? check_made(machine, added, &left_out, err) : 0;
}

/* Makes the rules as the settings say, if the machine runs on a network. added: NULL, or the forward to tell about. */
static int renew_rules(struct machine *machine, const struct forward_config *added,
		       struct text *notes, struct err *err)
{
	scoped_network struct network network = { 0 };
	scoped_text struct text left_out = { 0 };
	struct run_state state;
	struct lease lease;

	if (!run_going(machine) || run_read_state(machine, &state) < 0 || !*state.network)
		return renew_listening(machine, added, err);
	if (network_open(&network, machine->dirs, state.network, err) < 0 ||
	    lease_find(&network, machine->name, &lease, err) < 0)
		return -err->code;
	if (forwards_make(machine, &network, &lease, &left_out, err) < 0)
		return -err->code;
	if (added && check_made(machine, added, &left_out, err) < 0)
		return -err->code;
	if (added)
		tell_waiting(&network, &lease, added, notes);
	return 0;
}

/* "tcp-8080", or "tcp-8080-2" if there is one of that name. */
static int make_up_name(const struct machine *machine, struct forward_config *section,
			struct err *err)
{
	char name[64];

	snprintf(name, sizeof name, "%.8s-%.32s", section->protocol, section->port);
	for (unsigned i = 2; config_section(machine->config.forwards, name); i++)
		snprintf(name, sizeof name, "%.8s-%.32s-%u", section->protocol, section->port, i);
	section->section.name = strdup(name);
	return section->section.name ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* The same forward, which the machine has already; NULL: there is none. */
static const struct section *find_same(const struct machine *machine,
				       const struct forward_config *section)
{
	struct forward one, other;

	if (config_forward(section, &one, &(struct err){ 0 }) < 0)
		return NULL;
	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		if ((!section->section.name || strcmp(section->section.name, at->name) == 0) &&
		    config_forward((const struct forward_config *)at, &other, &(struct err){ 0 }) ==
			    0 &&
		    forwards_equal(&one, &other))
			return at;
	}
	return NULL;
}

/* The new one is not there yet, and has no name that tells its user anything. */
static int check_free(const struct machine *machine, const struct forward_config *section,
		      struct err *err)
{
	struct forward one, other;

	/* Faults of the forward are told by the check of all. */
	if (config_forward(section, &one, &(struct err){ 0 }) < 0)
		return 0;
	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		const struct forward_config *held = (const struct forward_config *)at;
		if (config_forward(held, &other, &(struct err){ 0 }) == 0 &&
		    forwards_collide(&one, &other))
			return err_set(err, EEXIST,
				       "forward '%s' of machine '%s' has that port of the host; "
				       "choose another port, or remove it: berth forward remove %s "
				       "%s",
				       at->name, machine->name, machine->name, at->name);
	}
	return 0;
}

/* A forward that could not be made at the start, since its port was taken, is made now. */
static int make_same(struct machine *machine, const struct section *same, struct text *notes,
		     struct err *err)
{
	const struct forward_config *section = (const struct forward_config *)same;

	if ((!run_going(machine) && !section->on_demand) || forwards_is_made(machine, same->name))
		return err_set(err, EEXIST,
			       "machine '%s' has this forward already, '%s'; 'berth forward list "
			       "%s' shows all",
			       machine->name, same->name, machine->name);
	return forwards_check(machine, section, NULL, err) < 0
		       ? -err->code
		       : renew_rules(machine, section, notes, err);
}

int machine_forward(struct machine *machine, struct forward_config *section, struct text *notes,
		    struct err *err)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");
	scoped_fd int lock =
		conf ? settings_lock(machine, err) : err_set(err, ENOMEM, "out of memory");

	if (lock < 0)
		return -err->code;
	if (!*machine->config.network)
		return err_set(
			err, EINVAL,
			"machine '%s' has no network that a port could lead to; give it one: "
			"berth set %s network=NAME",
			machine->name, machine->name);
	const struct section *same = find_same(machine, section);
	if (same && !section->section.name) {
		section->section.name = strdup(same->name);
		if (!section->section.name)
			return err_set(err, ENOMEM, "out of memory");
	}
	if (same)
		return make_same(machine, same, notes, err);
	if (check_free(machine, section, err) < 0 ||
	    (!section->section.name && make_up_name(machine, section, err) < 0))
		return -err->code;
	if (forwards_check(machine, section, NULL, err) < 0 ||
	    config_add_section(&machine_schema, conf, &forward_schema, &section->section, err) < 0)
		return -err->code;
	fault_point("forward-added");
	if (settings_read_again(machine, err) == 0 &&
	    renew_rules(machine, section, notes, err) == 0)
		return 0;
	config_remove_section(&machine_schema, conf, &forward_schema, section->section.name,
			      &(struct err){ 0 });
	return -err->code;
}

/* By its name, or by a port of the host as "8080" or "8080/udp". */
static const struct section *find(const struct machine *machine, const char *which)
{
	size_t n = strcspn(which, "/");

	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		const struct forward_config *forward = (const struct forward_config *)at;
		if (strcmp(at->name, which) == 0 ||
		    (strlen(forward->port) == n && strncmp(forward->port, which, n) == 0 &&
		     (!which[n] || strcmp(which + n + 1, forward->protocol) == 0)))
			return at;
	}
	return NULL;
}

int machine_forward_remove(struct machine *machine, const char *which, struct err *err)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");
	scoped_fd int lock =
		conf ? settings_lock(machine, err) : err_set(err, ENOMEM, "out of memory");

	if (lock < 0)
		return -err->code;
	const struct section *section = find(machine, which);
	if (!section)
		return err_set(err, ENOENT,
			       "machine '%s' has no forward '%.60s'; see: berth forward list %s",
			       machine->name, which, machine->name);
	/* A process that a killed command left would have no section that it belongs to. */
	if (passing_stop(machine, section->name, err) < 0)
		return -err->code;
	fault_point("forward-stopped");
	if (config_remove_section(&machine_schema, conf, &forward_schema, section->name, err) < 0)
		return -err->code;
	fault_point("forward-removed");
	if (settings_read_again(machine, err) < 0 || renew_rules(machine, NULL, NULL, err) < 0)
		return -err->code;
	return 0;
}
