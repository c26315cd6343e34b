/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume set, get, unset and rename: the keys of volume.conf, and its name. */
#include "cmd/machine/volume.h"

#include "cmd/cli/changes.h"
#include "cmd/cli/common.h"
#include "machine/manage/data.h"
#include "machine/manage/rename.h"

#include <errno.h>

static const struct flag *const get_flags[] = { &flag_json, NULL };

static bool is_there(const struct call *call)
{
	struct volume_config config = { 0 };
	int r = data_open(&call->dirs, call->words[0], &config, &(struct err){ 0 });

	config_free(&volume_schema, &config);
	return r == 0;
}

/* -ENOENT of a change: the volume is gone, or the key is unknown. */
static int change(const struct call *call, enum changes_kind kind, struct err *err)
{
	scoped_changes struct changes changes = { 0 };
	int r = name_check(call->words[0], err);

	if (r == 0)
		r = changes_given(call, &volume_schema, kind, &changes, err);
	if (r == 0)
		r = data_set(&call->dirs, call->words[0], changes.list, changes.count, err);
	return r == -ENOENT && kind == CHANGES_UNSET && is_there(call) ? EXIT_USAGE : r;
}

static int run_set(struct call *call, struct err *err)
{
	return change(call, CHANGES_SET, err);
}

static int run_unset(struct call *call, struct err *err)
{
	return change(call, CHANGES_UNSET, err);
}

static int run_get(struct call *call, struct err *err)
{
	struct volume_config config = { 0 };
	int r = name_check(call->words[0], err);

	if (r == 0)
		r = data_open(&call->dirs, call->words[0], &config, err);
	if (r != 0)
		return r;
	r = settings_show(call, &volume_schema, &config, NULL, err);
	config_free(&volume_schema, &config);
	return r;
}

static int run_rename(struct call *call, struct err *err)
{
	int r = name_check(call->words[0], err);

	if (r == 0)
		r = name_check(call->words[1], err);
	return r != 0 ? r : data_rename(&call->dirs, call->words[0], call->words[1], err);
}

const struct command volume_verb_set = {
	.group = "volume",
	.name = "set",
	.args = "VOLUME KEY=VALUE...",
	.help = "Change what a volume says: its description",
	.min = 2,
	.max = -1,
	.first = WORD_VOLUME,
	.rest = WORD_VOLUME_KEY,
	.run = run_set,
};

const struct command volume_verb_get = {
	.traits = COMMAND_LOOKS,
	.group = "volume",
	.name = "get",
	.args = "VOLUME [KEY]",
	.help = "Show what a volume says",
	.flags = get_flags,
	.min = 1,
	.max = 2,
	.first = WORD_VOLUME,
	.rest = WORD_VOLUME_KEY,
	.run = run_get,
};

const struct command volume_verb_unset = {
	.group = "volume",
	.name = "unset",
	.args = "VOLUME KEY...",
	.help = "Take settings out of a volume",
	.min = 2,
	.max = -1,
	.first = WORD_VOLUME,
	.rest = WORD_VOLUME_KEY,
	.run = run_unset,
};

const struct command volume_verb_rename = {
	.group = "volume",
	.name = "rename",
	.aliases = "mv",
	.args = "VOLUME NEW",
	.help = "Give a volume, with which no machine runs, another name",
	.min = 2,
	.max = 2,
	.first = WORD_VOLUME,
	.run = run_rename,
};
