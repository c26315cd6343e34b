/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attack --list: name, walls and source of every pattern. attack NAME...: tries these, all without
 * any. Each prints "contained|escaped|absent NAME: WHY"; ends with 1 if one escaped. --down: walls are
 * away. --disk MAJOR:MINOR, --secret FILE: of the host. Harmless where it succeeds: it looks, or writes
 * what was there.
 */
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool walls_down;
unsigned disk_major, disk_minor;
const char *host_secret = "";
static char words[512];

static const struct attack *const tables[] = { attacks_calls, attacks_sockets, attacks_files,
					       attacks_mounts, attacks_limits };

void say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(words, sizeof words, fmt, args);
	va_end(args);
}

enum verdict judge(long result, int reached)
{
	int code = errno;

	if (result >= 0) {
		say("it worked");
		return ESCAPED;
	}
	say("%s", strerror(code));
	if (reached && code == reached)
		return ESCAPED;
	switch (code) {
	case EPERM:
	case EACCES:
	case EROFS:
		return CONTAINED;
	case ENOSYS:
	case EAFNOSUPPORT:
		return walls_down ? ABSENT : CONTAINED;
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return ABSENT;
	default:
		say("got as far as: %s", strerror(code));
		return ESCAPED;
	}
}

enum verdict judge_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	enum verdict verdict = judge(fd, 0);

	if (fd >= 0)
		close(fd);
	return verdict;
}

static const struct attack *find(const char *name)
{
	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
		for (const struct attack *a = tables[t]; a->name; a++) {
			if (strcmp(a->name, name) == 0)
				return a;
		}
	}
	return NULL;
}

static int try(const struct attack *attack)
{
	static const char *const verdicts[] = { "contained", "escaped", "absent" };

	say("no words");
	errno = 0;
	enum verdict verdict = attack->run();
	printf("%s %s: %s\n", verdicts[verdict], attack->name, words);
	fflush(stdout);
	return verdict == ESCAPED;
}

static int each(int (*visit)(const struct attack *))
{
	int r = 0;

	for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
		for (const struct attack *a = tables[t]; a->name; a++)
			r |= visit(a);
	}
	return r;
}

static int list(const struct attack *attack)
{
	printf("%s|%s|%s\n", attack->name, attack->holes, attack->source);
	return 0;
}

int main(int argc, char **argv)
{
	int i = 1, r = 0;

	if (argc > 1 && strcmp(argv[1], "--list") == 0)
		return each(list);
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--down") == 0)
			walls_down = true;
		else if (strcmp(argv[i], "--disk") == 0 && i + 1 < argc)
			sscanf(argv[++i], "%u:%u", &disk_major, &disk_minor);
		else if (strcmp(argv[i], "--secret") == 0 && i + 1 < argc)
			host_secret = argv[++i];
		else
			return 2;
	}
	if (i == argc)
		return each(try);
	for (; i < argc; i++) {
		const struct attack *attack = find(argv[i]);
		if (!attack)
			return 2;
		r |= try(attack);
	}
	return r;
}
