/* SPDX-License-Identifier: GPL-2.0-or-later */
/* adopt: makes a root whose machine.conf is lost a machine again. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "machine/manage/manage.h"
#include "machine/state/parts.h"

#include <errno.h>
#include <string.h>

static const struct flag flag_conf = { "conf", 0, false, "FILE",
				       "a backup of its machine.conf; the copy of it in the "
				       "pool if not given" };
static const struct flag flag_strays = { "all", 'a', false, NULL,
					 "every root that is nobody's, of all pools or of --pool" };
static const struct flag *const adopt_flags[] = { &flag_strays, &flag_conf, &flag_pool, NULL };

static int adopt(struct call *call, const char *name, const char *pool, const char *conf,
		 struct err *err)
{
	int r = machine_adopt(&call->dirs, name, pool, conf, err);

	if (r > 0)
		print_note("pool has no copy of the settings of machine '%s', which has those of a "
			   "new one now; see them with: berth get %s",
			   name, name);
	return r > 0 ? 0 : r;
}

static int adopt_one(struct call *call, const char *name, struct err *err)
{
	return adopt(call, name, call_value(call, &flag_pool), call_value(call, &flag_conf), err);
}

struct adopting {
	const char *wanted; /* pool, or NULL */
	struct text names;  /* names of pools and machines in turn, each with its NUL */
};

static int note_stray(void *context, const char *pool, const char *volume)
{
	struct adopting *adopting = context;

	if (!text_starts(volume, "machine.") ||
	    (adopting->wanted && strcmp(adopting->wanted, pool) != 0))
		return 0;
	text_add_bytes(&adopting->names, pool, strlen(pool) + 1);
	const char *name = volume + strlen("machine.");
	return text_add_bytes(&adopting->names, name, strlen(name) + 1);
}

/* The strays are noted first, because an adopted root is no stray any more. */
static int adopt_all(struct call *call, struct err *err)
{
	scoped_inventory struct inventory inventory = { .dirs = &call->dirs, .attach = true };
	struct adopting adopting = { .wanted = call_value(call, &flag_pool) };
	int worst = 0;

	int r = parts_each_stray(&inventory, note_stray, &adopting, err);
	const char *at = text_str(&adopting.names);
	const char *end = at + adopting.names.length;
	while (r == 0 && at < end) {
		const char *pool = at, *name = pool + strlen(pool) + 1;
		struct err one = { 0 };
		at = name + strlen(name) + 1;
		if (adopt(call, name, pool, NULL, &one) < 0) {
			print_error(&one);
			worst = EXIT_FAILED;
		} else {
			output_print_made("machine", name);
		}
	}
	text_free(&adopting.names);
	return r < 0 ? r : worst;
}

static int run_adopt(struct call *call, struct err *err)
{
	bool all = call_has(call, &flag_strays);

	if (all == (call->count > 0))
		err_set(err, EINVAL,
			all ? "--all is given and machines are named; use one of both"
			    : "no machine is named; for all that have lost their settings: berth "
			      "adopt --all");
	else if (call_has(call, &flag_conf) && call->count != 1)
		err_set(err, EINVAL, "--conf is for one machine");
	else
		return all ? adopt_all(call, err) : for_each_name(call, adopt_one, err);
	return EXIT_USAGE;
}

const struct command command_adopt = {
	.name = "adopt",
	.args = "[MACHINE]...",
	.help = "Make roots that have lost their settings machines again",
	.flags = adopt_flags,
	.max = -1,
	.first = WORD_MACHINE,
	.rest = WORD_MACHINE,
	.run = run_adopt,
};
