/* SPDX-License-Identifier: GPL-2.0-or-later */
/* forward add, list, remove: ports of the host that lead to machines. */
#include "cmd/cli/verbs.h"
#include "config/values.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/machine/forward.h"
#include "cmd/machine/sections.h"
#include "machine/life/forwards.h"
#include "machine/life/life.h"
#include "machine/life/passing.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

#include <string.h>

static const struct flag flag_listen = { "listen", 0, false, "ADDRESS",
					 "address of the host that it is for; else all" };
static const struct flag flag_name = { "name", 0, false, "NAME",
				       "what it is called; else made of protocol and port" };
static const struct flag flag_proxy = {
	"proxy", 0, false, NULL,
	"a process of the host passes connections on; the machine sees the host's address"
};
static const struct flag flag_header = {
	"proxy-protocol", 0, false, NULL,
	"the same, and tells the machine who connects, by a header of version 2"
};
static const struct flag flag_on_demand = {
	"on-demand", 0, false, NULL,
	"the same, and a connection starts or resumes the machine, and waits for it"
};
static const struct flag *const add_flags[] = {
	&flag_json, &flag_listen, &flag_name, &flag_on_demand, &flag_proxy, &flag_header, NULL
};
static const struct flag *const list_flags[] = { &flag_json, NULL };

/* ---- add, remove */

/* failure: why its last connection could not start the machine, or NULL. */
static json_t *forward_object(const struct forward_config *forward, bool made, const char *failure)
{
	const char *target = *forward->target ? forward->target : forward->port;

	return json_members((const struct json_member[]){
		{ "name", json_string(forward->section.name) },
		{ "protocol", json_text(forward->protocol) },
		{ "listen", json_text(forward->listen) },
		{ "port", json_text(forward->port) },
		{ "target", json_text(target) },
		{ "mode", json_string(forward->mode) },
		{ "header", json_boolean(forward->header) },
		{ "on_demand", json_boolean(forward->on_demand) },
		{ "active", json_boolean(made) },
		{ "failure", failure ? json_text(failure) : json_null() },
		{ 0 },
	});
}

/* Fills in what the words say: PROTOCOL PORT[:PORT]. */
static int fill(const struct call *call, struct forward_config *forward, struct err *err)
{
	const char *name = call_value(call, &flag_name);
	scoped_free char *port = strdup(call->words[2]);
	struct forward unused;

	if (!port)
		return err_set(err, ENOMEM, "out of memory");
	char *target = strchr(port, ':');
	if (target)
		*target++ = '\0';
	if (name && name_check(name, err) != 0)
		return EXIT_USAGE;
	if (config_defaults(&forward_schema, forward, err) < 0)
		return -err->code;
	if (!*port || (target && !*target)) {
		err_set(err, EINVAL, "a forward is of PORT or PORT:TARGET, not of '%.60s'",
			call->words[2]);
		return EXIT_USAGE;
	}
	int r = section_give(&forward_schema, forward, "protocol", call->words[1], err);
	if (r == 0)
		r = section_give(&forward_schema, forward, "port", port, err);
	if (r == 0)
		r = section_give(&forward_schema, forward, "target", target, err);
	if (r == 0)
		r = section_give(&forward_schema, forward, "listen", call_value(call, &flag_listen),
				 err);
	forward->on_demand = call_has(call, &flag_on_demand);
	if (r == 0 &&
	    (call_has(call, &flag_proxy) || call_has(call, &flag_header) || forward->on_demand))
		r = section_give(&forward_schema, forward, "mode", "proxy", err);
	forward->header = call_has(call, &flag_header);
	/* Its sentences need a name. */
	forward->section.name = (char *)(uintptr_t)(name ? name : call->words[2]);
	if (r == 0 && config_forward(forward, &unused, err) < 0)
		r = EXIT_USAGE;
	forward->section.name = name ? strdup(name) : NULL;
	return r;
}

/* Nobody answers at the port until then. */
static void note_down(const struct machine *machine, const struct forward_config *forward)
{
	struct machine_status status = { 0 };

	machine_glance(machine, &status);
	if (!forward->on_demand && machine_is_down(status.state))
		print_note("the forward is there while machine '%s' runs%s", machine->name,
			   strcmp(forward->protocol, "tcp") == 0
				   ? "; one with --on-demand starts it for whoever connects"
				   : "");
}

