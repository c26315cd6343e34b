/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/transfer/tree_aside.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file that is written aside, for the signal that ends the process. */
static struct {
	volatile sig_atomic_t folder; /* -1: there is none */
	char name[32];
} aside = { .folder = -1 };

static void remove_at_signal(int number)
{
	if (aside.folder >= 0)
		unlinkat(aside.folder, aside.name, 0);
	_exit(128 + number);
}

int tree_aside_draw(int folder)
{
	uint64_t drawn;

	if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
		return -EIO;
	snprintf(aside.name, sizeof aside.name, ".berth-%016llx", (unsigned long long)drawn);
	aside.folder = folder;
	return 0;
}

/* Gives what was written aside its name. */
int tree_aside_place(int folder, const char *name)
{
	if (renameat(folder, aside.name, folder, name) < 0)
		return -errno;
	/* Two names of one file are left as they are by a rename. */
	unlinkat(folder, aside.name, 0);
	aside.folder = -1;
	return 0;
}

void tree_aside_drop(void)
{
	if (aside.folder >= 0)
		unlinkat(aside.folder, aside.name, 0);
	aside.folder = -1;
}

/*
 * The file has no name, if the file system has such files and proc_fd can give it one later, so that a killed process
 * leaves nothing behind. Otherwise it has a random name.
 */
int tree_aside_open(int proc_fd, int folder)
{
	int fd = proc_fd < 0 ? -1 : openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	int r = tree_aside_draw(folder);
	if (r < 0)
		return r;
	fd = openat(folder, aside.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int tree_aside_place_file(int proc_fd, int file, int folder, const char *name)
{
	char number[16];

	if (aside.folder >= 0)
		return tree_aside_place(folder, name);
	snprintf(number, sizeof number, "%d", file);
	if (linkat(proc_fd, number, folder, name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	int r = tree_aside_draw(folder);
	if (r == 0 && linkat(proc_fd, number, folder, aside.name, AT_SYMLINK_FOLLOW) < 0)
		r = -errno;
	return r < 0 ? r : tree_aside_place(folder, name);
}

const char *tree_aside_name(void)
{
	return aside.name;
}

void tree_aside_begin(void)
{
	const struct sigaction end = { .sa_handler = remove_at_signal };

	for (const int *number = (const int[]){ SIGHUP, SIGINT, SIGQUIT, SIGTERM, 0 }; *number;
	     number++)
		sigaction(*number, &end, NULL);
}
