/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info: shows all that is known about one machine. */
#include "cmd/machine/info.h"
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "machine/manage/manage.h"
#include "machine/share/mounts.h"
#include "machine/share/share.h"
#include "machine/state/machine.h"
#include "machine/state/parts.h"

#include <string.h>

static const struct flag flag_usage = {
	"usage", 0, false, NULL,
	"count what its root takes, where no catalogue tells; as long as its "
	"files are many"
};
static const struct flag *const info_flags[] = { &flag_json, &flag_usage, NULL };

static void facts_free(struct facts *facts)
{
	free(facts->log);
	text_free(&facts->unmounted);
	backup_view_free(&facts->backup);
	config_free(&machine_schema, &facts->temporary);
}

/* Looks up the volume of the root. If its pool is out of reach, the other facts are still shown. */
static void look_at_volume(const struct machine *machine, bool count, struct facts *facts)
{
	scoped_pool struct pool pool = { 0 };
	struct err *fault = &facts->volume_fault;

	if (text_print(facts->volume_name, sizeof facts->volume_name, "machine.%s", machine->name) <
	    0)
		return;
	facts->missing = "pool";
	if (pool_view(&pool, machine->dirs, machine->config.pool, fault) < 0)
		return;
	facts->missing = "volume";
	if (volume_info(&pool, facts->volume_name, &facts->volume, fault) == -ENOENT)
		parts_lost_volume(machine, fault);
	if (!fault->code && count && !facts->volume.used)
		volume_measure(&pool, facts->volume_name, &facts->volume.used, fault);
}

static void look_at_snapshots(struct machine *machine, struct facts *facts)
{
	struct snapshot_entry *list = NULL;

	snapshot_list(machine, &list, &facts->snapshots, &facts->snapshots_fault);
	backup_look(machine, list, list ? facts->snapshots : 0, &facts->backup);
	free(list);
}

static void look_at_data(const struct machine *machine, struct facts *facts)
{
	if (facts->status.state != MACHINE_RUNNING)
		return;
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		if (!share_shows_volume(machine, at->name))
			text_add_bytes(&facts->unmounted, at->name, strlen(at->name) + 1);
	}
}

static void gather(struct machine *machine, bool count, struct facts *facts)
{
	machine_status(machine, NULL, &facts->status);
	machine_last_end(machine, facts->ended, sizeof facts->ended);
	machine_held(machine, facts->held, sizeof facts->held);
	if (facts->status.init && lsm_label_read(facts->status.init, &facts->label) < 0)
		facts->label.text[0] = '\0';
	facts->log = machine_log_path(machine, false);
	machine_temporary(machine, &facts->temporary, &(struct err){ 0 });
	look_at_data(machine, facts);
	look_at_volume(machine, count, facts);
	look_at_snapshots(machine, facts);
}

/* Prints one object, or adds it to the array of several. */
static int give(struct call *call, json_t *object, struct err *err)
{
	if (!call->context)
		return print_json(object, err);
	return json_array_append_new(call->context, object) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

/* Shows a machine with a missing part: all known facts and the reason; the command fails. */
static int show_broken(struct call *call, const struct machine *machine, const char *missing,
		       const struct err *why, bool runs, struct err *err)
{
	print_error(why);
	if (call_has(call, &flag_json)) {
		json_t *object = json_members((const struct json_member[]){
			{ "name", json_string(machine->name) },
			{ "state", json_string("broken") },
			{ "missing", json_string(missing) },
			{ "error", json_text(why->text) },
			{ "running", json_boolean(runs) },
			{ "pool", json_text(machine->config.pool) },
			{ "folder", json_string(machine->folder) },
			{ 0 },
		});
		int r = give(call, object, err);
		return r < 0 ? r : EXIT_FAILED;
	}
	info_field("name:", "%s", machine->name);
	info_field("state:", "broken%s", runs ? ", and it runs" : "");
	info_field("missing:", "%s", missing);
	info_field("pool:", "%s", machine->config.pool);
	info_field("folder:", "%s", machine->folder);
	return EXIT_FAILED;
}

/* Whether the root is gone, or the pool is out of reach and the machine does not run. */
static bool is_broken(const struct facts *facts)
{
	return facts->volume_fault.code &&
	       (strcmp(facts->missing, "volume") == 0 || machine_is_down(facts->status.state));
}

static int show_one(struct call *call, struct machine *machine, struct err *err)
{
	__attribute__((cleanup(facts_free))) struct facts facts = { 0 };

	if (machine->fault.code) {
		struct machine_status status = { 0 };
		machine_status(machine, NULL, &status);
		return show_broken(call, machine, "machine.conf", &machine->fault,
				   !machine_is_down(status.state), err);
	}
	gather(machine, call_has(call, &flag_usage), &facts);
	if (is_broken(&facts))
		return show_broken(call, machine, facts.missing, &facts.volume_fault,
				   !machine_is_down(facts.status.state), err);
	if (call_has(call, &flag_json))
		return give(call, info_object(machine, &facts), err);
	info_show(machine, &facts);
	return 0;
}

/* With --json, one name gives one object; several names, or a pattern, give an array. */
static int run_info(struct call *call, struct err *err)
{
	bool several = call->count > 1 || strpbrk(call->words[0], "*?[");

	if (!several || !call_has(call, &flag_json))
		return for_each_machine(call, show_one, false, err);
	json_t *array = call->context = json_array();
	if (!array)
		return err_set(err, ENOMEM, "out of memory");
	int r = for_each_machine(call, show_one, false, err);
	if (r < 0) {
		json_decref(array);
		return r;
	}
	int printed = print_json(array, err);
	return r != 0 ? r : printed;
}

json_t *machine_json(struct machine *machine)
{
	__attribute__((cleanup(facts_free))) struct facts facts = { 0 };

	gather(machine, false, &facts);
	return info_object(machine, &facts);
}

int print_machine(struct machine *machine, struct err *err)
{
	return print_json(machine_json(machine), err);
}

const struct command command_info = {
	.name = "info",
	.aliases = "status",
	.args = "MACHINE...",
	.help = "Show all that is known of machines",
	.flags = info_flags,
	.traits = COMMAND_LOOKS,
	.min = 1,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_info,
};
