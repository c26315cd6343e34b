/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Templates that a file names as images of servers, "template = images:debian/13": pulled once, before they are needed.
 */
#include "cmd/apply/apply.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "image/source/pull.h"
#include "image/source/source.h"
#include "image/template/template.h"

#include <string.h>

/* Gives the groups of an image the name of its template. */
static int name_template(struct apply *apply, const char *image, const char *name)
{
	for (size_t i = 0; i < apply->file.group_count; i++) {
		struct apply_group *group = &apply->file.groups[i];
		if (group->image && strcmp(group->image, image) == 0 &&
		    text_take(&group->settings.machine.template, strdup(name)) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The template that is here, or the name that it will get. */
static int resolve(struct apply *apply, struct apply_group *group, struct err *err)
{
	char remote[64], image[128], name[64];

	group->image = strdup(group->settings.machine.template);
	if (!group->image)
		return err_set(err, ENOMEM, "out of memory");
	if (source_split(group->image, remote, image, err) < 0)
		return -err->code;
	scoped_free char *local = pull_find_local(&apply->call->dirs, group->image, err);
	if (err->code)
		return -err->code;
	pull_name(image, name);
	return name_template(apply, group->image, local ? local : name) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

void image_resolve(struct apply *apply)
{
	for (size_t i = 0; i < apply->file.group_count; i++) {
		struct apply_group *group = &apply->file.groups[i];
		struct err err = { 0 };
		if (pull_is_remote(group->settings.machine.template))
			resolve(apply, group, &err);
		apply_fault(apply, group->line, &err);
	}
}

bool image_is_missing(const struct apply *apply, const struct apply_group *group)
{
	struct err err = { 0 };

	if (!group->image)
		return false;
	scoped_free char *local = pull_find_local(&apply->call->dirs, group->image, &err);
	return !local;
}

int image_plan(struct apply *apply, const struct apply_group *group, struct err *err)
{
	char name[64];

	for (size_t i = 0; i < apply->count; i++) {
		const struct apply_action *action = &apply->actions[i];
		if (action->kind == APPLY_PULL && strcmp(action->group->image, group->image) == 0)
			return 0;
	}
	struct apply_action *action =
		apply_add(apply, APPLY_PULL, group->settings.machine.template, err);
	if (!action)
		return -err->code;
	action->group = group;
	return image_look(apply->call, group->image, name, err);
}

int image_fetch(struct apply *apply, const struct apply_action *action, struct err *err)
{
	const char *image = action->group->image;
	const char *pool = action->group->settings.machine.pool;
	/* Another word may name the same image. */
	scoped_free char *name = pull_find_local(&apply->call->dirs, image, err);

	if (err->code)
		return -err->code;
	int r = name ? 0 : image_pull(apply->call, image, *pool ? pool : NULL, &name, err);
	if (r != 0)
		return r;
	return name_template(apply, image, name) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}
