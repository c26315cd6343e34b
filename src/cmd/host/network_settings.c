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

/* Keys that describe interfaces of machines, which running machines keep as they are. */
static bool waits_for_start(const struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		if (!(config_flags(&network_schema, changes->list[i].name) & KEY_LIVE))
			return true;
	}
	return false;
}

static int note_rest(struct network *network, const struct changes *changes)
{
	struct network_status status = { 0 };

	if (*network->warning)
		print_note("%s", network->warning);
	if (waits_for_start(changes) && network_status(network, &status, &(struct err){ 0 }) == 0 &&
	    status.ports > 0)
		print_note("machines that run on network '%s' have it at their next start",
			   network->name);
	return 0;
}

static int change(const struct call *call, bool unset, struct err *err)
{
	scoped_changes struct changes changes = { 0 };
	scoped_network struct network network = { 0 };

	int r = changes_given(call, &network_schema, unset, &changes, err);
	if (r != 0)
		return r;
	r = network_open(&network, &call->dirs, call->words[0], err);
	if (r < 0)
		return r;
	/* dnsmasq, which may be started again, inherits the rlimits of this process. */
	rlimits_reset();
	r = network_set(&network, changes.list, changes.count, err);
	/* The key is unknown, and the file has no line with it either. */
	if (r == -ENOENT && unset)
		return EXIT_USAGE;
	if (r == 0)
		r = machine_reconnect_all(&network, err);
	return r < 0 ? r : note_rest(&network, &changes);
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
	int r = network_open(&network, &call->dirs, call->words[0], err);

	return r < 0 ? r : settings_show(call, &network_schema, &network.config, NULL, err);
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
