/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/share/target.h"

#include "machine/confine/confine.h"
#include "machine/life/control.h"
#include "machine/share/mounts.h"
#include "machine/state/private.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

void share_target_close(struct share_target *target)
{
	scoped_close_fd(&target->pidfd);
	scoped_close_fd(&target->root_fd);
	config_free(&machine_schema, &target->temporary);
}
/* Settings of the running guest, whatever the present settings are. */
static int open_guest(struct share_target *target, struct err *err)
{
	char path[64];

	target->pidfd = control_guest(target->machine, err);
	if (target->pidfd < 0)
		return -err->code;
	int r = run_read_state(target->machine, &target->state);
	if (r < 0)
		return err_set(err, -r, "machine '%s' is about to start or to end; try again",
			       target->machine->name);
	target->own_ids = target->state.map.count && !confine_left_out("userns");
	snprintf(path, sizeof path, "/proc/%d/root", (int)target->state.init);
	target->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target->root_fd < 0)
		return err_set(err, errno, "open the root of machine '%s': %s",
			       target->machine->name, strerror(errno));
	return 0;
}

int share_target_open(struct share_target *target, struct machine *machine, bool must_run,
		      struct err *err)
{
	*target = (struct share_target){ .machine = machine, .pidfd = -1, .root_fd = -1 };
	if (machine_check(machine, err) < 0)
		return -err->code;
	if (run_going(machine))
		return open_guest(target, err);
	/* Ids that the machine will have, so that sources are tried with them. */
	if (!machine->config.privileged)
		target->state.map = (struct idmap){ IDMAP_COUNT, IDMAP_COUNT };
	return must_run ? err_set(err, ENOENT,
				  "machine '%s' is not running; what is temporary ends with the "
				  "guest, so start it first: berth start %s",
				  machine->name, machine->name)
			: 0;
}

int share_target_read(struct share_target *target, struct err *err)
{
	config_free(&machine_schema, &target->machine->config);
	config_free(&machine_schema, &target->temporary);
	return machine_load(target->machine, err) < 0
		       ? -err->code
		       : machine_temporary(target->machine, &target->temporary, err);
}
