/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The mount interface of Linux 5.2 and later: detached mounts as descriptors. No policy. */
#ifndef BERTH_KERN_MOUNT_H
#define BERTH_KERN_MOUNT_H

#include <stdint.h>

/* All quiet: a descriptor or 0, else -errno; mount_why() has better words than strerror(3). */

/* A detached copy of the mount at path (open_tree(2), OPEN_TREE_CLONE), of the tree if recursive. */
int mount_clone(int dir_fd, const char *path, int recursive);

/*
 * A detached new file system (fsopen, fsconfig, fsmount): type, source (NULL if it has none),
 * options as mount(8) takes them ("mode=755,size=4m", NULL for none), attributes MOUNT_ATTR_*.
 */
int mount_make(const char *type, const char *source, const char *options, uint64_t attributes);

/* Changes options of a mounted file system, for all of its mounts. 0 or -errno. */
int mount_options(int mount_fd, const char *options);

/* Sets and clears MOUNT_ATTR_* of a mount, and of all mounts below it if recursive. */
int mount_attributes(int mount_fd, uint64_t set, uint64_t clear, int recursive);

/* Makes a mount private, so that mounts on it do not propagate. */
int mount_private(int mount_fd);

/*
 * Maps the ids of a detached mount by a user namespace (mount_setattr(2), MOUNT_ATTR_IDMAP): files of id 0 on disk
 * belong to the namespace's 0. -EINVAL: the file system cannot do it.
 */
int mount_idmap(int mount_fd, int userns_fd);

/* Attaches a detached mount onto an existing file or folder. */
int mount_attach(int mount_fd, int dir_fd, const char *path);

/* The cause of a failure of mount_idmap on a root, for the end of a sentence. Never NULL. */
const char *mount_idmap_why(int code);

/* Undoes in place what proc_pid_mountinfo(5) does to blanks and backslashes in paths: octal numbers. */
void mount_unescape(char *text);

/* The meaning of a failed mount operation, for the end of a sentence. Never NULL. */
const char *mount_why(int code);

#endif
