/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/passing.h"

#include "base/lock.h"
#include "base/log.h"
#include "base/scoped.h"
#include "machine/life/forwards.h"
#include "machine/life/forwards_made.h"
#include "machine/life/run_state.h"
#include "machine/state/private.h"
#include "network/forwarder.h"

#include <fcntl.h>
#include <string.h>

/* A lock. */
#define STOPPING "stopping"

enum { DROP_SECONDS = 1 };

static struct forwarder process_of(const struct machine *machine, const struct section *section)
{
	return (struct forwarder){ machine->dirs, machine->name, section->name, machine->run };
}

static bool read_forward(const struct section *section, struct forward *forward)
{
	return section && config_forward((const struct forward_config *)section, forward,
					 &(struct err){ 0 }) == 0;
}

static bool is_on_demand(const struct section *section)
{
	struct forward forward;

	return read_forward(section, &forward) && forward.on_demand;
}

bool passing_any(const struct machine *machine)
{
	return forwarders_any(machine->dirs, machine->name);
}

int passing_start(const struct machine *machine, const struct section *section,
		  const struct forward *forward, bool shut, const struct lease *lease,
		  struct err *err)
{
	const struct forwarder forwarder = process_of(machine, section);

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

/* ---- The addresses of a run */

static bool has_on_demand(const struct machine *machine)
{
	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		if (is_on_demand(at))
			return true;
	}
	return false;
}

int passing_note_addresses(const struct machine *machine, const struct lease *lease,
			   struct err *err)
{
	return has_on_demand(machine) ? forwarder_note_addresses(machine->run, lease, err) : 0;
}

/* ---- Those of a machine that runs */

/* Ends a process that no section wants. */
static int end_other(void *context, const struct forwarder *forwarder)
{
	const struct machine *machine = context;
	struct forward forward;

	if (!read_forward(config_section(machine->config.forwards, forwarder->name), &forward) ||
	    !forward.proxy)
		forwarder_stop(forwarder, &(struct err){ 0 });
	return 0;
}

void passing_end_others(const struct machine *machine)
{
	forwarders_each(machine->dirs, machine->name, end_other, (void *)(uintptr_t)machine);
}

static int is_unwanted(void *context, const struct forwarder *forwarder)
{
	const struct machine *machine = context;

	return !config_section(machine->config.forwards, forwarder->name);
}

bool passing_is_current(const struct machine *machine, const struct lease *lease)
{
	struct forward forward;

	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		const struct forwarder forwarder = process_of(machine, at);
		if (read_forward(at, &forward) && forward.proxy &&
		    !forwarder_is_current(&forwarder, &forward, lease))
			return false;
	}
	if (has_on_demand(machine) && !forwarder_has_addresses(machine->run, lease))
		return false;
	return forwarders_each(machine->dirs, machine->name, is_unwanted,
			       (void *)(uintptr_t)machine) == 0;
}

static int end_of_run(void *context, const struct forwarder *forwarder)
{
	const struct machine *machine = context;

	if (!is_on_demand(config_section(machine->config.forwards, forwarder->name)))
		forwarder_stop(forwarder, &(struct err){ 0 });
	return 0;
}

void passing_end_run(const struct machine *machine)
{
	if (!passing_any(machine))
		return;
	/* A clean-up has no time to wait for a command that hangs. */
	scoped_fd int lock = forwards_lock(machine->dirs, DROP_SECONDS, &(struct err){ 0 });
	forwarders_each(machine->dirs, machine->name, end_of_run, (void *)(uintptr_t)machine);
}

static int end_one(void *context, const struct forwarder *forwarder)
{
	(void)context;
	forwarder_stop(forwarder, &(struct err){ 0 });
	return 0;
}

void passing_end_all(const struct dirs *dirs, const char *name)
{
	if (!forwarders_any(dirs, name))
		return;
	scoped_fd int lock = forwards_lock(dirs, DROP_SECONDS, &(struct err){ 0 });
	forwarders_each(dirs, name, end_one, NULL);
}

int passing_stop(const struct machine *machine, const char *name, struct err *err)
{
	const struct forwarder forwarder = { machine->dirs, machine->name, name, NULL };

	if (!passing_any(machine))
		return 0;
	scoped_fd int lock = forwards_lock(machine->dirs, LOCK_SECONDS, err);
	return lock < 0 ? -err->code : forwarder_stop(&forwarder, err);
}

