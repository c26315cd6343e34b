/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user of the guest's own, as its files say, looked up by the command that is about to be it. */
#ifndef BERTH_MACHINE_SHARE_USER_H
#define BERTH_MACHINE_SHARE_USER_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Of who has none, or one that is not there. */
#define USER_SHELL "/bin/sh"

struct user {
	char name[256];
	char home[PATH_MAX];
	char shell[PATH_MAX];
	char login_name[PATH_MAX + 1]; /* "-bash": what tells a shell to be a login shell */
	uid_t uid;
	gid_t gid;
	char **env; /* owned by the process, which is about to exec */
};

/*
 * Looks a user up by name or number (NULL: root) in the guest's /etc/passwd and nothing else: no name service switch,
 * since its modules would be code of the guest's in a process of ours. root needs no entry. Its environment is a
 * login's with the words of env (NULL: none) after it.
 */
int user_find(struct user *user, const char *name, const char *const *env, bool terminal,
	      struct err *err);

/* The same of a root that we are not in; fills in name, uid and gid. */
int user_look_up(struct user *user, int root_fd, const char *name, struct err *err);
/* A group's number, by its name or number. */
int user_group(int root_fd, const char *name, gid_t *gid, struct err *err);

/*
 * Whether that user's files say that no password logs him in. False as well for what they do not tell. Files on
 * a file system of the guest's own may not answer: for an errand.
 */
bool user_locked(int root_fd, const char *name);

/* Another shell, in the environment too. 0 or -ENOMEM. */
int user_set_shell(struct user *user, const char *shell);

/* Groups, ids, folder. Afterwards there is nothing left to give up. */
int user_become(const struct user *user, const char *cwd, struct err *err);

#endif
