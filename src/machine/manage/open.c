/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening of a machine for a command that acts on it: the remains of a killed command or keeper are settled first. */
#include "machine/manage/manage.h"

#include "machine/manage/settle.h"
#include "machine/state/private.h"

int machine_open(struct machine *machine, const struct dirs *dirs, const char *name,
		 struct err *err)
{
	int r = machine_paths(machine, dirs, name, err);

	if (r < 0)
		return r;
	r = machine_find(machine, true, err);
	if (r == 0)
		r = settle_dead_run(machine, err);
	if (r < 0)
		machine_close(machine);
	return r;
}
