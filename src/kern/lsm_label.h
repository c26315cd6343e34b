/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Security labels of processes: a profile of AppArmor or a context of SELinux. Files of /proc are the whole interface,
 * so no library is needed.
 */
#ifndef BERTH_KERN_LSM_LABEL_H
#define BERTH_KERN_LSM_LABEL_H

#include <stdbool.h>
#include <sys/types.h>

enum lsm_module { LSM_NONE, LSM_APPARMOR, LSM_SELINUX };
enum { LSM_LABEL_MAX = 256 };

/* A profile of AppArmor, or a context of SELinux. */
struct lsm_label {
	enum lsm_module module;
	int fd; /* owned once lsm_label_open has opened it; exec closes it */
	char text[LSM_LABEL_MAX];
};

/* The security module of this host whose policy files are visible; LSM_NONE inside a machine. */
enum lsm_module lsm_label_host(void);

/* Why no module of the host enforces a policy, as the end of a sentence. */
const char *lsm_label_why_none(void);

/* Reads the label of a process: LSM_NONE if it has none or is unconfined. 0 or -errno. */
int lsm_label_read(pid_t pid, struct lsm_label *label);

/* Whether AppArmor knows a profile of that name: 1, 0 or -errno. */
int lsm_label_is_loaded(const char *profile);

/* Whether the policy of SELinux knows a context: 1, 0 or -errno. */
int lsm_label_is_known(const char *context);

/* Whether SELinux is permissive: it logs what its policy would deny, and allows it. */
bool lsm_label_is_permissive(void);

/*
 * Opens the file of /proc that sets the label. To be called in the process that gets the label, while it still sees the
 * host's /proc: a guest's /proc could be anything (CVE-2025-52881). 0 or -errno.
 */
int lsm_label_open(struct lsm_label *label);

/* Sets the label that the process has after its next exec, in the file that lsm_label_open opened. 0 or -errno. */
int lsm_label_apply(const struct lsm_label *label);

#endif
