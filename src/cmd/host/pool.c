/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pool create, delete, detach; pool_list.c has list and status, maintenance.c the rest. */
#include "machine/life/pool_use.h"
#include "machine/manage/settings_backup.h"
#include "storage/storage.h"

#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"
#include "cmd/host/pool.h"

#include <string.h>

static const struct flag flag_driver = {
	"driver", 0, false, "DRIVER", "thin, btrfs or dir; the best that works here if not given"
};
static const struct flag flag_source = {
	"source", 0, false, "PATH", "folder or file to use; below /var/lib/berth/pools if not given"
};
static const struct flag flag_size = { "size", 0, false, "SIZE",
				       "of a loop file; a share of the free space if not given" };
static const struct flag flag_volumes = { "force", 'f', false, NULL,
					  "with every volume that is in it" };

static const struct flag flag_device = { "device", 0, false, "PATH",
					 "disk, partition or logical volume to use whole" };
static const struct flag flag_block = {
	"block", 0, false, "SIZE",
	"thin: what is allocated at a time; by the pool's size if not given"
};
static const struct flag flag_filesystem = { "filesystem", 0, false, "TYPE",
					     "thin: ext4, or xfs, on its volumes" };
static const struct flag flag_sparse = { "sparse", 0, false, NULL,
					 "thin: a loop file takes only the space that is used" };
static const struct flag flag_wipe = { "force", 'f', false, NULL,
				       "thin: destroy what the device holds" };

static const struct flag flag_key = { "set", 's', false, "KEY=VALUE",
				      "set a key of pool.conf; may be given several times" };

static const struct flag flag_every = { "all", 'a', false, NULL, "all pools" };
static const struct flag *const detach_flags[] = { &flag_every, NULL };
static const struct flag *const create_flags[] = {
	&flag_block, &flag_device, &flag_driver, &flag_filesystem, &flag_wipe,
	&flag_key,   &flag_size,   &flag_source, &flag_sparse,     NULL
};
static const struct flag *const delete_flags[] = { &flag_volumes, NULL };

static int check_driver(const char *driver, struct err *err)
{
	if (!driver || strcmp(driver, "thin") == 0 || strcmp(driver, "btrfs") == 0 ||
	    strcmp(driver, "dir") == 0)
		return 0;
	err_set(err, EINVAL, "--driver cannot be '%.60s': use thin, btrfs or dir", driver);
	return EXIT_USAGE;
}

static int check_filesystem(const char *type, struct err *err)
{
	if (!type || strcmp(type, "ext4") == 0 || strcmp(type, "xfs") == 0)
		return 0;
	err_set(err, EINVAL, "--filesystem cannot be '%.60s': use ext4 or xfs", type);
	return EXIT_USAGE;
}

static int create_with(struct call *call, struct pool_spec *spec, struct err *err)
{
	const char **settings = calloc(call->given_count + 1, sizeof *settings);
	size_t count = 0;

	if (!settings)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < call->given_count; i++) {
		if (call->given[i].flag == &flag_key)
			settings[count++] = call->given[i].value;
	}
	spec->settings = settings;
	int r = pool_create(&call->dirs, call->words[0], spec, err);
	free(settings);
	return r;
}

static int run_create(struct call *call, struct err *err)
{
	const char *device = call_value(call, &flag_device);
	struct pool_spec spec = {
		.driver = call_value(call, &flag_driver),
		.source = device ? device : call_value(call, &flag_source),
		.filesystem = call_value(call, &flag_filesystem),
		.sparse = call_has(call, &flag_sparse),
		.force = call_has(call, &flag_wipe),
	};

	int r = name_check(call->words[0], err);
	if (r != 0)
		return r;
	r = pool_size_of(call, &flag_size, &spec.size, err);
	if (r == 0)
		r = pool_size_of(call, &flag_block, &spec.block, err);
	if (r == 0)
		r = check_filesystem(spec.filesystem, err);
	if (r == 0)
		r = check_driver(spec.driver, err);
	if (r != 0)
		return r;
	if (spec.source &&
	    (r = pool_check_place(device ? "device" : "source", spec.source, err)) != 0)
		return r;
	if (device && !spec.driver)
		spec.driver = "thin";
	return create_with(call, &spec, err);
}

