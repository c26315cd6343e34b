/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's own lists of users, which its root writes: NAME, passwd and group, each up to a NUL. */
#include "fuzz.h"

#include "machine/share/user.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* Replaces the function of the C library, so that this process keeps its groups. */
int setgroups(size_t n, const gid_t *groups)
{
	fuzz_check(n <= 256);
	for (size_t i = 0; i < n; i++)
		fuzz_check(i == 0 || groups[i] != groups[0]);
	return 0;
}

int setresgid(gid_t real, gid_t effective, gid_t saved)
{
	return real == effective && real == saved ? 0 : -1;
}

int setresuid(uid_t real, uid_t effective, uid_t saved)
{
	return real == effective && real == saved ? 0 : -1;
}

static int enter(void)
{
	static int folder = -1;
	const char *path;

	if (folder < 0) {
		folder = fuzz_folder(&path);
		fuzz_enclose();
		if (mount(path, "/etc", NULL, MS_BIND, NULL) < 0)
			abort();
	}
	return folder;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct user user = { 0 };
	struct err err = { 0 };
	int folder = enter();

	char *name = fuzz_word(&data, &size);
	char *passwd = fuzz_word(&data, &size);
	fuzz_file(folder, "passwd", (const uint8_t *)passwd, strlen(passwd));
	fuzz_file(folder, "group", data, size);
	if (user_find(&user, *name ? name : NULL, NULL, false, &err) == 0) {
		fuzz_check(*user.shell && user.env);
		fuzz_check(user_become(&user, ".", &err) == 0);
	} else {
		fuzz_check(err.code > 0 && *err.text);
	}
	for (char **word = user.env; word && *word; word++)
		free(*word);
	free(user.env);
	free(name);
	free(passwd);
	return 0;
}
