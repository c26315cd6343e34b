/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/host/doctor.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"
#include "network/network.h"
#include "storage/space.h"
#include "storage/storage.h"

#include <errno.h>
#include <string.h>

static const struct flag *const doctor_flags[] = { &flag_json, NULL };

static int look_at_pool(void *context, const char *name)
{
	struct report *report = context;
	scoped_pool struct pool pool = { 0 };
	struct pool_usage usage = { 0 };
	struct err err = { 0 };
	char used[32], total[32];

	if (pool_view(&pool, report->dirs, name, &err) < 0 ||
	    pool.ops->pool_usage(&pool, &usage, &err) < 0) {
		report_add(report, VERDICT_PROBLEM, "pool", NULL, "pool '%s': %s", name, err.text);
		return 0;
	}
	const struct space space = { .total = usage.total,
				     .used = usage.used,
				     .metadata_total = usage.metadata_total,
				     .metadata_used = usage.metadata_used };
	bool metadata = space_lacks_metadata(&space) && space_percent(&space) >= 80;
	unsigned percent = metadata      ? space_percent(&space)
			   : usage.total ? (unsigned)(usage.used * 100.0 / usage.total)
					 : 0;
	text_human_size(usage.used, used, sizeof used);
	text_human_size(usage.total, total, sizeof total);
	report_add(report, percent >= 80 ? VERDICT_NOTE : VERDICT_OK, "pool",
		   metadata        ? "delete snapshots, or make the metadata larger: berth pool "
				     "grow --metadata"
		   : percent >= 80 ? "delete something, or make room where the pool is"
				   : NULL,
		   "pool '%s' (%s): %s of %s used, %s%u%%", name, pool.ops->name, used, total,
		   metadata ? "its metadata " : "", percent);
	return 0;
}

/* A network that is not berth's own has nothing but its link. */
static void add_foreign(struct report *report, const struct network *network,
			const struct network_status *status)
{
	const struct network_config *config = &network->config;

	if (status->up)
		report_add(report, VERDICT_OK, "network", NULL, "network '%s' (%s%s%s) is up",
			   network->name, config->kind, *config->parent ? " " : "", config->parent);
	else
		report_add(
			report, VERDICT_PROBLEM, "network",
			status->fault.code == EBUSY
				? NULL /* the sentence has it */
				: "make it or set it up: berth only uses it; or delete the network",
			"%s", status->fault.text);
}

static int look_at_network(void *context, const char *name)
{
	struct report *report = context;
	scoped_network struct network network = { 0 };
	struct network_status status = { 0 };
	scoped_free char *remedy = text_format("run 'berth network up %s'", name);
	struct err err = { 0 };

	if (network_open(&network, report->dirs, name, &err) < 0 ||
	    network_status(&network, &status, &err) < 0)
		report_add(report, VERDICT_PROBLEM, "network", NULL, "network '%s': %s", name,
			   err.text);
	else if (status.up && config_masquerades(&network.config) && !status.nat)
		report_add(report, VERDICT_PROBLEM, "network", remedy,
			   "network '%s' has lost its firewall rules: its machines do not reach "
			   "the world",
			   name);
	else if (status.dns_stale)
		report_add(report, VERDICT_NOTE, "network", remedy,
			   "network '%s': its dnsmasq has older settings, or asks name servers "
			   "that are no longer the host's",
			   name);
	else if (!config_is_own(&network.config))
		add_foreign(report, &network, &status);
	else if (status.up && network.config.dhcp && !status.dns)
		report_add(report, VERDICT_PROBLEM, "network", remedy,
			   "network '%s' has no dnsmasq: its machines do not find names", name);
	else
		report_add(report, VERDICT_OK, "network", NULL, "network '%s' (%s, %s) is %s", name,
			   network.config.bridge, network.config.subnet,
			   status.up ? "up" : "down, as no machine has needed it yet");
	return 0;
}

static void look_at_settings(struct report *report)
{
	struct berth_config config;
	struct err err = { 0 };
	char why[256] = "";

	if (config_load_berth(report->dirs, &config, &err) < 0)
		report_add(report, VERDICT_PROBLEM, "berth.conf", "correct it by hand", "%s",
			   err.text);
	else
		config_free(&berth_schema, &config);
	const char *driver = pool_default_driver(report->dirs, why, sizeof why);
	report_add(report, VERDICT_OK, "new pools", NULL, "get driver %s: %s", driver, why);
	err = (struct err){ 0 };
	if (pool_list(report->dirs, look_at_pool, report, &err) < 0)
		report_add(report, VERDICT_PROBLEM, "pools", NULL, "%s", err.text);
	err = (struct err){ 0 };
	if (network_list(report->dirs, look_at_network, report, &err) < 0)
		report_add(report, VERDICT_PROBLEM, "networks", NULL, "%s", err.text);
	doctor_state(report);
	doctor_forwards(report);
	doctor_rules(report);
	doctor_policy(report);
	doctor_access(report);
}

static int run_doctor(struct call *call, struct err *err)
{
	struct report report = { .dirs = &call->dirs };
	int r = 0;

	if (call_has(call, &flag_json))
		report.array = json_array();
	doctor_kernel(&report);
	doctor_host(&report);
	look_at_settings(&report);
	if (call_has(call, &flag_json))
		r = print_json(report.array, err);
	else if (report.problems == 0)
		puts("\nberth can run machines here.");
	else
		printf("\n%d problem%s.\n", report.problems, report.problems == 1 ? "" : "s");
	return r == 0 && report.problems ? EXIT_FAILED : r;
}

const struct command command_doctor = {
	.traits = COMMAND_LOOKS,
	.name = "doctor",
	.aliases = "check",
	.args = "",
	.help = "Look at what berth needs of this host, and say what to do about what is missing",
	.flags = doctor_flags,
	.run = run_doctor,
};
