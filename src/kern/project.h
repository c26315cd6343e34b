/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Projects of file systems (ext4, xfs, f2fs): ids of files, and quotas of these ids. All functions are quiet. */
#ifndef BERTH_KERN_PROJECT_H
#define BERTH_KERN_PROJECT_H

#include <stdbool.h>
#include <stdint.h>

/* The project quota of a file system. */
struct project_quota {
	bool counted;  /* the kernel counts the space of each project */
	bool enforced; /* it also enforces limits */
};

/* Of the file system that fd is on. 0, also if it has none; -EPERM: this host is a machine, which may not ask. */
int project_quota_look(int fd, struct project_quota *quota);

/* Reads the project of an open file or folder, and whether new entries of a folder inherit it. 0 or -errno. */
int project_of(int fd, uint32_t *id, bool *inherited);

/* Gives an open, empty folder a project, which all later entries inherit. 0 or -errno. */
int project_assign(int fd, uint32_t id);

struct project_use {
	uint64_t limit; /* bytes; 0: none */
	uint64_t used;  /* bytes */
	uint64_t files; /* files and folders */
};

/* Reads limit and use of a project; all are 0 if the file system does not know the id. 0 or -errno. */
int project_use(int fd, uint32_t id, struct project_use *use);

/* Sets the limit, rounded up to the kernel's KiB; 0: none. syncfs(2) makes it durable. 0 or -errno. */
int project_limit(int fd, uint32_t id, uint64_t bytes);

#endif
