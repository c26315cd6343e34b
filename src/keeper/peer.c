/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process at the other end of a socket, in words for a message: its pid, its user, its terminal. */
#include "keeper/keeper.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { PTS_FIRST = 136, PTS_LAST = 143, TTY = 4, VIRTUAL_TERMINALS = 64, NO_USER_TEXT = 16 };

/* The user that logged in, which su and sudo do not change; else the user of the process. */
static uid_t user_of(const struct ucred *peer)
{
	scoped_free char *text = NULL;
	char path[64];
	uint64_t uid;

	text_print(path, sizeof path, "/proc/%d/loginuid", (int)peer->pid);
	if (file_read(AT_FDCWD, path, NO_USER_TEXT, &text) > 0 &&
	    text_to_u64(text_trim(text), 0, UINT32_MAX - 1, &uid) == 0)
		return (uid_t)uid;
	return peer->uid;
}

/* Names come from the file alone: a look-up by NSS could take any time, and the keeper has one thread. */
static void add_user(struct text *words, uid_t uid)
{
	scoped_file FILE *file = fopen("/etc/passwd", "re");

	for (struct passwd *entry; file && (entry = fgetpwent(file));) {
		if (entry->pw_uid == uid) {
			text_add(words, " of user '%.32s'", entry->pw_name);
			return;
		}
	}
	text_add(words, " of user %u", (unsigned)uid);
}

/* proc_pid_stat(5): tty_nr is the fifth field after the name, which ends with the last parenthesis. */
static void add_terminal(struct text *words, pid_t pid)
{
	scoped_free char *stat = NULL;
	char path[64];
	int number = 0;

	text_print(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_read(AT_FDCWD, path, 4096, &stat) < 0)
		return;
	const char *at = strrchr(stat, ')');
	if (!at || sscanf(at, ") %*c %*d %*d %*d %d", &number) != 1)
		return;
	int major = number >> 8 & 0xfff;
	int minor = (number & 0xff) | (number >> 12 & 0xfff00);
	if (major >= PTS_FIRST && major <= PTS_LAST)
		text_add(words, " at pts/%d", (major - PTS_FIRST) * 256 + minor);
	else if (major == TTY && minor < VIRTUAL_TERMINALS)
		text_add(words, " at tty%d", minor);
}

void peer_words(int socket, struct text *words)
{
	struct ucred peer;
	socklen_t size = sizeof peer;

	/* 0: of a pid namespace that is not below ours. */
	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid <= 0) {
		text_add(words, "a process of another container");
		return;
	}
	text_add(words, "process %d", (int)peer.pid);
	add_user(words, user_of(&peer));
	add_terminal(words, peer.pid);
}
