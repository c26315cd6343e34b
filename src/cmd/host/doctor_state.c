/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor: checks the state of berth. It finds machines, templates and volumes with a missing part, and roots without an
 * owner.
 */
#include "cmd/host/doctor.h"
#include "config/values.h"

#include "base/scoped.h"
#include "base/unfinished.h"
#include "cmd/cli/common.h"
#include "image/template/template.h"
#include "machine/data/data.h"
#include "machine/life/life.h"
#include "machine/manage/settings_backup.h"
#include "machine/share/share.h"
#include "machine/state/machine.h"
#include "machine/state/parts.h"
#include "network/network.h"

#include <string.h>

struct looking {
	struct report *report;
	struct inventory inventory;
};

/* Capabilities that give a machine power over the host, if its root is the host's root. */
static const char *const host_caps[][2] = {
	{ "sys_module", "loads code into the kernel" },
	{ "sys_rawio", "reaches the hardware past the kernel" },
	{ "sys_time", "sets the clock of the host" },
	{ "syslog", "reads the kernel's log and its addresses" },
	{ "mac_admin", "changes the host's security policy" },
};

/* A network that cannot be brought up has a line of its own, with its remedy. */
static bool has_fault(const struct dirs *dirs, const char *name)
{
	scoped_network struct network network = { 0 };
	struct network_status status = { 0 };
	struct err unsaid = { 0 };

	return network_open(&network, dirs, name, &unsaid) < 0 ||
	       network_status(&network, &status, &unsaid) < 0 || status.fault.code;
}

static void look_at_walls(struct report *report, const struct machine *machine)
{
	char network[64], remedy[140];

	if (machine_cut_off(machine, network)) {
		snprintf(remedy, sizeof remedy, "%srun 'berth network up %s'",
			 has_fault(report->dirs, network) ? "mend its network first, then " : "",
			 network);
		report_add(report, VERDICT_PROBLEM, "machine", remedy,
			   "machine '%s' is cut off: its link is not connected to network '%s'",
			   machine->name, network);
	}
	enum guards guards = machine_guards(machine, network);
	if (guards != GUARDS_CURRENT) {
		snprintf(remedy, sizeof remedy, "run 'berth network up %s'", network);
		report_add(report, VERDICT_PROBLEM, "machine", remedy,
			   guards == GUARDS_LOST
				   ? "machine '%s' has lost the firewall rules of its port on "
				     "network '%s', which also keep it from using others' "
				     "addresses"
				   : "machine '%s' has older firewall rules on network '%s' than "
				     "the settings say: a command was killed that changed them",
			   machine->name, network);
	}
	if (!machine->config.privileged)
		return;
	report_add(report, VERDICT_NOTE, "machine",
		   "do without: berth unset NAME security.privileged; berth-security(7) says what "
		   "is left to hold it",
		   "machine '%s' is privileged: its root is the root of this host", machine->name);
	for (size_t i = 0; i < sizeof host_caps / sizeof *host_caps; i++) {
		struct config_caps asked = { 0 }, cap = { 0 };
		if (config_caps(machine->config.caps, &asked, &(struct err){ 0 }) == 0 &&
		    config_caps(host_caps[i][0], &cap, &(struct err){ 0 }) == 0 &&
		    asked.add & cap.add)
			report_add(report, VERDICT_NOTE, "machine", "take it out of security.caps",
				   "privileged machine '%s' has %s, which %s", machine->name,
				   host_caps[i][0], host_caps[i][1]);
	}
}

/* A command was killed, or the machine has unmounted it: files that programs write there go to the root. */
static void look_at_mounts(struct report *report, const struct machine *machine)
{
	struct machine_status status = { 0 };

	if (!machine->config.volumes)
		return;
	machine_status(machine, NULL, &status);
	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		const struct attached_config *attached = (const struct attached_config *)at;
		scoped_free char *remedy = text_format("mount it: berth volume attach %s%s %s %s",
						       attached->readonly ? "--read-only " : "",
						       machine->name, at->name, attached->target);
		if (status.state == MACHINE_RUNNING && !share_shows_volume(machine, at->name))
			report_add(report, VERDICT_NOTE, "volume", remedy,
				   "machine '%s' runs, and has volume '%s' not mounted at '%s'",
				   machine->name, at->name, attached->target);
	}
}

