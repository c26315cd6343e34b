/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/use.h"

#include "base/file.h"
#include "base/lock.h"
#include "base/scoped.h"
#include "machine/life/control.h"
#include "machine/life/freeze.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

int use_begin(const struct machine *machine, struct err *err)
{
	scoped_free char *path = freeze_mark(machine, "use");
	scoped_fd int fd = path ? open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (!run_alive(machine))
		return control_refuse_down(machine, err);
	/* Nobody holds it alone for longer than a look. */
	if (fd < 0 || flock(fd, LOCK_SH) < 0)
		return err_set(err, errno, "note the use of machine '%s': %s", machine->name,
			       strerror(errno));
	return take_fd(&fd);
}

bool use_is_noted(const struct machine *machine)
{
	scoped_free char *path = freeze_mark(machine, "use");

	return path && lock_is_held(AT_FDCWD, path);
}

bool use_is_idle(const struct machine *machine)
{
	scoped_free char *path = freeze_mark(machine, "paused");
	scoped_free char *text = NULL;

	return path && file_read(AT_FDCWD, path, 64, &text) > 0 && strcmp(text, PAUSED_IDLE) == 0;
}

int use_wake(struct machine *machine, struct err *err)
{
	if (machine_check_thawed(machine, err) == 0)
		return 0;
	if (!use_is_idle(machine))
		return -err->code;
	*err = (struct err){ 0 };
	return machine_pause(machine, false, NULL, err) < 0 ? -err->code
							    : machine_check_thawed(machine, err);
}

void use_tell_idle(const struct machine *machine)
{
	machine_tell(machine, &(struct event){ .name = "idle" });
}
