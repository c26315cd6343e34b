/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clone: new machines from others. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/machine/cloud_init.h"
#include "cmd/machine/create.h"
#include "cmd/machine/many.h"
#include "cmd/machine/provision.h"
#include "cmd/machine/provision_options.h"
#include "machine/manage/manage.h"
#include "machine/state/machine.h"

static const struct flag flag_snapshot = { "snapshot", 0, false, "SNAP",
					   "clone what that snapshot kept, not what is there now" };

static const struct flag flag_share = { "share", 0, false, NULL,
					"read volumes for data of the original, and copy none" };
static const struct flag flag_no_volumes = { "no-volumes", 0, false, NULL,
					     "leave volumes for data to the original" };

static const struct flag flag_keep_identity = {
	"keep-identity", 0, false, NULL,
	"host name, machine-id, SSH host keys and the like stay those of the original"
};

static const struct flag *const clone_flags[] = { &flag_cloud_init,
						  &flag_count,
						  &flag_init_env,
						  &flag_ephemeral,
						  &flag_file,
						  &flag_json,
						  &flag_keep_identity,
						  &flag_keymap,
						  &flag_load_credential,
						  &flag_locale,
						  &flag_network,
						  &flag_no_volumes,
						  &flag_password,
						  &flag_pool,
						  &flag_run,
						  &flag_set,
						  &flag_share,
						  &flag_snapshot,
						  &flag_ssh_key,
						  &flag_start_at,
						  &flag_timezone,
						  &flag_provision_user,
						  NULL };

/* Sets the clone up as launch does. Steps that need it running start it, and it runs on. */
static int set_up_clone(struct call *call, const char *name, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	if (!provision_has_files(call) && !provision_has_steps(call))
		return 0;
	if (machine_open(&machine, &call->dirs, name, err) < 0)
		return -err->code;
	if (provision_files(call, &machine, err) != 0) {
		create_undo(&machine);
		return -err->code;
	}
	if (!provision_has_steps(call))
		return 0;
	return start_or_delete(&machine, err) < 0 ? -err->code : provision_run(call, &machine, err);
}

static int clone_one(struct call *call, const char *name, struct err *err)
{
	scoped_settings struct words words = { 0 };
	scoped_text struct text notes = { 0 };
	int r = settings_given(call, call_has(call, &flag_ephemeral), &words, err);

	if (r == 0)
		r = settings_check(&words, err);
	if (r != 0)
		return r;
	char *snapshot;
	scoped_free char *origin = name_split(call->words[0], &snapshot, err);
	if (!origin)
		return -err->code;
	struct clone_spec spec = {
		.snapshot = snapshot ? snapshot : call_value(call, &flag_snapshot),
		.pool = call_value(call, &flag_pool),
		.keep_identity = call_has(call, &flag_keep_identity),
		.volumes = call_has(call, &flag_no_volumes) ? CLONE_VOLUMES_LEAVE
			   : call_has(call, &flag_share)    ? CLONE_VOLUMES_SHARE
							    : CLONE_VOLUMES_COPY,
		.settings = settings_of(&words),
	};
	struct progress progress = { 0 };
	if (!call_has(call, &flag_count))
		interrupt_whole("clone", name, "list", name);
	progress_begin(&progress, "cloning machine '%s'", call->words[0]);
	r = machine_clone(&call->dirs, origin, name, &spec, &notes, err);
	progress_end(&progress);
	interrupt_quiet();
	if (r != 0)
		return r;
	print_notes(&notes);
	create_tell_rights(call, name, &words);
	return set_up_clone(call, name, err);
}

/* "MACHINE[@SNAPSHOT]". 0, -code or EXIT_USAGE. */
static int check_origin(const struct call *call, struct err *err)
{
	char *snapshot;
	scoped_free char *name = name_split(call->words[0], &snapshot, err);
	const char *value = call_value(call, &flag_snapshot);

	if (!name)
		return -err->code;
	int r = name_check(name, err);
	if (r == 0 && snapshot && value) {
		err_set(err, EINVAL, "the snapshot is given twice: write '%s', or --snapshot",
			call->words[0]);
		r = EXIT_USAGE;
	}
	if (r == 0 && (snapshot || value))
		r = name_check(snapshot ? snapshot : value, err);
	return r;
}

static int run_clone(struct call *call, struct err *err)
{
	const char *pool = call_value(call, &flag_pool);
	int r = check_origin(call, err);

	if (r == 0)
		r = name_check(call->words[1], err);
	if (r == 0 && pool)
		r = name_check(pool, err);
	if (r == 0 && call_has(call, &flag_share) && call_has(call, &flag_no_volumes)) {
		err_set(err, EINVAL,
			"volumes are shared, or left: --share and --no-volumes "
			"contradict each other");
		r = EXIT_USAGE;
	}
	if (r == 0)
		r = create_check_count(call, err);
	if (r == 0)
		r = provision_check(call, err);
	if (r == 0 && call_has(call, &flag_count))
		return make_many(call, call->words[1], clone_one, err);
	if (r == 0)
		r = clone_one(call, call->words[1], err);
	if (r == 0)
		create_tell_name(call, false, call->words[1]);
	return r != 0 ? r : create_show(call, call->words[1], err);
}

const struct command command_clone = {
	.name = "clone",
	.aliases = "copy",
	.args = "MACHINE[@SNAP] NAME",
	.help = "Create a machine from another, running or not",
	.flags = clone_flags,
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.run = run_clone,
};
