/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that is a guest's root with bad intentions: what it tries, one by one, and what came of it. */
#ifndef BERTH_ATTACK_H
#define BERTH_ATTACK_H

#include <stdbool.h>
#include <stddef.h>

enum verdict {
	CONTAINED,
	ESCAPED,
	ABSENT, /* this kernel or host does not have what the attack is made of */
};

struct attack {
	const char *name;
	const char *source; /* where the pattern is known from */
	const char *holes;  /* the walls without which it succeeds (machine/confine/confine.h) */
	enum verdict (*run)(void);
};

/* NULL-terminated by their name. */
extern const struct attack attacks_calls[];
extern const struct attack attacks_sockets[];
extern const struct attack attacks_files[];
extern const struct attack attacks_mounts[];
extern const struct attack attacks_limits[];

/* The walls are away: what is refused as unknown is not here, rather than contained. */
extern bool walls_down;
/* "254:0": the disk of the host, and a file on its first file system that only its root may read. */
extern unsigned disk_major, disk_minor;
extern const char *host_secret;

/* Records the result, for the line of the verdict. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * The verdict on the result of a system call and errno. `reached` is the error if the protection failed, 0: only
 * success.
 */
enum verdict judge(long result, int reached);
/* The same for a file that is opened; it is closed again. */
enum verdict judge_open(const char *path, int flags);

#endif
