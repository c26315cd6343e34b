/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of what a machine is: its names, paths, settings, lock and parts, and what is kept about it on disk. Its
 * folder is STATE/machines/NAME with machine.conf; its root is volume "machine.NAME".
 * What runs of it is in life/, and nothing here looks at processes.
 */
#ifndef BERTH_MACHINE_STATE_MACHINE_H
#define BERTH_MACHINE_STATE_MACHINE_H

#include "base/dirs.h"
#include "base/err.h"
#include "config/config.h"

#include <stdbool.h>

struct machine {
	const struct dirs *dirs; /* borrowed: outlives the machine */
	char *name;              /* owned */
	char *folder;            /* owned; STATE/machines/NAME */
	char *run;               /* owned; RUN/machines/NAME, there while it runs */
	struct machine_config config;
	/* Borrowed: the template that it is being made of, whose presets it has; else NULL. */
	const struct template_config *origin;
	/* Why its settings cannot be read; then they are the defaults, but for the pool. */
	struct err fault;
};

/*
 * Reads a machine's settings for a command that only looks: nothing is changed, finished off or cleared away. -ENOENT
 * names the nearest machine. Settings that are missing or cannot be read leave a fault.
 */
int machine_look(struct machine *machine, const struct dirs *dirs, const char *name,
		 struct err *err);
/* The fault as an error, for what cannot be done without the settings. */
int machine_check(const struct machine *machine, struct err *err);
/* Reads a machine, for a command that looks at many: -ENOENT if it has no settings, -code if they cannot be read. */
int machine_read(struct machine *machine, const struct dirs *dirs, const char *name,
		 struct err *err);
void machine_close(struct machine *machine);
#define scoped_machine __attribute__((cleanup(machine_close)))

/*
 * Calls visit with every machine's name, sorted; stops at nonzero and returns it. A name may be of
 * one that is just being made or deleted: reading it is then -ENOENT.
 */
int machine_list(const struct dirs *dirs, int (*visit)(void *, const char *name), void *context,
		 struct err *err);
/* The name of the machine that has a uuid: 1; 0 and "": there is none; or -code. */
int machine_with_uuid(const struct dirs *dirs, const char *uuid, char name[64], struct err *err);

/* STATE/machines/NAME/console.log, and the older console.log.1 (NULL: out of memory). */
char *machine_log_path(const struct machine *machine, bool older);

#endif
