/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * volume create, attach, detach, resize, snapshot, restore, adopt, delete: disks of machines beside their roots, which
 * outlive the machines.
 */
#include "cmd/machine/volume.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "cmd/cli/verbs.h"
#include "cmd/machine/sections.h"
#include "machine/data/data.h"
#include "machine/life/life.h"
#include "machine/manage/data.h"
#include "machine/share/mounts.h"

#include <string.h>

static const struct flag flag_description = { "description", 0, false, "TEXT",
					      "a line for people" };
static const struct flag flag_size = { "size", 0, false, "SIZE",
				       "such as 20G; the pool's if not given" };
static const struct flag flag_read_only = { "read-only", 'r', false, NULL,
					    "the machine may not change it" };
static const struct flag flag_broken = { "force", 'f', false, NULL,
					 "also one that has lost a part, with what is left" };

static const struct flag flag_from = { "from", 0, false, "VOLUME[@SNAP]",
				       "with a copy of its data; empty if not given" };
static const struct flag *const create_flags[] = { &flag_description, &flag_from, &flag_pool,
						   &flag_size, NULL };
static const struct flag *const attach_flags[] = { &flag_read_only, NULL };
static const struct flag *const adopt_flags[] = { &flag_pool, NULL };
static const struct flag flag_snapshot = { "snapshot", 0, false, "SNAP",
					   "only this snapshot of them" };
static const struct flag *const delete_flags[] = { &flag_broken, &flag_snapshot, NULL };

static int check_size(const char *what, const char *text, uint64_t *size, struct err *err)
{
	enum { SMALLEST = 16 << 20 };

	if (!text || (text_to_size(text, size) == 0 && *size >= SMALLEST))
		return 0;
	err_set(err, EINVAL, "%s cannot be '%.60s': use a size such as 20G, and at least 16M", what,
		text);
	return EXIT_USAGE;
}

/* Without --pool the copy goes into the pool of its origin. */
static int create_copy(struct call *call, struct data_spec *spec, struct err *err)
{
	char *snapshot;
	scoped_free char *from = name_split(call_value(call, &flag_from), &snapshot, err);
	scoped_free char *pool = NULL;

	if (!from)
		return -err->code;
	int r = call_has(call, &flag_pool) ? pool_wanted(call, &pool, err) : 0;
	spec->pool = pool;
	if (r != 0)
		return r;
	interrupt_whole("volume", call->words[0], "volume info", call->words[0]);
	r = data_copy(&call->dirs, from, snapshot, call->words[0], spec, err);
	interrupt_quiet();
	return r;
}

static int check_description(const struct data_spec *spec, struct err *err)
{
	struct volume_config scratch = { 0 };

	if (!spec->description)
		return 0;
	int r = config_defaults(&volume_schema, &scratch, err);
	if (r == 0)
		r = setting_check(&volume_schema, &scratch, "description", spec->description, err);
	config_free(&volume_schema, &scratch);
	return r;
}

/* All that can be refused is refused before a pool is made for the volume. */
static int run_create(struct call *call, struct err *err)
{
	struct data_spec spec = { .description = call_value(call, &flag_description) };
	scoped_free char *pool = NULL;

	int r = name_check(call->words[0], err);
	if (r == 0)
		r = check_size("--size", call_value(call, &flag_size), &spec.size, err);
	if (r == 0)
		r = check_description(&spec, err);
	if (r == 0 && call_has(call, &flag_from))
		return create_copy(call, &spec, err);
	if (r == 0)
		r = pool_wanted(call, &pool, err);
	spec.pool = pool;
	return r != 0 ? r : data_create(&call->dirs, call->words[0], &spec, err);
}

/* A path without the slashes at its end; NULL: out of memory. */
static char *target_of(const char *word)
{
	size_t n = strlen(word);

	while (n > 1 && word[n - 1] == '/')
		n--;
	return strndup(word, n);
}

static int run_attach(struct call *call, struct err *err)
{
	scoped_free char *target = target_of(call->words[2]);
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text warning = { 0 };
	struct attached_config attached = { 0 };
	struct machine_config alone = { .volumes = &attached.section };

	int r = target ? name_check(call->words[1], err) : err_set(err, ENOMEM, "out of memory");
	if (r == 0)
		r = config_defaults(&attached_schema, &attached, err);
	attached.section.name = (char *)(uintptr_t)call->words[1];
	if (r == 0)
		r = section_give(&attached_schema, &attached, "target", target, err);
	if (r == 0)
		r = section_give(&attached_schema, &attached, "readonly",
				 call_has(call, &flag_read_only) ? "yes" : NULL, err);
	if (r == 0 && config_check_sections(&alone, err) < 0)
		r = EXIT_USAGE;
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0) {
		interrupt_note(
			"interrupted; whether volume '%s' is attached to machine '%s' is shown "
			"by: berth info %s",
			call->words[1], machine.name, machine.name);
		r = machine_attach_volume(&machine, &attached, &warning, err);
		interrupt_quiet();
		if (r == 0)
			print_notes(&warning);
	}
	config_free(&attached_schema, &attached);
	return r;
}

static int run_detach(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct machine_status status = { 0 };
	bool was_there = false;

	int r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		machine_status(&machine, NULL, &status);
	if (r == 0)
		r = machine_detach_volume(&machine, call->words[1], &was_there, err);
	if (r == 0 && !was_there && !machine_is_down(status.state))
		print_note(
			"machine '%s' runs, and volume '%s' was not mounted in it; its settings do "
			"not have it any more",
			machine.name, call->words[1]);
	return r;
}

