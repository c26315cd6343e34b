/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cookies and links of browsers: a secret up to a NUL, then what the file of a session holds, as a killed or a foreign
 * program may have left it. A secret that was not given out finds nothing, and names no file outside the folder.
 */
#include "fuzz.h"

#include "base/scoped.h"
#include "gateway/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64], known[SESSION_SECRET], file[512];

static void remove_folder(void)
{
	unlink(file);
	rmdir(folder);
}

/* A session of root, whose file is known. */
static void prepare(void)
{
	struct err err = { 0 };
	scoped_dir DIR *dir = NULL;
	const struct dirent *entry;
	const char *base = getenv("TMPDIR");

	snprintf(folder, sizeof folder, "%s/session.XXXXXX", base ? base : "/dev/shm");
	fuzz_check(mkdtemp(folder) != NULL);
	atexit(remove_folder);
	fuzz_check(session_make(folder, SESSION_COOKIE, "root", known, &err) == 0);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			snprintf(file, sizeof file, "%s/%s", folder, entry->d_name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char user[64] = "", *secret;

	if (!*folder)
		prepare();
	secret = fuzz_word(&data, &size);
	if (strcmp(secret, known) != 0) {
		fuzz_check(session_find(folder, SESSION_COOKIE, secret, user, sizeof user) < 0);
		fuzz_check(session_find(folder, SESSION_LINK, secret, user, sizeof user) < 0);
		session_end(folder, secret);
	}
	int fd = open(file, O_WRONLY | O_TRUNC | O_CLOEXEC);
	fuzz_check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	if (session_find(folder, SESSION_COOKIE, known, user, sizeof user) == 0)
		fuzz_check(*user && strlen(user) < sizeof user);
	free(secret);
	return 0;
}
