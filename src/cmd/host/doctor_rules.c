/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor: firewall rules for machines that are not there. */
#include "cmd/host/doctor.h"

#include "base/scoped.h"
#include "base/text.h"
#include "machine/manage/rule_peers.h"

#include <unistd.h>

static void look_at_peer(void *context, const struct rule_peer *peer)
{
	struct report *report = context;
	scoped_free char *folder = dirs_state_path(report->dirs, "machines/%s", peer->machine);
	scoped_free char *remedy =
		text_format("if it is gone for good: berth rule remove %s%s %s",
			    *peer->kind == 'n' ? "--network " : "", peer->owner, peer->rule);

	if (folder && access(folder, F_OK) < 0)
		report_add(report, VERDICT_NOTE, "rule", remedy,
			   "rule '%s' of %s '%s' %s machine '%s', which does not exist", peer->rule,
			   peer->kind, peer->owner, peer->deny ? "denies" : "allows",
			   peer->machine);
}

void doctor_rules(struct report *report)
{
	rule_peers_each(report->dirs, look_at_peer, report);
}
