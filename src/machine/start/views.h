/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's own figures for free(1), lscpu(1) and their kin: lxcfs, where it runs on the host,
 * answers for files of /proc and /sys by who reads them.
 */
#ifndef BERTH_MACHINE_START_VIEWS_H
#define BERTH_MACHINE_START_VIEWS_H

#include "machine/share/share.h"

/* 0: lxcfs is mounted and answers. -ENOENT: it is not mounted, else a sentence in err as well. */
int views_look(struct err *err);

/*
 * Adds the files of lxcfs to what a machine is shown, unless its settings say no, and nothing where lxcfs is not
 * mounted. A fault of lxcfs is added to told, and the machine starts without it. Waits for a bounded time.
 */
int views_add(struct shares *shares, const struct machine_config *config, struct text *told,
	      struct err *err);

#endif
