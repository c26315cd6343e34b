/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template set, get, unset: the keys of template.conf(5). */
#include "cmd/cli/changes.h"
#include "cmd/cli/common.h"
#include "cmd/template/template.h"
#include "image/template/template.h"

#include <errno.h>

static const struct flag *const get_flags[] = { &flag_json, NULL };

/* -ENOENT of a change: the template is gone, or the key is unknown. */
static bool template_is_there(const struct call *call)
{
	struct template_config config = { 0 };
	int r = template_open(&call->dirs, call->words[0], &config, &(struct err){ 0 });

	config_free(&template_schema, &config);
	return r == 0;
}

static int change(const struct call *call, bool unset, struct err *err)
{
	scoped_changes struct changes changes = { 0 };
	int r = changes_given(call, &template_schema, unset ? CHANGES_UNSET : CHANGES_SET, &changes,
			      err);

	if (r == 0)
		r = name_check(call->words[0], err);
	if (r == 0)
		r = template_set(&call->dirs, call->words[0], changes.list, changes.count, err);
	/* The key is unknown, and the file has no line with it either. */
	return r == -ENOENT && unset && template_is_there(call) ? EXIT_USAGE : r;
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
	struct template_config config = { 0 };
	int r = name_check(call->words[0], err);

	if (r == 0)
		r = template_open(&call->dirs, call->words[0], &config, err);
	if (r == 0)
		r = settings_show(call, &template_schema, &config, config.presets, err);
	config_free(&template_schema, &config);
	return r;
}

const struct command template_set_verb = {
	.group = "template",
	.name = "set",
	.args = "TEMPLATE KEY=VALUE...",
	.help = "Change what a template says: its description, and default.KEY, settings of "
		"machines made of it",
	.min = 2,
	.max = -1,
	.first = WORD_TEMPLATE,
	.rest = WORD_PRESET,
	.run = run_set,
};

const struct command template_get_verb = {
	.traits = COMMAND_LOOKS,
	.group = "template",
	.name = "get",
	.args = "TEMPLATE [KEY]",
	.help = "Show what a template says",
	.flags = get_flags,
	.min = 1,
	.max = 2,
	.first = WORD_TEMPLATE,
	.rest = WORD_PRESET,
	.run = run_get,
};

const struct command template_unset_verb = {
	.group = "template",
	.name = "unset",
	.args = "TEMPLATE KEY...",
	.help = "Take defaults of machines out of a template",
	.min = 2,
	.max = -1,
	.first = WORD_TEMPLATE,
	.rest = WORD_PRESET,
	.run = run_unset,
};
