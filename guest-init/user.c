/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user of a command of guest-init. Names are looked up in the root's own files, without a C library's modules. */
#include "user.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, FIELDS = 7, GROUPS_MAX = 64, ID_MAX = 65535 };

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	size_t group_count;
	char name[256], home[1024]; /* "" not known */
};

/* Splits a line at its colons; missing fields are empty. */
static void split_fields(char *line, char *fields[FIELDS])
{
	line[strcspn(line, "\n")] = '\0';
	for (int i = 0; i < FIELDS; i++) {
		fields[i] = line;
		line += strcspn(line, ":");
		if (*line)
			*line++ = '\0';
	}
}

/* -1: it is no id. */
static long id_of(const char *text)
{
	char *end;
	long id = strtol(text, &end, 10);

	return *text < '0' || *text > '9' || *end || id < 0 || id > ID_MAX ? -1 : id;
}

/* The line of a name or id, whose number is in the third field. Without it: false. */
static bool find_line(const char *path, const char *wanted, char line[LINE_MAX_BYTES],
		      char *fields[FIELDS])
{
	FILE *file = fopen(path, "re");
	long id = id_of(wanted);
	bool found = false;

	while (file && !found && fgets(line, LINE_MAX_BYTES, file)) {
		split_fields(line, fields);
		found = strcmp(fields[0], wanted) == 0 || (id >= 0 && id_of(fields[2]) == id);
	}
	if (file)
		fclose(file);
	return found;
}

static bool is_member(const char *members, const char *name)
{
	size_t n = strlen(name);

	for (; *members; members += strcspn(members, ","), members += *members == ',') {
		if (strncmp(members, name, n) == 0 && (members[n] == ',' || !members[n]))
			return true;
	}
	return false;
}

/* The groups that list the user as a member. */
static void find_groups(struct user *user)
{
	char line[LINE_MAX_BYTES], *fields[FIELDS];
	FILE *file = fopen("/etc/group", "re");

	while (file && user->group_count < GROUPS_MAX && fgets(line, sizeof line, file)) {
		split_fields(line, fields);
		long id = id_of(fields[2]);
		if (id >= 0 && is_member(fields[3], user->name))
			user->groups[user->group_count++] = (gid_t)id;
	}
	if (file)
		fclose(file);
}

static int find_group(const char *name, struct user *user)
{
	char line[LINE_MAX_BYTES], *fields[FIELDS];
	long id = id_of(name);

	if (id < 0 && find_line("/etc/group", name, line, fields))
		id = id_of(fields[2]);
	user->gid = (gid_t)id;
	return id < 0 ? -ENOENT : 0;
}

/* USER[:GROUP]. An id needs no line in /etc/passwd. With a group the others do not count. */
static int find_user(const char *wanted, struct user *user)
{
	char line[LINE_MAX_BYTES], *fields[FIELDS], name[256];
	const char *group = strchr(wanted, ':');
	size_t n = strcspn(wanted, ":");
	long uid, gid = 0;

	if (n >= sizeof name)
		return -ENOENT;
	memcpy(name, wanted, n);
	name[n] = '\0';
	uid = n == 0 ? 0 : id_of(name);
	if (find_line("/etc/passwd", n ? name : "0", line, fields)) {
		uid = id_of(fields[2]);
		gid = id_of(fields[3]);
		snprintf(user->name, sizeof user->name, "%s", fields[0]);
		snprintf(user->home, sizeof user->home, "%s", fields[5]);
	}
	user->uid = (uid_t)uid;
	user->gid = (gid_t)gid;
	if (uid < 0 || gid < 0)
		return -ENOENT;
	if (group && group[1])
		return find_group(group + 1, user);
	user->groups[user->group_count++] = user->gid;
	if (*user->name)
		find_groups(user);
	return 0;
}

int user_become(const char *wanted)
{
	struct user user = { 0 };
	int r = find_user(wanted, &user);

	if (r < 0)
		return r;
	setenv("HOME", *user.home ? user.home : "/", 0);
	if (*user.name)
		setenv("USER", user.name, 0);
	/* Its console is its output, which it may open again as /dev/stdout. */
	if (user.uid != 0 && isatty(0))
		(void)!fchown(0, user.uid, (gid_t)-1);
	return setgroups(user.group_count, user.groups) < 0 || setgid(user.gid) < 0 ||
			       setuid(user.uid) < 0
		       ? -errno
		       : 0;
}
