/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The facts of a machine as an object. */
#include "cmd/machine/info.h"

#include "base/scoped.h"
#include "cmd/cli/labels.h"
#include "cmd/cli/print.h"
#include "cmd/machine/forward.h"
#include "cmd/machine/move_show.h"
#include "cmd/machine/nic.h"
#include "cmd/machine/nic_traffic.h"
#include "cmd/machine/rule.h"
#include "machine/life/use.h"
#include "machine/state/machine.h"

#include <string.h>

bool info_unmounted(const struct facts *facts, const char *volume)
{
	const char *name = text_str(&facts->unmounted);

	for (const char *end = name + facts->unmounted.length; name < end; name += strlen(name) + 1)
		if (strcmp(name, volume) == 0)
			return true;
	return false;
}

json_t *info_limits(const struct machine *machine)
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
			array, json_members((const struct json_member[]){
				       { "name", json_string(at->name) },
				       { "target", json_string(attached->target) },
				       { "readonly", json_boolean(attached->readonly) },
				       { "mounted",
					 !runs ? json_null()
					       : json_boolean(!info_unmounted(facts, at->name)) },
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

json_t *info_object(const struct machine *machine, const struct facts *facts)
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
		{ "idle", json_boolean(status->state == MACHINE_PAUSED && use_is_idle(machine)) },
		{ "held", json_text(facts->held) },
		{ "move", move_object(machine) },
		{ "limits", info_limits(machine) },
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
		{ "rules", rules_array(machine) },
		{ "snapshots", known ? json_integer((json_int_t)facts->snapshots) : json_null() },
		{ "backup", backup_object(machine, &facts->backup) },
		{ "folder", json_string(machine->folder) },
		{ "log", json_text(facts->log) },
		{ 0 },
	});
}
