/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The decisions of a start, from settings and known facts of the root. Pure: no system call. */
#ifndef BERTH_MACHINE_START_PLAN_H
#define BERTH_MACHINE_START_PLAN_H

#include "image/template/root.h"
#include "keeper/keeper_plan.h"
#include "machine/state/machine.h"

enum { PLAN_ENV_MAX = 64 };

struct plan {
	const char **
		argv; /* owned: one block; of borrowed texts: facts', the machine's, this struct's, static */
	const char *env[PLAN_ENV_MAX + 1]; /* borrowed from this struct or static */
	char **user_env;                   /* owned: one block */
	char **app;                        /* owned: one block; the words of app.command */
	char signal[16];                   /* the number of app.signal */
	char uuid[64];
	bool guest_init; /* the root has no init: berth's own serves, at /run/host/guest-init */
	bool notifies;   /* init tells when it has booted */
	bool screen;     /* the console is shown as /dev/tty1 too */
	int halt_signal;
	enum restart_policy restart;
	unsigned idle_after; /* of desktop.idle.after, seconds; 0: desktop.idle is never */
};

/* The init that root_inspect is to take for a machine: its key's, or guest-init if it has an app.command. Borrowed. */
const char *plan_init(const struct machine_config *config);

/* machine and facts must outlive the plan, which must not be moved. A root that cannot run here is refused. */
int plan_make(struct plan *plan, const struct machine *machine, const struct root_facts *facts,
	      struct err *err);
void plan_free(struct plan *plan);

#endif
