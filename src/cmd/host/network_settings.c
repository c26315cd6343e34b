/* SPDX-License-Identifier: GPL-2.0-or-later */
/* network set, get, unset: the keys of network.conf(5). */
#include "cmd/host/network.h"

#include "base/scoped.h"
#include "cmd/cli/changes.h"
#include "cmd/cli/common.h"
#include "cmd/cli/policy.h"
#include "cmd/cli/print.h"
#include "machine/confine/rlimits.h"
#include "machine/life/life.h"

#include <errno.h>

static const struct flag *const get_flags[] = { &flag_json, NULL };

/* --dry-run: all that a change checks, and what it would change. */
static int try_change(const struct call *call, struct network *network,
		      const struct changes *changes, struct err *err)
{
	struct network_config wanted;

	if (machine_check_network(network, changes->list, changes->count, &wanted, err) < 0)
		return -err->code;
	int r = changes_show(call, &network_schema, &network->config, &wanted, changes, err);
	config_free(&network_schema, &wanted);
	return r;
}

static int make_change(const struct call *call, struct network *network,
		       const struct changes *changes, struct err *err)
{
	scoped_network struct network before = { 0 };
	scoped_text struct text notes = { 0 };
	int r = changes_wanted(call) ? network_named(&before, call, call->words[0], err) : 0;

	/* dnsmasq, which may be started again, inherits the rlimits of this process. */
	rlimits_reset();
	if (r == 0)
		r = machine_change_network(network, changes->list, changes->count, &notes, err);
	if (r != 0)
		return r;
	print_notes(&notes);
	return changes_show(call, &network_schema, &before.config, &network->config, changes, err);
}

static int change(const struct call *call, bool unset, struct err *err)
{
	scoped_changes struct changes changes = { 0 };
	scoped_network struct network network = { 0 };

	int r = changes_given(call, &network_schema, unset ? CHANGES_UNSET : CHANGES_SET, &changes,
			      err);
	if (r == 0)
		r = network_named(&network, call, call->words[0], err);
	if (r != 0)
		return r;
	r = call_has(call, &flag_dry_run) ? try_change(call, &network, &changes, err)
					  : make_change(call, &network, &changes, err);
	/* The key is unknown, and the file has no line with it either. */
	return r == -ENOENT && unset ? EXIT_USAGE : r;
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
	.flags = changes_flags,
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
	.flags = changes_flags,
	.min = 2,
	.max = -1,
	.first = WORD_NETWORK,
	.rest = WORD_NETWORK_KEY,
	.run = run_unset,
};
