/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands that other commands start in the background: copies of settings in pools, and freeing of blocks. They are
 * not for people.
 */
#include "base/background.h"
#include "cmd/cli/common.h"
#include "cmd/cli/verbs.h"
#include "machine/manage/settings_backup.h"
#include "storage/storage.h"

static int run_backup(struct call *call, struct err *err)
{
	return settings_backup_write_all(&call->dirs, err);
}

static int run_free(struct call *call, struct err *err)
{
	return pool_free_all(&call->dirs, err);
}

void start_background_work(const struct call *call)
{
	if (pool_backup_is_stale() && !(call->command->traits & COMMAND_HIDDEN) &&
	    !settings_backup_awaited(&call->dirs))
		background_run(&call->dirs, command_backup.name);
	/* A keeper's child deletes an ephemeral machine. */
	if (pool_freeing_is_due() && call->command != &command_free)
		background_run(&call->dirs, command_free.name);
}

const struct command command_free = {
	.name = "_free",
	.args = "",
	.help = "Free what removed volumes had, in pieces; run behind a command that removed some",
	.traits = COMMAND_HIDDEN,
	.run = run_free,
};

const struct command command_backup = {
	.name = "_backup",
	.args = "",
	.help = "Bring pools' copies of settings up to date; run behind a command that changed "
		"some",
	.traits = COMMAND_HIDDEN,
	.run = run_backup,
};
