/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pool grow, check, repair, trim, adopt, import. */
#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/changes.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/host/pool.h"
#include "machine/manage/manage.h"
#include "machine/manage/settings_backup.h"
#include "storage/storage.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static const struct flag flag_larger = { "size", 0, false, "SIZE",
					 "of its loop file; without, all of its device" };
static const struct flag flag_metadata = { "metadata", 0, false, "SIZE",
					   "of its metadata; what fits its size if not given" };
static const struct flag flag_reclaim = { "reclaim", 0, false, NULL,
					  "delete what belongs to nobody" };

static const struct flag flag_disk = { "device", 0, false, "PATH",
				       "another disk for it to lie on, used whole" };
static const struct flag flag_wipe = { "force", 'f', false, NULL, "destroy what the disk holds" };

static const struct flag *const grow_flags[] = { &flag_disk, &flag_wipe, &flag_metadata,
						 &flag_larger, NULL };
static const struct flag flag_take = { "force", 'f', false, NULL,
				       "from another host, or a copy of an earlier time" };
static const struct flag *const import_flags[] = { &flag_take, NULL };
static const struct flag *const check_flags[] = { &flag_reclaim, NULL };

int pool_size_of(struct call *call, const struct flag *flag, uint64_t *size, struct err *err)
{
	const char *text = call_value(call, flag);

	if (!text || text_to_size(text, size) == 0)
		return 0;
	err_set(err, EINVAL, "--%s cannot be '%.60s': use a size such as 20G", flag->name, text);
	return EXIT_USAGE;
}

