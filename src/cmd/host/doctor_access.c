/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor: rights for the API that nobody has, or that are the host. */
#include "cmd/host/doctor.h"

#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/rights.h"
#include "config/config.h"

#include <grp.h>

struct one {
	struct report *report;
	const char *remedy;
};

static void add(void *context, const char *sentence)
{
	const struct one *one = context;

	report_add(one->report, VERDICT_NOTE, "access", one->remedy, "%s", sentence);
}

static int look_at_machine(void *context, const char *name)
{
	scoped_machine struct machine machine = { 0 };
	struct one one = { .report = context };

	if (machine_read(&machine, one.report->dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	scoped_free char *other = text_format("berth set %s access.users=USER:use", name);
	scoped_free char *less =
		text_format("berth unset %s access.users, or security.privileged", name);
	one.remedy = other;
	rights_absent(&machine, add, &one);
	one.remedy = less;
	rights_wide(&machine, add, &one);
	return 0;
}

void doctor_access(struct report *report)
{
	struct berth_config config = { 0 };

	if (config_load_berth(report->dirs, &config, &(struct err){ 0 }) == 0 &&
	    *config.api_group && !getgrnam(config.api_group))
		report_add(report, VERDICT_NOTE, "access", "correct api.group in berth.conf",
			   "api.group of berth.conf is '%s', and this host has no such group",
			   config.api_group);
	config_free(&berth_schema, &config);
	machine_list(report->dirs, look_at_machine, report, &(struct err){ 0 });
}