static int look_at_machine(void *context, const char *name)
{
	struct looking *looking = context;
	scoped_machine struct machine machine = { 0 };
	struct err err = { 0 };

	int r = machine_look(&machine, looking->report->dirs, name, &err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = parts_check(&machine, &looking->inventory, NULL, &err);
	if (r < 0)
		report_add(looking->report, VERDICT_PROBLEM, "machine", NULL, "%s", err.text);
	if (r < 0)
		return 0;
	look_at_walls(looking->report, &machine);
	look_at_mounts(looking->report, &machine);
	return 0;
}

static int look_at_template(void *context, const char *name, const struct template_config *config,
			    const struct err *fault)
{
	struct looking *looking = context;
	struct err why = { 0 };

	if (!config)
		report_add(looking->report, VERDICT_PROBLEM, "template", NULL, "%s", fault->text);
	else if (template_has_volume(&looking->inventory, name, config, &why) < 0)
		report_add(looking->report, VERDICT_PROBLEM, "template", NULL,
			   "template '%s' has lost its root: %s", name, why.text);
	return 0;
}

static int look_at_data(void *context, const char *name, const struct volume_config *config,
			const struct err *fault)
{
	struct looking *looking = context;
	struct err why = { 0 };

	if (!config)
		report_add(looking->report, VERDICT_PROBLEM, "volume", NULL, "%s", fault->text);
	else if (data_has_volume(&looking->inventory, name, config, &why) < 0)
		report_add(looking->report, VERDICT_PROBLEM, "volume", NULL,
			   "volume '%s' has lost its data: %s", name, why.text);
	return 0;
}

/* The remedy for each kind of volume that has lost its owner. */
static int tell_stray(void *context, const char *pool, const char *volume)
{
	struct looking *looking = context;
	const char *name = strchr(volume, '.') + 1;
	bool machine = text_starts(volume, "machine."), template = text_starts(volume, "template.");
	bool data = text_starts(volume, "data");
	scoped_free char *remedy =
		machine ? text_format(
				  "make it a machine again: berth adopt %s; or delete it: berth "
				  "delete --force %s",
				  name, name)
		: template ? text_format("make it a template again: berth template adopt %s; or "
					 "delete it: berth template delete --force %s",
					 name, name)
		: text_starts(volume, "data.")
			? text_format("make it a volume again: berth volume adopt %s; or delete "
				      "it: berth volume delete --force %s",
				      name, name)
			: NULL;

	report_add(looking->report, VERDICT_PROBLEM, "volume", remedy,
		   "volume '%s' in pool '%s' has no owner: no %s of this host uses it", volume,
		   pool,
		   template ? "template"
		   : data   ? "volume for data"
			    : "machine");
	return 0;
}

/* An old copy of the settings is of no use to a newly installed host. */
static int look_at_pool(void *context, const char *name)
{
	struct report *report = context;
	struct err fault = { 0 };

	if (settings_backup_fault(report->dirs, name, &fault))
		report_add(report, VERDICT_PROBLEM, "pool",
			   "mend that; the next change of a machine writes it anew",
			   "pool '%s' has an old copy of its settings: %s", name, fault.text);
	return 0;
}

void doctor_state(struct report *report)
{
	struct looking looking = {
		.report = report,
		.inventory = { .dirs = report->dirs, .attach = true },
	};
	struct err err = { 0 };

	if (machine_list(report->dirs, look_at_machine, &looking, &err) < 0)
		report_add(report, VERDICT_PROBLEM, "machines", NULL, "%s", err.text);
	err = (struct err){ 0 };
	if (template_list(report->dirs, look_at_template, &looking, &err) < 0)
		report_add(report, VERDICT_PROBLEM, "templates", NULL, "%s", err.text);
	err = (struct err){ 0 };
	if (data_list(report->dirs, look_at_data, &looking, &err) < 0)
		report_add(report, VERDICT_PROBLEM, "volumes", NULL, "%s", err.text);
	err = (struct err){ 0 };
	if (parts_each_stray(&looking.inventory, tell_stray, &looking, &err) < 0)
		report_add(report, VERDICT_PROBLEM, "volumes", NULL, "%s", err.text);
	inventory_free(&looking.inventory);
	err = (struct err){ 0 };
	if (pool_list(report->dirs, look_at_pool, report, &err) < 0)
		report_add(report, VERDICT_PROBLEM, "pools", NULL, "%s", err.text);
}
