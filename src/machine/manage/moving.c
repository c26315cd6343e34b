/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/moving.h"

#include "machine/data/data.h"
#include "machine/life/control.h"
#include "machine/life/life.h"
#include "machine/life/passing.h"
#include "machine/life/run_state.h"
#include "machine/state/private.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

/* ---- The sender's side */

/* Another command may have deleted the machine before the lock was taken. */
static int write_mark(struct machine *machine, struct move_mark *mark, enum move_phase phase,
		      struct err *err)
{
	scoped_free char *conf = machine_path(machine, "machine.conf");
	struct move_mark next = *mark;

	if (!conf || access(conf, F_OK) < 0)
		return machine_gone(machine, err);
	next.phase = phase;
	if (move_write(machine, &next, err) < 0)
		return -err->code;
	*mark = next;
	return 0;
}

int moving_note(struct machine *machine, struct move_mark *mark, enum move_phase phase,
		struct err *err)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	return lock < 0 ? lock : write_mark(machine, mark, phase, err);
}

int moving_copy_rounds(int (*copy)(void *context, struct err *err), void *context,
		       const int64_t *took, struct err *err)
{
	enum { ROUNDS_MAX = 10, SHORT_MILLISECONDS = 1000 };
	int64_t before = INT64_MAX;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		if (copy(context, err) < 0)
			return -err->code;
		if (*took < SHORT_MILLISECONDS || *took > before / 10 * 8)
			return 0;
		before = *took;
	}
	return 0;
}

struct sharing {
	const struct machine *machine;
	char other[64];
};

static int note_other(void *context, const char *name, const struct attached_config *attached)
{
	struct sharing *sharing = context;

	(void)attached;
	if (strcmp(name, sharing->machine->name) == 0)
		return 0;
	text_print(sharing->other, sizeof sharing->other, "%s", name);
	return 1;
}

int moving_check_volumes(const struct machine *machine, struct err *err)
{
	struct sharing sharing = { .machine = machine };

	for (const struct section *at = machine->config.volumes; at; at = at->next) {
		int r = data_each_machine(machine->dirs, at->name, note_other, &sharing, err);
		if (r < 0)
			return r;
		if (r > 0)
			return err_set(
				err, EBUSY,
				"volume '%s' of machine '%s' is attached to machine '%s' as well, "
				"and cannot be on two hosts; detach it from one of them: berth "
				"volume detach %s %s; or move the machine without its volumes: "
				"--no-volumes",
				at->name, machine->name, sharing.other, sharing.other, at->name);
	}
	return 0;
}

int moving_settings(const struct machine *machine, char **text, struct err *err)
{
	scoped_free char *path = machine_path(machine, "machine.conf");

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, CONFIG_FILE_MAX, text);
	return n < 0 ? err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n)) : 0;
}

/* Settings that were changed after they were sent would be lost. */
static int check_settings(const struct machine *machine, const char *settings, struct err *err)
{
	scoped_free char *now = NULL;

	if (!settings)
		return 0;
	if (moving_settings(machine, &now, err) < 0)
		return -err->code;
	return strcmp(now, settings) == 0 ? 0
					  : err_set(err, ESTALE,
						    "the settings of machine '%s' were changed "
						    "while it was sent; move "
						    "it again",
						    machine->name);
}

static int begin_stop(struct machine *machine, struct move_mark *mark, const char *settings,
		      struct err *err)
{
	bool running = false;
	scoped_fd int lock = control_lock_ended(machine, &running, err);

	if (lock < 0 || check_settings(machine, settings, err) < 0)
		return -err->code;
	if (move_is_of_pool(mark))
		move_set_ran(mark, running);
	else
		mark->ran = running;
	return write_mark(machine, mark, move_is_of_pool(mark) ? MOVE_POOL_STOPPING : MOVE_STOPPING,
			  err);
}

int moving_stop(struct machine *machine, struct move_mark *mark, const char *settings, bool *killed,
		struct err *err)
{
	enum stop_outcome outcome;

	*killed = false;
	if (begin_stop(machine, mark, settings, err) < 0)
		return -err->code;
	fault_point("move-stopping");
	if (!mark->ran)
		return 0;
	int r = machine_stop(machine, false, 0, &outcome, err);
	*killed = r == 0 && outcome == STOP_KILLED;
	fault_point("move-stopped");
	return r;
}

/* ---- The receiver's side */

/* Takes the lock of a machine that does not run, or -code. */
static int lock_down(struct machine *machine, struct err *err)
{
	bool running = false;
	scoped_fd int lock = control_lock_ended(machine, &running, err);

	if (running)
		return err_set(err, EBUSY, "machine '%s' runs there; stop it there first",
			       machine->name);
	return take_fd(&lock);
}

int moving_claim(struct machine *machine, const struct move_mark *mark, struct err *err)
{
	scoped_fd int lock = lock_down(machine, err);

	return lock < 0 ? lock : move_write(machine, mark, err);
}

int moving_return(struct machine *machine, const struct move_mark *mark, struct err *err)
{
	struct move_mark arriving = *mark;
	scoped_fd int lock = lock_down(machine, err);

	arriving.phase = MOVE_ARRIVING;
	return lock < 0 ? lock : move_write(machine, &arriving, err);
}

static int check_token(const struct machine *machine, const char *token, struct err *err)
{
	struct move_mark mark;

	if (move_read(machine, &mark, err) < 0)
		return -err->code;
	return mark.phase == MOVE_ARRIVING && strcmp(mark.token, token) == 0
		       ? 0
		       : err_set(err, EREMOTE, "machine '%s' there is not the one of this move",
				 machine->name);
}

int moving_accept(struct machine *machine, const char *token, struct err *err)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	if (lock < 0 || check_token(machine, token, err) < 0)
		return -err->code;
	fault_point("move-accepting");
	int r = move_drop(machine, err);
	fault_point("move-accepted");
	if (r == 0)
		passing_listen(machine, NULL);
	return r;
}

int moving_discard(struct machine *machine, const char *token, struct err *err)
{
	scoped_fd int lock = lock_down(machine, err);

	if (lock < 0 || check_token(machine, token, err) < 0)
		return -err->code;
	return data_erase_machine(machine, false, err);
}
