/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds machines that killed commands have left half made, half removed or without an owner, and finishes them off. */
#include "machine/manage/halfway.h"
#include "machine/manage/manage.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/state/owner.h"
#include "machine/state/private.h"

#include <dirent.h>
#include <string.h>

static void sweep_marked(void *context, const char *name)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };

	if (machine_paths(&machine, context, name, &ignored) < 0)
		return;
	struct unfinished mark = machine_mark(&machine);
	scoped_fd int lock = machine_lock(&machine, 0, &ignored);
	if (lock < 0)
		return;
	if (unfinished_is(&mark))
		machine_erase(&machine, false, &ignored);
	else
		unfinished_drop(&mark, &ignored);
}

/* Settles one owned machine. If the machine is gone, only the owner's file is left, and is removed. */
static void sweep_owned(const struct dirs *dirs, const char *name)
{
	scoped_machine struct machine machine = { 0 };

	if (machine_open(&machine, dirs, name, &(struct err){ 0 }) != -ENOENT)
		return;
	if (machine_paths(&machine, dirs, name, &(struct err){ 0 }) < 0)
		return;
	owner_forget_lost(&machine);
}

static void sweep_owners(const struct dirs *dirs)
{
	scoped_free char *folder = dirs_state_path(dirs, "machines/.owned");
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!text_label_fault(e->d_name))
			sweep_owned(dirs, e->d_name);
	}
}

void machine_sweep(const struct dirs *dirs)
{
	/* The callback's context is not const. */
	unfinished_each(dirs, "machines", sweep_marked, (void *)(uintptr_t)dirs);
	sweep_owners(dirs);
	halfway_sweep(dirs);
}
