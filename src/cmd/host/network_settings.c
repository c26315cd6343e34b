/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network set, get, unset: the keys of network.conf(5). */
#include "cmd/host/network.h"

#include "base/scoped.h"
#include "cmd/cli/changes.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "machine/confine/rlimits.h"
#include "machine/life/life.h"

#include <errno.h>

static const struct flag *const get_flags[] = { &flag_json, NULL };

static int change(const struct call *call, bool unset, struct err *err)
{
	scoped_changes struct changes changes = { 0 };
	scoped_network struct network network = { 0 };
	scoped_text struct text notes = { 0 };

	int r = changes_given(call, &network_schema, unset ? CHANGES_UNSET : CHANGES_SET, &changes,
			      err);
	if (r != 0)
		return r;
	r = network_named(&network, call, call->words[0], err);
	if (r != 0)
		return r;
	/* dnsmasq, which may be started again, inherits the rlimits of this process. */
	rlimits_reset();
	r = machine_change_network(&network, changes.list, changes.count, &notes, err);
	/* The key is unknown, and the file has no line with it either. */
	if (r == -ENOENT && unset)
		return EXIT_USAGE;
	if (r == 0)
		print_notes(&notes);
	return r;
}

static int run_set(struct call *call, struct err *err)
{
	return change(call, false, err);
}

static int run_unset(struct call *call, struct err *err)
{
	return change(call, true, err);
}

static int run_get(struct call *call, struct err *err)
{
	scoped_network struct network network = { 0 };
	int r = network_named(&network, call, call->words[0], err);

	return r != 0 ? r : settings_show(call, &network_schema, &network.config, NULL, err);
}

const struct command network_set_verb = {
	.group = "network",
	.name = "set",
	.args = "NETWORK KEY=VALUE...",
	.help = "Change settings of a network, all or none of them",
	.min = 2,
	.max = -1,
	.first = WORD_NETWORK,
	.rest = WORD_NETWORK_KEY,
	.run = run_set,
};

const struct command network_get_verb = {
	.traits = COMMAND_LOOKS,
	.group = "network",
	.name = "get",
	.args = "NETWORK [KEY]",
	.help = "Show settings of a network",
	.flags = get_flags,
	.min = 1,
	.max = 2,
	.first = WORD_NETWORK,
	.rest = WORD_NETWORK_KEY,
	.run = run_get,
};

const struct command network_unset_verb = {
	.group = "network",
	.name = "unset",
	.args = "NETWORK KEY...",
	.help = "Put settings of a network back to their defaults",
	.min = 2,
	.max = -1,
	.first = WORD_NETWORK,
	.rest = WORD_NETWORK_KEY,
	.run = run_unset,
};
