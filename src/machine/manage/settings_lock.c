/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/settings_lock.h"

#include "base/scoped.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

static int load(struct machine *machine, struct err *err)
{
	config_free(&machine_schema, &machine->config);
	return machine_load(machine, err);
}

int settings_read_again(struct machine *machine, struct err *err)
{
	pool_backup_mark_stale();
	return load(machine, err);
}

int settings_lock(struct machine *machine, struct err *err)
{
	if (machine_check(machine, err) < 0)
		return -err->code;
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
	return lock < 0 || move_check(machine, err) < 0 || load(machine, err) < 0 ? -err->code
										  : take_fd(&lock);
}
