/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which label of the host's security module a machine runs under, and berth's own profile for AppArmor. */
#ifndef BERTH_MACHINE_CONFINE_LSM_H
#define BERTH_MACHINE_CONFINE_LSM_H

#include "kern/label.h"
#include "machine/state/machine.h"

/*
 * By security.apparmor and security.selinux; on the host. Loads berth's own profile where the kernel
 * does not have it yet, once in a boot, however many start at once. With auto a machine goes without
 * where lsm_missing() has a reason; where loading fails, skipped says so as well. What is asked
 * for and cannot be had is an error.
 */
int lsm_choose(const struct machine *machine, struct label *label, struct text *skipped,
	       struct err *err);

/* Why a machine cannot have berth's own profile here, as the rest of a sentence; NULL: it can. */
const char *lsm_missing(void);

/* Why a running machine without a label has none, for people. */
const char *lsm_why_none(const struct machine_config *config);

/* Its name has its text's hash in it, so that a newer berth's is another one beside it. */
int lsm_name(char *out, size_t room);
int lsm_print(struct text *out);

#endif
