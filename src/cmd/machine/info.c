/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info: shows all that is known about one machine. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/backup/backup_info.h"
#include "cmd/cli/common.h"
#include "cmd/cli/labels.h"
#include "cmd/cli/print.h"
#include "cmd/machine/forward.h"
#include "cmd/machine/move_show.h"
#include "cmd/machine/nic.h"
#include "cmd/machine/nic_traffic.h"
#include "machine/confine/lsm.h"
#include "machine/life/life.h"
#include "machine/manage/manage.h"
#include "machine/share/mounts.h"
#include "machine/share/share.h"
#include "machine/state/machine.h"
#include "machine/state/parts.h"
#include "storage/storage.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static const struct flag flag_usage = {
	"usage", 0, false, NULL,
	"count what its root takes, where no catalogue tells; as long as its "
	"files are many"
};
static const struct flag *const info_flags[] = { &flag_json, &flag_usage, NULL };

/* The facts to show, gathered before anything is printed. */
struct facts {
	struct machine_status status;
	char ended[1024];       /* the last end; "": never */
	char held[512];         /* the reason of a pause; "": not paused */
	struct lsm_label label; /* of its security module; without one no text */
	char *log;              /* owned */
	char volume_name[VOLUME_NAME_MAX + 1];
	struct volume_info volume;
	struct err volume_fault;         /* the reason if volume is not known */
	const char *missing;             /* in that case: "pool" or "volume" */
	struct machine_config temporary; /* owned: mounts and devices of this run only */
	struct text
		unmounted; /* owned: volumes that it has, and that are not mounted; each with its NUL */
	size_t snapshots;
	struct err snapshots_fault;
	struct backup_view backup;
};

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

/* Prints a line "label: value", or none if the value is empty. */
static void show(const char *label, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void show(const char *label, const char *fmt, ...)
{
	scoped_free char *value = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&value, fmt, ap);
	va_end(ap);
	if (n < 0)
		value = NULL;
	else
		print_field(13, label, value);
}

/* The limits that the machine has, by their keys without "limits.". */
static json_t *limits_object(const struct machine *machine)
{
	json_t *object = json_object();

	for (size_t i = 0; i < machine_schema.count; i++) {
		const struct key *key = &machine_schema.keys[i];
		scoped_text struct text value = { 0 };
		if (!text_starts(key->name, "limits."))
			continue;
		config_text(&machine->config, key, &value);
		if (strcmp(text_str(&value), key->fallback) != 0)
			json_object_set_new(object, key->name + strlen("limits."),
					    json_string(text_str(&value)));
	}
	return object;
}

static void show_limits(const struct machine *machine)
{
	scoped_text struct text line = { 0 };
	json_t *limits = limits_object(machine);

	for (void *at = json_object_iter(limits); at; at = json_object_iter_next(limits, at))
		text_add(&line, "%s%s %s", line.length ? ", " : "", json_object_iter_key(at),
			 json_string_value(json_object_iter_value(at)));
	show("limits:", "%s", text_str(&line));
	json_decref(limits);
}

static void show_labels(const struct label *first)
{
	scoped_text struct text line = { 0 };

	labels_text(first, &line);
	show("labels:", "%s", text_str(&line));
}

static void show_run(const struct machine *machine, const struct machine_status *status,
		     const struct facts *facts)
{
	char span[32] = "", when[32] = "", size[32] = "", most[32] = "";
	time_t now = time(NULL);

	if (status->started && now >= (time_t)status->started)
		print_span((uint64_t)now - status->started, span, sizeof span);
	print_time(status->started, when, sizeof when);
	show("state:", "%s%s", move_state_name(machine, status->state),
	     status->state != MACHINE_RUNNING ? ""
	     : status->booted                 ? ", booted"
					      : ", not booted yet");
	if (status->state == MACHINE_HELD)
		show("held:", "%s", facts->held);
	if (status->started)
		show("started:", "%s (%s ago)", when, span);
	if (status->init)
		show("init:", "process %d", (int)status->init);
	if (status->keeper)
		show("keeper:", "process %d", (int)status->keeper);
	show("cgroup:", "%s", status->cgroup);
	if (status->memory) {
		text_human_size(status->memory, size, sizeof size);
		text_human_size(status->memory_max, most, sizeof most);
		show("memory:", "%s%s%s", size, status->memory_max ? " of at most " : "",
		     status->memory_max ? most : "");
	}
	if (machine_is_down(status->state))
		show("last end:", "%s", facts->ended);
}