/* ---- Those on demand */

static void listen_for(const struct machine *machine, const struct section *section, bool shut,
		       struct text *left_out)
{
	struct forward forward;
	struct err why = { 0 };

	if (read_forward(section, &forward) && forward.on_demand &&
	    passing_start(machine, section, &forward, shut, NULL, &why) < 0 && left_out)
		text_add(left_out, "%s; it does not listen\n", why.text);
}

void passing_listen(const struct machine *machine, struct text *left_out)
{
	struct err why = { 0 };

	if (!machine->config.forwards && !passing_any(machine))
		return;
	scoped_fd int lock = forwards_lock(machine->dirs, LOCK_SECONDS, &why);
	if (lock < 0) {
		if (left_out)
			text_add(left_out, "%s\n", why.text);
		return;
	}
	bool nowhere = !*machine->config.network;
	forwarders_each(machine->dirs, machine->name,
			nowhere              ? end_one
			: run_going(machine) ? end_other
					     : end_of_run,
			(void *)(uintptr_t)machine);
	struct forwards_way way = forwards_find_way(machine);
	for (const struct section *at = machine->config.forwards; at && !nowhere; at = at->next)
		listen_for(machine, at, way.shut, left_out);
}

struct all {
	const struct dirs *dirs;
	struct text *left_out;
};

static int listen_one(void *context, const char *name)
{
	const struct all *all = context;
	scoped_machine struct machine machine = { 0 };

	if (machine_read(&machine, all->dirs, name, &(struct err){ 0 }) == 0 &&
	    has_on_demand(&machine))
		passing_listen(&machine, all->left_out);
	return 0;
}

void passing_listen_all(const struct dirs *dirs, struct text *left_out)
{
	struct all all = { dirs, left_out };

	machine_list(dirs, listen_one, &all, &(struct err){ 0 });
}

static int end_on_demand(void *context, const struct forwarder *forwarder)
{
	const struct machine *machine = context;

	if (is_on_demand(config_section(machine->config.forwards, forwarder->name)))
		forwarder_stop(forwarder, &(struct err){ 0 });
	return 0;
}

static int end_listening(void *context, const char *name)
{
	const struct all *all = context;
	scoped_machine struct machine machine = { 0 };

	if (forwarders_any(all->dirs, name) &&
	    machine_read(&machine, all->dirs, name, &(struct err){ 0 }) == 0)
		forwarders_each(all->dirs, name, end_on_demand, &machine);
	return 0;
}

void passing_end_listening(const struct dirs *dirs)
{
	struct all all = { dirs, NULL };
	scoped_fd int lock = forwards_lock(dirs, LOCK_SECONDS, &(struct err){ 0 });

	machine_list(dirs, end_listening, &all, &(struct err){ 0 });
}

int passing_shut(const struct dirs *dirs, struct err *err)
{
	return dirs_lock_shared(dirs, STOPPING, LOCK_SECONDS, "the stop of all machines", err);
}

bool passing_is_shut(const struct dirs *dirs)
{
	scoped_free char *path = dirs_run_path(dirs, "locks/" STOPPING);

	return path && lock_is_held(AT_FDCWD, path);
}

void passing_note_failure(const struct machine *machine, const char *forward, const char *why)
{
	const struct forwarder forwarder = { machine->dirs, machine->name, forward, NULL };

	forwarder_note_failure(&forwarder, why);
}

char *passing_failure(const struct machine *machine, const char *forward)
{
	const struct forwarder forwarder = { machine->dirs, machine->name, forward, NULL };

	return run_going(machine) ? NULL : forwarder_failure(&forwarder);
}

bool passing_has_ended(const struct machine *machine, const char *forward)
{
	const struct forwarder forwarder = { machine->dirs, machine->name, forward, NULL };

	return !forwarder_has_note(&forwarder);
}

void passing_tell_failed(const struct machine *machine, const char *forward, const struct err *why)
{
	scoped_free char *path = machine_path(machine, "keeper.log");
	scoped_free char *cause =
		text_format("a connection to forward '%s': %s", forward, why->text);
	scoped_fd int log =
		path ? open(path,
			    O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
			    0600)
		     : -1;

	machine_tell(machine,
		     &(struct event){ .name = "wake-failed", .cause = cause ? cause : why->text });
	log_to(log);
	log_line("%s", cause ? cause : why->text);
	log_to(-1);
}
