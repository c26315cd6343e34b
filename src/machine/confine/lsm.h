/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The security label (AppArmor, SELinux) that a machine runs under, and berth's own AppArmor profile. */
#ifndef BERTH_MACHINE_CONFINE_LSM_H
#define BERTH_MACHINE_CONFINE_LSM_H

#include "kern/lsm_label.h"
#include "machine/state/machine.h"

/*
 * Chooses the label by security.apparmor and security.selinux, on the host. Loads berth's own profile if the kernel
 * does not have it yet, once in a boot, however many machines start at once. With auto a machine starts without a
 * label where lsm_missing() has a reason; if loading fails, skipped says so. A label that is asked for by name
 * and cannot be had is an error.
 */
int lsm_choose(const struct machine *machine, struct lsm_label *label, struct text *skipped,
	       struct err *err);

/* Why a machine cannot have berth's own profile here, as the rest of a sentence; NULL: it can. */
const char *lsm_missing(void);

/* Why a running machine without a label has none, as a sentence. */
const char *lsm_why_none(const struct machine_config *config);

/* The profile's name and text. The name has the text's hash in it: a newer berth loads another beside it. */
int lsm_name(char *out, size_t room);
int lsm_print(struct text *out);

#endif
