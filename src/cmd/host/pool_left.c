/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines, templates and volumes for data whose contents went with a deleted pool: their settings stay. */
#include "cmd/host/pool.h"

#include "base/scoped.h"
#include "cmd/cli/print.h"
#include "image/template/template.h"
#include "machine/data/data.h"
#include "machine/state/machine.h"

#include <string.h>

enum { NAMED = 300 /* bytes of names in a line */ };

struct left {
	const struct dirs *dirs;
	const char *pool;
	struct text names; /* owned; of one kind */
};

/* An object of that pool; NULL: its settings cannot be read. */
static int add(struct left *left, const char *name, const char *pool)
{
	if (!pool || strcmp(pool, left->pool) != 0)
		return 0;
	if (left->names.length < NAMED)
		text_add(&left->names, " %s", name);
	else if (!text_ends(text_str(&left->names), "..."))
		text_add(&left->names, " ...");
	return 0;
}

static int add_machine(void *context, const char *name)
{
	struct left *left = context;
	scoped_machine struct machine machine = { 0 };

	return machine_read(&machine, left->dirs, name, &(struct err){ 0 }) < 0
		       ? 0
		       : add(left, name, machine.config.pool);
}

static int add_template(void *context, const char *name, const struct template_config *config,
			const struct err *fault)
{
	(void)fault;
	return add(context, name, config ? config->pool : NULL);
}

static int add_volume(void *context, const char *name, const struct volume_config *config,
		      const struct err *fault)
{
	(void)fault;
	return add(context, name, config ? config->pool : NULL);
}

static void tell(struct left *left, const char *what, const char *first, const char *verb)
{
	if (left->names.length)
		print_note(
			"%s of the deleted pool '%s' have settings and no contents now; %sremove "
			"them too: berth %s --force%s",
			what, left->pool, first, verb, text_str(&left->names));
	text_free(&left->names);
	left->names = (struct text){ 0 };
}

void pool_tell_left(const struct dirs *dirs, const char *pool)
{
	struct left left = { .dirs = dirs, .pool = pool };
	struct err ignored = { 0 };

	machine_list(dirs, add_machine, &left, &ignored);
	tell(&left, "machines", "", "delete");
	data_list(dirs, add_volume, &left, &ignored);
	tell(&left, "volumes", "detach those that machines have, and ", "volume delete");
	template_list(dirs, add_template, &left, &ignored);
	tell(&left, "templates", "", "template delete");
}
