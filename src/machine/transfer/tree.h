/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trees of files from one process to another. The sender sends each entry's attributes and, of a file, an open
 * descriptor. The receiver copies the data from there, so that the kernel moves it, holes stay holes, and one file
 * system shares it. Each side works with the rights of its own process, and finds paths below its own root.
 */
#ifndef BERTH_MACHINE_TRANSFER_TREE_H
#define BERTH_MACHINE_TRANSFER_TREE_H

#include "base/err.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The beginning of all paths of one side. */
struct tree_place {
	int root_fd; /* borrowed; links are resolved as if it were "/"; -1: the caller's own root */
	const char *machine; /* its name for messages; NULL: this host */
};

/* openat2(2) or open(2) of a path there: a descriptor, or -errno. */
int tree_open(const struct tree_place *place, const char *path, int flags, mode_t mode);

enum { TREE_WORDS = PATH_MAX + 96 };
/* "'PATH'" or "'PATH' in machine 'NAME'". */
const char *tree_words(const struct tree_place *place, const char *path, char out[TREE_WORDS]);

/* The work that one side has done, in memory that it shares with the process that waits for it. */
struct tree_report {
	_Atomic uint64_t bytes;               /* of data */
	_Atomic uint64_t entries;             /* files, folders, links and FIFOs */
	_Atomic uint64_t left_out;            /* entries that were not copied */
	char first_left_out[TREE_WORDS + 64]; /* the first of them, and why */
	_Atomic bool syncing;                 /* all is written, and the disk is waited for */
	_Atomic uint64_t tops;                /* folders that are sources, received or begun */
	_Atomic uint64_t device, inode;       /* where the last of them goes */
	struct err err;
};

/* Notes that an entry is not copied. */
void tree_leave_out(struct tree_report *report, const struct tree_place *place, const char *path,
		    const char *why);

enum tree_type {
	TREE_FOLDER, /* its entries follow, then TREE_LEAVE with the same path */
	TREE_LEAVE,
	TREE_FILE,    /* with a descriptor */
	TREE_STREAM,  /* the same, to be read to its end, whatever its size */
	TREE_SYMLINK, /* to target */
	TREE_LINK,    /* one more name of the file that was sent as target */
	TREE_FIFO,
	TREE_SHOWN, /* anything, of which only these properties are told; mode has the bits of its type */
	TREE_ATTRIBUTE, /* an extended attribute of the entry after it: path its name, target size bytes of it */
	TREE_END, /* nothing follows: the tree is whole */
};

struct tree_entry {
	uint32_t type, mode; /* mode: permission bits */
	uint32_t uid, gid;   /* as the sender's user namespace numbers them */
	int64_t seconds;     /* when it was modified last, since the epoch */
	uint32_t nanoseconds;
	uint64_t size; /* bytes of a file, or of an attribute; its mode: whether there are more */
	char path[PATH_MAX]; /* relative, without "..", its first component the name of a source */
	char target[PATH_MAX];
};

/* A connected pair of sockets for entries. */
int tree_pair(int sockets[2], struct err *err);

/* Sends an entry, and with fd >= 0 a descriptor, which stays the caller's. 0 or -errno; -EPIPE: nobody receives. */
int tree_entry_send(int socket, const struct tree_entry *entry, int fd);

/*
 * Waits for an entry and its descriptor (*fd, -1: none), which the caller then owns. 1, or 0 when the sender has gone;
 * -EPROTO for anything that is no entry.
 */
int tree_entry_receive(int socket, struct tree_entry *entry, int *fd);

struct tree_source {
	struct tree_place place;
	const char *const
		*paths; /* borrowed, a link as such is followed; "-": the stream's descriptor */
	size_t count;
	int stream; /* borrowed */
	bool archive;
	struct tree_report *report;
	const struct tree_report *receiver; /* what the other side has done */
};

/* Sends all of them. Other file systems that are mounted in a tree are not entered. 0 or -code. */
int tree_send(const struct tree_source *source, int socket, struct err *err);

struct tree_target {
	struct tree_place place;
	const char *path; /* a folder in which the sources go, or the new name of the only source */
	bool folder;      /* it has to be a folder, since there are several sources */
	bool parents;     /* it and its parents are made if they are missing */
	bool exact;       /* it is the new name, and no folder */
	bool sized;       /* of a TREE_STREAM so many bytes are read, and not all: */
	uint64_t size;
	bool archive;              /* owners, all mode bits and attributes of users are kept */
	const char *owner, *group; /* names or numbers there; NULL: as the process is */
	int mode;                  /* permission bits of files; -1: as they come */
	int stream;  /* borrowed; >= 0: the only file is written to it, and path is not used */
	int proc_fd; /* borrowed; /proc/self/fd of this process; -1: none */
	struct tree_report *report;
};

/*
 * Receives all entries. A file is written aside, and takes its name when it is whole. What is there already is
 * replaced, but a folder only by a folder, whose other entries stay. All is on the disk at the end. 0 or -code.
 */
int tree_receive(const struct tree_target *target, int socket, struct err *err);

#endif
