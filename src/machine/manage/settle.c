/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settlement of what a killed keeper, a killed owner or a host that went down has left of a machine, by the next
 * command that acts on it. An ephemeral machine owned by a command ends when that command is gone.
 */

#include "machine/manage/settle.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/data/data.h"
#include "machine/life/clean.h"
#include "machine/life/control.h"
#include "machine/life/freeze.h"
#include "machine/life/run_state.h"
#include "machine/state/ended.h"
#include "machine/state/owner.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>

/* The command of a copy was killed while it held the guest still. */
static void thaw_forgotten(struct machine *machine)
{
	scoped_free char *mark = freeze_mark(machine, FREEZE_COPY);

	/* The command that makes this machine holds a lock on the mark. While it lives, this changes nothing. */
	if (mark && access(mark, F_OK) == 0)
		freeze_settle(machine);
}

/* The stop is not waited for: the keeper itself may wait for this process. The end of the run deletes the machine. */
static void end_orphan(struct machine *machine)
{
	if (!owner_is_lost(machine))
		return;
	scoped_fd int socket = control_connect(machine, &(struct err){ 0 });
	if (socket >= 0)
		protocol_send(socket, ASK_KILL, 0, NULL, 0, -1);
}

static int erase_ended(struct machine *machine, struct err *err)
{
	int r = data_erase_machine(machine, false, err);

	return r < 0 ? r
		     : err_set(err, ESTALE,
			       "machine '%s' was ephemeral, and was deleted because its command "
			       "was killed",
			       machine->name);
}

/* The host went down while the machine ran, or its owner was killed before that. */
static int settle_without_run(struct machine *machine, struct err *err)
{
	bool lived = run_has_lived(machine);

	if (!lived && !owner_is_lost(machine))
		return 0;
	scoped_fd int lock = machine_lock(machine, 0, &(struct err){ 0 });
	if (lock < 0 || access(machine->run, F_OK) == 0)
		return 0;
	if (owner_is_lost(machine))
		return erase_ended(machine, err);
	if (run_has_lived(machine) && !ended_failed(machine))
		ended_write(machine, "failed", "its host went down under it");
	run_mark_life(machine, false);
	return 0;
}

int settle_dead_run(struct machine *machine, struct err *err)
{
	if (access(machine->run, F_OK) < 0)
		return settle_without_run(machine, err);
	if (run_alive(machine)) {
		thaw_forgotten(machine);
		end_orphan(machine);
		return 0;
	}
	scoped_fd int lock = machine_lock(machine, 0, &(struct err){ 0 });
	if (lock < 0 || run_alive(machine))
		return 0;
	/* The end is known: the clean-up was interrupted before the deletion. */
	bool over = machine->config.ephemeral && !machine->fault.code &&
		    run_has_finished(machine) && !owner_outlasts(machine);
	int r = run_clean_dead(machine, err);
	return r < 0 || (!over && !owner_is_lost(machine)) ? r : erase_ended(machine, err);
}
