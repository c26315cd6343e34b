/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The facts of a machine as lines for a terminal. */
#include "cmd/machine/info.h"

#include "base/scoped.h"
#include "cmd/cli/labels.h"
#include "cmd/cli/print.h"
#include "cmd/machine/forward.h"
#include "cmd/machine/move_show.h"
#include "cmd/machine/nic.h"
#include "cmd/machine/nic_traffic.h"
#include "cmd/machine/rule.h"
#include "machine/life/forwards.h"
#include "machine/life/use.h"
#include "machine/state/machine.h"

#include <stdarg.h>
#include <string.h>

void info_field(const char *label, const char *fmt, ...)
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

static void show_limits(const struct machine *machine)
{
	scoped_text struct text line = { 0 };
	json_t *limits = info_limits(machine);

	for (void *at = json_object_iter(limits); at; at = json_object_iter_next(limits, at))
		text_add(&line, "%s%s %s", line.length ? ", " : "", json_object_iter_key(at),
			 json_string_value(json_object_iter_value(at)));
	info_field("limits:", "%s", text_str(&line));
	json_decref(limits);
}

static void show_labels(const struct label *first)
{
	scoped_text struct text line = { 0 };

	labels_text(first, &line);
	info_field("labels:", "%s", text_str(&line));
}

static void show_run(const struct machine *machine, const struct machine_status *status,
		     const struct facts *facts)
{
	char span[32] = "", when[32] = "", size[32] = "", most[32] = "";
	time_t now = time(NULL);

	if (status->started && now >= (time_t)status->started)
		print_span((uint64_t)now - status->started, span, sizeof span);
	print_time(status->started, when, sizeof when);
	info_field("state:", "%s%s", move_state_name(machine, status->state),
		   status->state == MACHINE_PAUSED && use_is_idle(machine)
			   ? ", because nobody has used it; the next use resumes it"
		   : status->state != MACHINE_RUNNING ? ""
		   : status->booted                   ? ", booted"
						      : ", not booted yet");
	if (status->state == MACHINE_HELD)
		info_field("held:", "%s", facts->held);
	if (status->started)
		info_field("started:", "%s (%s ago)", when, span);
	if (status->init)
		info_field("init:", "process %d", (int)status->init);
	if (status->keeper)
		info_field("keeper:", "process %d", (int)status->keeper);
	info_field("cgroup:", "%s", status->cgroup);
	if (status->memory) {
		text_human_size(status->memory, size, sizeof size);
		text_human_size(status->memory_max, most, sizeof most);
		info_field("memory:", "%s%s%s", size, status->memory_max ? " of at most " : "",
			   status->memory_max ? most : "");
	}
	if (machine_is_down(status->state))
		info_field("last end:", "%s", facts->ended);
}

static void show_root(const struct machine *machine, const struct facts *facts)
{
	char used[32], size[32];

	text_human_size(facts->volume.used, used, sizeof used);
	text_human_size(facts->volume.size, size, sizeof size);
	if (facts->volume_fault.code)
		info_field("root:", "not known: %s", facts->volume_fault.text);
	else if (facts->volume.size)
		info_field("root:", "%s in pool %s, %s used of %s", facts->volume_name,
			   machine->config.pool, used, size);
	else if (facts->volume.used)
		info_field("root:", "%s in pool %s, %s used", facts->volume_name,
			   machine->config.pool, used);
	else
		info_field("root:", "%s in pool %s", facts->volume_name, machine->config.pool);
	if (facts->snapshots_fault.code)
		info_field("snapshots:", "not known: %s", facts->snapshots_fault.text);
	else
		info_field("snapshots:", "%zu", facts->snapshots);
}

static void show_security(const struct machine_config *config, const struct facts *facts)
{
	if (config->privileged)
		info_field("security:",
			   "privileged: its root is the host's root, see berth-security(7)");
	if (config->nesting)
		info_field("nesting:", "may run machines and containers of its own");
	info_field("capabilities:", "%s", config->caps);
	if (*facts->label.text)
		info_field("label:", "%s", facts->label.text);
	else if (facts->status.init)
		info_field("label:", "none: %s", lsm_why_none(config));
}

static bool is_not_made(const struct machine *machine, const struct facts *facts, const char *name)
{
	const struct section *section = config_section(machine->config.forwards, name);
	bool always = section && ((const struct forward_config *)section)->on_demand;

	return (always || !machine_is_down(facts->status.state)) &&
	       !forwards_is_made(machine, name);
}

static const char *forward_way(const struct forward_config *forward)
{
	return forward->on_demand                  ? " by a process of the host, on demand"
	       : strcmp(forward->mode, "nat") == 0 ? ""
						   : " by a process of the host";
}

static void show_sections(const struct machine *machine, const struct machine_config *config,
			  const struct facts *facts, const char *temporary)
{
	for (const struct section *at = config->mounts; at; at = at->next) {
		const struct mount_config *mount = (const struct mount_config *)at;
		info_field("mount:", "%s, %s as %s%s%s%s%s", at->name, mount->source, mount->target,
			   mount->readonly ? ", read-only" : "", *mount->owner ? ", owner " : "",
			   mount->owner, temporary);
	}
	for (const struct section *at = config->devices; at; at = at->next) {
		const struct device_config *device = (const struct device_config *)at;
		info_field("device:", "%s, %s%s", at->name, device->path, temporary);
	}
	for (const struct section *at = config->volumes; at; at = at->next) {
		const struct attached_config *attached = (const struct attached_config *)at;
		info_field("data:", "%s as %s%s%s", at->name, attached->target,
			   attached->readonly ? ", read-only" : "",
			   info_unmounted(facts, at->name) ? ", not mounted now" : "");
	}
	for (const struct section *at = config->forwards; at; at = at->next) {
		const struct forward_config *forward = (const struct forward_config *)at;
		bool six = strchr(forward->listen, ':');
		info_field("forward:", "%s, %s%s%s%s%s/%s to %s%s%s", at->name, six ? "[" : "",
			   forward->listen, six ? "]" : "", *forward->listen ? ":" : "",
			   forward->port, forward->protocol,
			   *forward->target ? forward->target : forward->port, forward_way(forward),
			   is_not_made(machine, facts, at->name) ? ", not active" : "");
	}
}

void info_show(const struct machine *machine, const struct facts *facts)
{
	const struct machine_config *config = &machine->config;
	char when[32] = "";

	print_time(config->created, when, sizeof when);
	info_field("name:", "%s", machine->name);
	info_field("description:", "%s", config->description);
	show_run(machine, &facts->status, facts);
	move_show(machine, info_field);
	show_limits(machine);
	show_labels(machine->config.labels);
	network_show(machine, &facts->status, info_field);
	nic_traffic_show(machine, info_field);
	info_field("template:", "%s", config->template);
	info_field("architecture:", "%s", config->arch);
	info_field("created:", "%s", when);
	info_field("uuid:", "%s", config->uuid);
	info_field("ephemeral:", "%s", config->ephemeral ? "yes, deleted when it stops" : "");
	show_security(config, facts);
	show_root(machine, facts);
	backup_show(machine, &facts->backup, info_field);
	show_sections(machine, config, facts, "");
	rules_show(machine, info_field);
	show_sections(machine, &facts->temporary, facts, ", temporary");
	info_field("settings:", "%s/machine.conf", machine->folder);
	info_field("log:", "%s", facts->log ? facts->log : "");
}