static void show_root(const struct machine *machine, const struct facts *facts)
{
	char used[32], size[32];

	text_human_size(facts->volume.used, used, sizeof used);
	text_human_size(facts->volume.size, size, sizeof size);
	if (facts->volume_fault.code)
		show("root:", "not known: %s", facts->volume_fault.text);
	else if (facts->volume.size)
		show("root:", "%s in pool %s, %s used of %s", facts->volume_name,
		     machine->config.pool, used, size);
	else if (facts->volume.used)
		show("root:", "%s in pool %s, %s used", facts->volume_name, machine->config.pool,
		     used);
	else
		show("root:", "%s in pool %s", facts->volume_name, machine->config.pool);
	if (facts->snapshots_fault.code)
		show("snapshots:", "not known: %s", facts->snapshots_fault.text);
	else
		show("snapshots:", "%zu", facts->snapshots);
}

static void show_security(const struct machine_config *config, const struct facts *facts)
{
	if (config->privileged)
		show("security:", "privileged: its root is the host's root, see berth-security(7)");
	if (config->nesting)
		show("nesting:", "may run machines and containers of its own");
	show("capabilities:", "%s", config->caps);
	if (*facts->label.text)
		show("label:", "%s", facts->label.text);
	else if (facts->status.init)
		show("label:", "none: %s", lsm_why_none(config));
}

static bool is_missing(const struct facts *facts, const char *volume)
{
	const char *name = text_str(&facts->unmounted);

	for (const char *end = name + facts->unmounted.length; name < end; name += strlen(name) + 1)
		if (strcmp(name, volume) == 0)
			return true;
	return false;
}

static void show_sections(const struct machine_config *config, const struct facts *facts,
			  const char *temporary)
{
	for (const struct section *at = config->mounts; at; at = at->next) {
		const struct mount_config *mount = (const struct mount_config *)at;
		show("mount:", "%s, %s as %s%s%s%s%s", at->name, mount->source, mount->target,
		     mount->readonly ? ", read-only" : "", *mount->owner ? ", owner " : "",
		     mount->owner, temporary);
	}
	for (const struct section *at = config->devices; at; at = at->next) {
		const struct device_config *device = (const struct device_config *)at;
		show("device:", "%s, %s%s", at->name, device->path, temporary);
	}
	for (const struct section *at = config->volumes; at; at = at->next) {
		const struct attached_config *attached = (const struct attached_config *)at;
		show("data:", "%s as %s%s%s", at->name, attached->target,
		     attached->readonly ? ", read-only" : "",
		     is_missing(facts, at->name) ? ", not mounted now" : "");
	}
	for (const struct section *at = config->forwards; at; at = at->next) {
		const struct forward_config *forward = (const struct forward_config *)at;
		bool six = strchr(forward->listen, ':');
		show("forward:", "%s, %s%s%s%s%s/%s to %s", at->name, six ? "[" : "",
		     forward->listen, six ? "]" : "", *forward->listen ? ":" : "", forward->port,
		     forward->protocol, *forward->target ? forward->target : forward->port);
	}
}

static void show_machine(const struct machine *machine, const struct facts *facts)
{
	const struct machine_config *config = &machine->config;
	char when[32] = "";

	print_time(config->created, when, sizeof when);
	show("name:", "%s", machine->name);
	show("description:", "%s", config->description);
	show_run(machine, &facts->status, facts);
	move_show(machine, show);
	show_limits(machine);
	show_labels(machine->config.labels);
	network_show(machine, &facts->status, show);
	nic_traffic_show(machine, show);
	show("template:", "%s", config->template);
	show("architecture:", "%s", config->arch);
	show("created:", "%s", when);
	show("uuid:", "%s", config->uuid);
	show("ephemeral:", "%s", config->ephemeral ? "yes, deleted when it stops" : "");
	show_security(config, facts);
	show_root(machine, facts);
	backup_show(machine, &facts->backup, show);
	show_sections(config, facts, "");
	show_sections(&facts->temporary, facts, ", temporary");
	show("settings:", "%s/machine.conf", machine->folder);
	show("log:", "%s", facts->log ? facts->log : "");
}

static json_t *volume_object(const struct machine *machine, const struct facts *facts)
{
	const struct volume_info *volume = &facts->volume;

	return json_members((const struct json_member[]){
		{ "pool", json_text(machine->config.pool) },
		{ "name", json_string(facts->volume_name) },
		{ "size", json_count(volume->size) },
		{ "used", json_count(volume->used) },
		{ "error", json_text(facts->volume_fault.text) },
		{ 0 },
	});
}