static int adopt_one(struct call *call, const char *name, struct err *err)
{
	return data_adopt(&call->dirs, name, call_value(call, &flag_pool), err);
}

static int run_adopt(struct call *call, struct err *err)
{
	return for_each_name(call, adopt_one, err);
}

static int delete_one(struct call *call, const char *name, struct err *err)
{
	const char *snapshot = call_value(call, &flag_snapshot);

	return snapshot ? data_snapshot_delete(&call->dirs, name, snapshot, err)
			: data_delete(&call->dirs, name, call_has(call, &flag_broken), err);
}

/* The names of a volume and of a snapshot. */
static int check_both(const struct call *call, struct err *err)
{
	int r = name_check(call->words[0], err);

	return r != 0 ? r : name_check(call->words[1], err);
}

static int run_snapshot(struct call *call, struct err *err)
{
	int r = check_both(call, err);

	if (r != 0)
		return r;
	interrupt_whole("snapshot", call->words[1], "volume info", call->words[0]);
	r = data_snapshot_take(&call->dirs, call->words[0], call->words[1], err);
	interrupt_quiet();
	return r;
}

static int run_restore(struct call *call, struct err *err)
{
	int r = check_both(call, err);

	return r != 0 ? r : data_restore(&call->dirs, call->words[0], call->words[1], err);
}

static int run_resize(struct call *call, struct err *err)
{
	uint64_t size = 0;
	const char *text = call->words[1];
	int r = name_check(call->words[0], err);

	if (r == 0 && strcmp(text, "none") != 0)
		r = check_size("the size", text, &size, err);
	return r != 0 ? r : data_resize(&call->dirs, call->words[0], size, err);
}

static int run_delete(struct call *call, struct err *err)
{
	const char *snapshot = call_value(call, &flag_snapshot);

	if (snapshot && name_check(snapshot, err) != 0)
		return EXIT_USAGE;
	return for_each_name(call, delete_one, err);
}

static const struct command create = {
	.group = "volume",
	.name = "create",
	.args = "VOLUME",
	.help = "Make an empty volume for data of machines",
	.flags = create_flags,
	.min = 1,
	.max = 1,
	.run = run_create,
};

static const struct command attach = {
	.group = "volume",
	.name = "attach",
	.args = "MACHINE VOLUME TARGET",
	.help = "Mount a volume in a machine, now and from now on",
	.flags = attach_flags,
	.min = 3,
	.max = 3,
	.first = WORD_MACHINE,
	.rest = WORD_VOLUME,
	.run = run_attach,
};

static const struct command detach = {
	.group = "volume",
	.name = "detach",
	.args = "MACHINE VOLUME|TARGET",
	.help = "Take a volume away from a machine; its data stay",
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_ATTACHED,
	.run = run_detach,
};

static const struct command resize = {
	.group = "volume",
	.name = "resize",
	.args = "VOLUME SIZE",
	.help = "Make a volume larger, or limit what may be written; none: no limit",
	.min = 2,
	.max = 2,
	.first = WORD_VOLUME,
	.run = run_resize,
};

static const struct command snapshot = {
	.group = "volume",
	.name = "snapshot",
	.args = "VOLUME SNAP",
	.help = "Keep what a volume holds now",
	.min = 2,
	.max = 2,
	.first = WORD_VOLUME,
	.run = run_snapshot,
};

static const struct command restore = {
	.group = "volume",
	.name = "restore",
	.args = "VOLUME SNAP",
	.help = "Put a volume, with which no machine runs, back to what a snapshot kept",
	.min = 2,
	.max = 2,
	.first = WORD_VOLUME,
	.rest = WORD_VOLUME_SNAPSHOT,
	.run = run_restore,
};

static const struct command adopt = {
	.group = "volume",
	.name = "adopt",
	.args = "VOLUME...",
	.help = "Make data that have lost their volume's settings volumes again",
	.flags = adopt_flags,
	.min = 1,
	.max = -1,
	.first = WORD_VOLUME,
	.rest = WORD_VOLUME,
	.run = run_adopt,
};

static const struct command delete = {
	.group = "volume",
	.name = "delete",
	.aliases = "rm",
	.args = "VOLUME...",
	.help = "Delete volumes that no machine has, with their data and snapshots, or one "
		"snapshot",
	.flags = delete_flags,
	.min = 1,
	.max = -1,
	.first = WORD_VOLUME,
	.rest = WORD_VOLUME,
	.run = run_delete,
};

static const struct command *const members[] = { &create,
						 &volume_verb_list,
						 &volume_verb_info,
						 &volume_verb_set,
						 &volume_verb_get,
						 &volume_verb_unset,
						 &volume_verb_rename,
						 &attach,
						 &detach,
						 &resize,
						 &snapshot,
						 &restore,
						 &volume_verb_export,
						 &volume_verb_import,
						 &adopt,
						 &delete,
						 NULL };

const struct command command_volume = {
	.name = "volume",
	.args = "",
	.help = "Disks for data, which outlive their machines: create, list, info, set, get, "
		"unset, "
		"rename, attach, detach, resize, snapshot, restore, export, import, adopt, delete",
	.max = -1,
	.members = members,
};