static int run_add(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct forward_config forward = { 0 };
	scoped_text struct text notes = { 0 };

	int r = fill(call, &forward, err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		r = machine_forward(&machine, &forward, &notes, err);
	if (r == 0) {
		print_notes(&notes);
		note_down(&machine, &forward);
	}
	if (r == 0)
		output_made("forward", forward.section.name);
	if (r == 0 && call_has(call, &flag_json))
		r = print_json(forward_object(&forward,
					      forwards_is_made(&machine, forward.section.name),
					      NULL),
			       err);
	free(forward.section.name);
	config_free(&forward_schema, &forward);
	return r;
}

static int run_remove(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	int r = open_named(&machine, call, call->words[0], err);

	return r != 0 ? r : machine_forward_remove(&machine, call->words[1], err);
}

/* ---- list */

json_t *forwards_array(const struct machine *machine)
{
	json_t *array = json_array();

	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		scoped_free char *failure = passing_failure(machine, at->name);
		json_array_append_new(array,
				      forward_object((const struct forward_config *)at,
						     forwards_is_made(machine, at->name), failure));
	}
	return array;
}

static void add_row(struct table *table, const char *machine, const struct forward_config *forward,
		    bool made, bool failed)
{
	table_add(table, machine);
	table_add(table, forward->section.name);
	table_add(table, forward->protocol);
	table_add(table, *forward->listen ? forward->listen : "*");
	table_add(table, forward->port);
	table_add(table, *forward->target ? forward->target : forward->port);
	table_add(table, forward->on_demand ? "on-demand" : forward->mode);
	table_add(table, failed ? "failed" : made ? "yes" : "no");
}

static void add_forwards(struct listing *listing, const struct machine *machine)
{
	for (const struct section *at = machine->config.forwards; at; at = at->next) {
		const struct forward_config *forward = (const struct forward_config *)at;
		scoped_free char *failure = passing_failure(machine, at->name);
		bool made = forwards_is_made(machine, at->name);
		if (listing->array)
			listing_add_object(listing, machine,
					   forward_object(forward, made, failure));
		else
			add_row(&listing->table, machine->name, forward, made, failure != NULL);
		if (failure && !listing->array)
			print_note("forward '%s' could not start machine '%s' for its last "
				   "connection, and tries again 5 minutes later at the latest: %s",
				   at->name, machine->name, failure);
	}
}

static int run_list(struct call *call, struct err *err)
{
	static const char *const heads[] = { "MACHINE", "NAME", "PROTOCOL", "LISTEN", "PORT",
					     "TARGET",  "MODE", "ACTIVE",   NULL };
	bool none;
	int r = listing_print(call, heads, add_forwards, &none, err);

	if (r == 0 && none)
		print_note("no port of this host leads to %s%s%s: berth forward add %s tcp "
			   "HOSTPORT:PORT",
			   call->count ? "machine '" : "a machine",
			   call->count ? call->words[0] : "", call->count ? "'" : "",
			   call->count ? call->words[0] : "MACHINE");
	return r;
}

static const struct command add = {
	.group = "forward",
	.name = "add",
	.args = "MACHINE tcp|udp PORT[:PORT]",
	.help = "Let a port of the host, or a range, lead to a machine, now and from now on",
	.flags = add_flags,
	.min = 3,
	.max = 3,
	.first = WORD_MACHINE,
	.run = run_add,
};

static const struct command list = {
	.traits = COMMAND_LOOKS,
	.group = "forward",
	.name = "list",
	.aliases = "ls",
	.args = "[MACHINE]",
	.help = "List the ports of the host that lead to machines",
	.flags = list_flags,
	.max = 1,
	.first = WORD_MACHINE,
	.run = run_list,
};

static const struct command remove_forward = {
	.group = "forward",
	.name = "remove",
	.aliases = "rm",
	.args = "MACHINE NAME|PORT",
	.help = "Take a port of the host away from a machine",
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_FORWARD,
	.run = run_remove,
};

static const struct command *const members[] = { &add, &list, &remove_forward, NULL };

const struct command command_forward = {
	.name = "forward",
	.args = "",
	.help = "Ports of the host that lead to machines: add, list, remove",
	.max = -1,
	.members = members,
};