static int delete_one(struct call *call, const char *name, struct err *err)
{
	int r = pool_delete(&call->dirs, name, call_has(call, &flag_volumes), pool_check_unused,
			    err);

	if (r != 0)
		return r;
	settings_backup_forget(&call->dirs, name);
	if (call_has(call, &flag_volumes))
		pool_tell_left(&call->dirs, name);
	return 0;
}

static int run_delete(struct call *call, struct err *err)
{
	return for_each_name(call, delete_one, err);
}

/* The copy of the settings is brought up to date first. It may be a moment old, and is out of reach afterwards. */
static int detach_pool(const struct dirs *dirs, const char *name, struct err *err)
{
	struct err old = { 0 };
	int wrote = settings_backup_write(dirs, name, &old);
	int r = pool_detach(dirs, name, err);

	if (r == 0 && wrote < 0)
		print_note("pool '%s' is detached with an old copy of its settings: %s", name,
			   old.text);
	return r;
}

static int detach_one(struct call *call, const char *name, struct err *err)
{
	return detach_pool(&call->dirs, name, err);
}

struct detaching {
	const struct dirs *dirs;
	bool failed;
};

/* A pool in use is reported, and does not stop the others. */
static int visit_detach(void *context, const char *name)
{
	struct detaching *detaching = context;
	struct err one = { 0 };

	if (detach_pool(detaching->dirs, name, &one) < 0) {
		print_error(&one);
		detaching->failed = true;
	}
	return 0;
}

static int run_detach(struct call *call, struct err *err)
{
	struct detaching detaching = { .dirs = &call->dirs };

	if (call_has(call, &flag_every) == (call->count > 0)) {
		err_set(err, EINVAL,
			call->count ? "--all is given and pools are named; use one of both"
				    : "no pool is named; for all of them: berth pool "
				      "detach --all");
		return EXIT_USAGE;
	}
	if (call->count)
		return for_each_name(call, detach_one, err);
	int r = pool_list(&call->dirs, visit_detach, &detaching, err);
	return r == 0 && detaching.failed ? EXIT_FAILED : r;
}

static const struct command create = {
	.group = "pool",
	.name = "create",
	.args = "POOL",
	.help = "Make a pool",
	.flags = create_flags,
	.min = 1,
	.max = 1,
	.run = run_create,
};

static const struct command delete = {
	.group = "pool",
	.name = "delete",
	.aliases = "rm",
	.args = "POOL...",
	.help = "Delete empty pools; those with volumes only with --force",
	.flags = delete_flags,
	.min = 1,
	.max = -1,
	.first = WORD_POOL,
	.rest = WORD_POOL,
	.run = run_delete,
};

static const struct command detach = {
	.group = "pool",
	.name = "detach",
	.args = "[POOL]...",
	.help = "Let go of the devices and mounts of pools; what is in them stays",
	.flags = detach_flags,
	.max = -1,
	.first = WORD_POOL,
	.rest = WORD_POOL,
	.run = run_detach,
};

static const struct command *const members[] = {
	&create,           &pool_verb_list,   &pool_verb_status, &pool_verb_usage, &pool_verb_grow,
	&pool_verb_check,  &pool_verb_repair, &pool_verb_trim,   &pool_verb_adopt, &pool_verb_set,
	&pool_verb_import, &pool_verb_move,   &delete,           &detach,          NULL
};

const struct command command_pool = {
	.name = "pool",
	.aliases = "storage",
	.args = "",
	.help = "Where roots are kept: create, list, status, usage, grow, repair, move and more",
	.max = -1,
	.members = members,
};
