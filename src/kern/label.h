/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Labels of the kernel's security modules, AppArmor and SELinux: two files of /proc are all of the
 * interface that is needed, so that neither library is.
 */
#ifndef BERTH_KERN_LABEL_H
#define BERTH_KERN_LABEL_H

#include <stdbool.h>
#include <sys/types.h>

enum label_module { LABEL_NONE, LABEL_APPARMOR, LABEL_SELINUX };
enum { LABEL_MAX = 256 };

/* A profile of AppArmor's, or a context of SELinux'. */
struct label {
	enum label_module module;
	int fd; /* owned, once opened; closed by the exec */
	char text[LABEL_MAX];
};

/* The one that this host has with its policy in sight, which from inside a machine none is. */
enum label_module label_host(void);

/* Why the host has none in force, as the rest of a sentence. */
const char *label_why_none(void);

/* Of a process: LABEL_NONE where it has none, or is unconfined. 0 or -errno. */
int label_read(pid_t pid, struct label *label);

/* Whether AppArmor knows a profile of that name: 1, 0 or -errno. */
int label_is_loaded(const char *profile);

/* Whether SELinux' policy knows a context: 1, 0 or -errno. */
int label_is_known(const char *context);

/* Whether SELinux only records what its policy would refuse. */
bool label_is_permissive(void);

/*
 * In the process that is to have it, while it still sees the /proc that the host has made: a guest's could
 * be anything (CVE-2025-52881). 0 or -errno.
 */
int label_open(struct label *label);

/* What the process becomes by its next exec, on what label_open has opened. 0 or -errno. */
int label_apply(const struct label *label);

#endif
