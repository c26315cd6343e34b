/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notes of interfaces that are in the network namespace of a machine alone, without an end on the host: files
 * RUN/networks/NETWORK/inside/MACHINE. A note is written before its interface is made, and removed after that is gone.
 */
#ifndef BERTH_NETWORK_INSIDE_NOTE_H
#define BERTH_NETWORK_INSIDE_NOTE_H

#include "kern/link.h"
#include "network/network.h"

enum { INSIDE_ADDRESSES = 16 };

/* The interface of the host's: only its name counts for a machine that shares it. */
struct inside_host {
	char name[IFNAMSIZ];
	uint64_t space; /* inode of the host's namespace */
	unsigned char mac[LINK_MAC];
	unsigned mtu;
	bool up;
	struct link_addresses addresses[INSIDE_ADDRESSES]; /* each of one family */
	size_t count;
};

struct inside_note {
	pid_t pid;           /* of a process in the namespace */
	uint64_t space;      /* inode of the namespace, by which a reused pid is told from it */
	int index;           /* of the interface, there; 0: it is not known yet */
	char link[IFNAMSIZ]; /* its name there, as it was made */
	struct inside_host host;
};

/* Begins the note of an interface in the namespace of a process: 0, or -errno. */
int inside_note_begin(struct inside_note *note, pid_t pid, const char *link);
/* Writes the note of a machine as a whole. 0, or -errno. */
int inside_note_write(const struct network *network, const char *name,
		      const struct inside_note *note);
/* Reads it: 0; -ENOENT: there is none; or -errno, -EINVAL for a damaged one. */
int inside_note_read(const struct network *network, const char *name, struct inside_note *note);
/* Calls visit with the name of each machine that has a note; stops at nonzero and returns it. 0, -errno. */
int inside_note_each(const struct network *network, int (*visit)(void *, const char *name),
		     void *context);
/*
 * Whether a machine that runs has that interface of the host's, alone or, unless `alone`, with others: its name and
 * that of its network.
 */
bool inside_user(const struct dirs *dirs, const char *parent, bool alone, char machine[64],
		 char network[64]);
/* Whether its namespace has the interface still; false also where that is gone. */
bool inside_note_has_link(const struct inside_note *note);
/* The path of the mount that keeps the namespace of a machine; the caller owns it. NULL: out of memory. */
char *inside_pin_path(const struct network *network, const char *name);
/* Removes it; idempotent. */
void inside_note_remove(const struct network *network, const char *name);

/* Opens the namespace of a note: a descriptor, or -errno; -ESRCH: it is gone. */
int inside_note_open(const struct inside_note *note);

/*
 * Finds the interface of a machine: 0, with a socket in the namespace, which the caller closes. -ENODEV: the namespace
 * has no such interface; -ENOENT: there is no note; -ESRCH: the namespace is gone; or -errno.
 */
int inside_find(const struct network *network, const char *name, struct link_socket **links,
		struct link_info *link);

/*
 * Opens the namespace of a machine's interface, for a caller that enters it: a descriptor, with the interface as it is
 * there and its note; or -errno as inside_find.
 */
int inside_enter(const struct network *network, const char *name, struct link_info *link,
		 struct inside_note *note);
/* Whether the process of a note is still in its namespace; a caller that holds the namespace keeps it alive. */
bool inside_note_lives(const struct inside_note *note);

#endif
