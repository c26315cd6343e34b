/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A user of the guest's own, as its files say, looked up by the command that is about to be it. */
#ifndef BERTH_MACHINE_SHARE_USER_H
#define BERTH_MACHINE_SHARE_USER_H

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* The shell of a user that has none, or one that does not exist. */
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
 * Looks a user up by USER[:GROUP], names or numbers (NULL: root), in the guest's /etc/passwd and /etc/group and nothing
 * else: no name service switch, since its modules would be code of the guest's in a process of ours. root needs no
 * entry. Its environment is a login's with the words of env (NULL: none) after it.
 */
int user_find(struct user *user, const char *name, const char *const *env, bool terminal,
	      struct err *err);

/* The same in a root that is not the caller's; fills in name, uid and gid only. */
int user_look_up(struct user *user, int root_fd, const char *name, struct err *err);
/* The number of a group, by its name or number. */
int user_group(int root_fd, const char *name, gid_t *gid, struct err *err);

/*
 * Whether passwd and shadow say that no password logs the user in. False also where they do not tell. It may hang on a
 * file system of the guest's own, so it is called in a child with a deadline (kern/timed_child.h).
 */
bool user_locked(int root_fd, const char *name);

/* Sets another shell, also in the environment. 0 or -ENOMEM. */
int user_set_shell(struct user *user, const char *shell);

/* Becomes the user for good: groups, ids, working folder. */
int user_become(const struct user *user, const char *cwd, struct err *err);

#endif