/* A path below /dev must exist: a mistyped name would otherwise become a file there, in memory. */
int pool_check_place(const char *option, const char *path, struct err *err)
{
	bool is_device = strcmp(option, "device") == 0 || text_starts(path, "/dev/");
	struct stat st;

	if (*path != '/') {
		err_set(err, EINVAL, "--%s cannot be '%.200s': use an absolute path", option, path);
		return EXIT_USAGE;
	}
	if (!is_device)
		return 0;
	if (stat(path, &st) < 0)
		return err_set(err, errno, "--%s cannot be '%.200s': %s; 'lsblk' lists the devices",
			       option, path, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return err_set(
			err, ENOTBLK,
			"--%s cannot be '%.200s', which is not a block device; 'lsblk' lists "
			"those, and --source takes a file",
			option, path);
	return 0;
}

static int run_grow(struct call *call, struct err *err)
{
	struct pool_growth growth = { .device = call_value(call, &flag_disk),
				      .force = call_has(call, &flag_wipe) };

	int r = name_check(call->words[0], err);
	if (r == 0)
		r = pool_size_of(call, &flag_larger, &growth.size, err);
	if (r == 0)
		r = pool_size_of(call, &flag_metadata, &growth.metadata, err);
	if (r == 0 && growth.device)
		r = pool_check_place("device", growth.device, err);
	return r != 0 ? r : pool_grow(&call->dirs, call->words[0], &growth, err);
}

static int run_check(struct call *call, struct err *err)
{
	unsigned flags = call_has(call, &flag_reclaim) ? POOL_CHECK_RECLAIM : 0;
	scoped_text struct text report = { 0 };

	struct err copying = { 0 };

	int r = name_check(call->words[0], err);
	if (r == 0)
		r = pool_check(&call->dirs, call->words[0], flags, &report, err);
	if (r == 0 && settings_backup_write(&call->dirs, call->words[0], &copying) < 0)
		text_add(&report, "%s\n", copying.text);
	if (report.length > 0)
		output_text(text_str(&report));
	return r;
}

/* The report is printed even if the work failed before its end. */
static int report_on(struct call *call,
		     int (*act)(const struct dirs *, const char *, struct text *, struct err *),
		     struct err *err)
{
	scoped_text struct text report = { 0 };

	int r = name_check(call->words[0], err);
	if (r == 0)
		r = act(&call->dirs, call->words[0], &report, err);
	output_text(text_str(&report));
	return r;
}

static int run_repair(struct call *call, struct err *err)
{
	return report_on(call, machine_repair_pool, err);
}

static int run_trim(struct call *call, struct err *err)
{
	return report_on(call, pool_trim, err);
}

static int run_adopt(struct call *call, struct err *err)
{
	uint64_t id = 0;

	int r = name_check(call->words[0], err);
	if (r != 0)
		return r;
	if (text_to_u64(call->words[1], 0, UINT32_MAX, &id) < 0) {
		err_set(err, EINVAL, "'%.60s' is not an id; see them with: berth pool check %s",
			call->words[1], call->words[0]);
		return EXIT_USAGE;
	}
	return pool_adopt(&call->dirs, call->words[0], id, call->words[2], err);
}

static int check_path(const char *path, struct err *err)
{
	if (*path == '/')
		return 0;
	err_set(err, EINVAL, "'%.200s' is not an absolute path of a disk, file or folder", path);
	return EXIT_USAGE;
}

/* The volumes of an adopted pool are compared with its catalogue, if it has one, which may be older than they are. */
static int take_pool(struct call *call, const char *path, const char *name, struct text *report,
		     struct err *err)
{
	scoped_text struct text kept = { 0 };
	char called[64] = "";

	int r = pool_import(&call->dirs, path, name, call_has(call, &flag_take), called, &kept,
			    report, err);
	if (r < 0 || r == POOL_IMPORT_MOVED)
		return r < 0 ? r : 0;
	if (r == POOL_IMPORT_CHECK)
		r = pool_check(&call->dirs, called, 0, report, err);
	return r < 0 ? r : settings_backup_restore(&call->dirs, called, &kept, report, err);
}

static int run_import(struct call *call, struct err *err)
{
	const char *path = call->words[0], *name = call->count > 1 ? call->words[1] : NULL;
	scoped_text struct text report = { 0 };

	int r = name ? name_check(name, err) : 0;
	if (r == 0)
		r = check_path(path, err);
	if (r == 0)
		r = take_pool(call, path, name, &report, err);
	output_text(text_str(&report));
	return r;
}

static int run_set(struct call *call, struct err *err)
{
	scoped_changes struct changes changes = { 0 };
	int r = name_check(call->words[0], err);

	if (r == 0)
		r = changes_given(call, &pool_schema, CHANGES_SET, &changes, err);
	for (size_t i = 0; r == 0 && i < changes.count; i++)
		r = pool_set(&call->dirs, call->words[0], changes.list[i].name,
			     changes.list[i].value, err);
	return r;
}

const struct command pool_verb_import = {
	.group = "pool",
	.name = "import",
	.args = "PATH [POOL]",
	.help = "Take a pool from the disk, file or folder that it is on now",
	.flags = import_flags,
	.min = 1,
	.max = 2,
	.first = WORD_FILE,
	.rest = WORD_POOL,
	.run = run_import,
};

const struct command pool_verb_set = {
	.group = "pool",
	.name = "set",
	.args = "POOL KEY=VALUE...",
	.help = "Change settings of a pool",
	.min = 2,
	.max = INT_MAX,
	.first = WORD_POOL,
	.run = run_set,
};

const struct command pool_verb_grow = {
	.group = "pool",
	.name = "grow",
	.args = "POOL",
	.help = "Make a thin pool larger, while it is in use",
	.flags = grow_flags,
	.min = 1,
	.max = 1,
	.first = WORD_POOL,
	.run = run_grow,
};

const struct command pool_verb_check = {
	.group = "pool",
	.name = "check",
	.args = "POOL",
	.help = "Compare what a thin pool holds with what it should",
	.flags = check_flags,
	.min = 1,
	.max = 1,
	.first = WORD_POOL,
	.run = run_check,
};

const struct command pool_verb_repair = {
	.group = "pool",
	.name = "repair",
	.args = "POOL",
	.help = "Mend a thin pool after an error of its disk",
	.min = 1,
	.max = 1,
	.first = WORD_POOL,
	.run = run_repair,
};

const struct command pool_verb_trim = {
	.group = "pool",
	.name = "trim",
	.args = "POOL",
	.help = "Give space that its volumes have freed back",
	.min = 1,
	.max = 1,
	.first = WORD_POOL,
	.run = run_trim,
};

const struct command pool_verb_adopt = {
	.group = "pool",
	.name = "adopt",
	.args = "POOL ID VOLUME",
	.help = "Give an id that is nobody's a volume's name",
	.min = 3,
	.max = 3,
	.first = WORD_POOL,
	.run = run_adopt,
};