static void add_mounts(json_t *array, const struct machine_config *config, bool temporary)
{
	for (const struct section *at = config->mounts; at; at = at->next) {
		const struct mount_config *mount = (const struct mount_config *)at;
		json_array_append_new(array, json_members((const struct json_member[]){
						     { "name", json_string(at->name) },
						     { "source", json_string(mount->source) },
						     { "target", json_string(mount->target) },
						     { "readonly", json_boolean(mount->readonly) },
						     { "owner", json_text(mount->owner) },
						     { "temporary", json_boolean(temporary) },
						     { 0 },
					     }));
	}
}

static void add_devices(json_t *array, const struct machine_config *config, bool temporary)
{
	for (const struct section *at = config->devices; at; at = at->next) {
		const struct device_config *device = (const struct device_config *)at;
		json_array_append_new(array, json_members((const struct json_member[]){
						     { "name", json_string(at->name) },
						     { "path", json_string(device->path) },
						     { "temporary", json_boolean(temporary) },
						     { 0 },
					     }));
	}
}

/* Mounted is null where that is not known, as of a machine that does not run. */
static json_t *volumes_array(const struct machine_config *config, const struct facts *facts)
{
	bool runs = facts->status.state == MACHINE_RUNNING;

	json_t *array = json_array();

	for (const struct section *at = config->volumes; at; at = at->next) {
		const struct attached_config *attached = (const struct attached_config *)at;
		json_array_append_new(
			array,
			json_members((const struct json_member[]){
				{ "name", json_string(at->name) },
				{ "target", json_string(attached->target) },
				{ "readonly", json_boolean(attached->readonly) },
				{ "mounted", !runs ? json_null()
						   : json_boolean(!is_missing(facts, at->name)) },
				{ 0 },
			}));
	}
	return array;
}

/* A list with the entries of the settings and those of this run. */
static json_t *stored_and_temporary(const struct machine *machine, const struct facts *facts,
				    void (*add)(json_t *, const struct machine_config *, bool))
{
	json_t *array = json_array();

	add(array, &machine->config, false);
	add(array, &facts->temporary, true);
	return array;
}

static json_t *machine_object(const struct machine *machine, const struct facts *facts)
{
	const struct machine_config *config = &machine->config;
	const struct machine_status *status = &facts->status;
	bool known = facts->snapshots_fault.code == 0;

	return json_members((const struct json_member[]){
		{ "name", json_string(machine->name) },
		{ "description", json_text(config->description) },
		{ "state", json_string(machine_state_name(status->state)) },
		{ "booted", json_boolean(status->booted) },
		{ "started", json_count(status->started) },
		{ "init", json_count((uint64_t)status->init) },
		{ "keeper", json_count((uint64_t)status->keeper) },
		{ "cgroup", json_text(status->cgroup) },
		{ "label", json_text(facts->label.text) },
		{ "memory", json_count(status->memory) },
		{ "memory_max", json_count(status->memory_max) },
		{ "held", json_text(facts->held) },
		{ "move", move_object(machine) },
		{ "limits", limits_object(machine) },
		{ "labels", labels_object(config->labels) },
		{ "ended", json_text(facts->ended) },
		{ "network", network_object(machine, status) },
		{ "nics", nics_array(machine) },
		{ "traffic", nic_traffic_array(machine) },
		{ "template", json_text(config->template) },
		{ "arch", json_text(config->arch) },
		{ "created", json_count(config->created) },
		{ "uuid", json_text(config->uuid) },
		{ "ephemeral", json_boolean(config->ephemeral) },
		{ "privileged", json_boolean(config->privileged) },
		{ "nesting", json_boolean(config->nesting) },
		{ "volume", volume_object(machine, facts) },
		{ "mounts", stored_and_temporary(machine, facts, add_mounts) },
		{ "devices", stored_and_temporary(machine, facts, add_devices) },
		{ "volumes", volumes_array(config, facts) },
		{ "forwards", forwards_array(machine) },
		{ "snapshots", known ? json_integer((json_int_t)facts->snapshots) : json_null() },
		{ "backup", backup_object(machine, &facts->backup) },
		{ "folder", json_string(machine->folder) },
		{ "log", json_text(facts->log) },
		{ 0 },
	});
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
	show("name:", "%s", machine->name);
	show("state:", "broken%s", runs ? ", and it runs" : "");
	show("missing:", "%s", missing);
	show("pool:", "%s", machine->config.pool);
	show("folder:", "%s", machine->folder);
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
		return give(call, machine_object(machine, &facts), err);
	show_machine(machine, &facts);
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
	return machine_object(machine, &facts);
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
