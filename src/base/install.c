/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/install.h"

#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int locate(const char *variable, const char *installed, const char *name, char *out,
		  size_t room)
{
	const char *folder = getenv(variable);

	if (!folder || !*folder)
		folder = installed;
	return text_print(out, room, "%s%s%s", folder, *name ? "/" : "", name);
}

int install_program(const char *name, char *out, size_t room)
{
	return locate("BERTH_LIBEXEC", BERTH_LIBEXECDIR, name, out, room);
}

int install_recipe(const char *name, char *out, size_t room)
{
	return locate("BERTH_TEMPLATES", BERTH_DATADIR "/templates", name, out, room);
}

/*
 * The folder share/berth that belongs to the program which runs: beside its folder bin or libexec/berth, or in the tree
 * that built it. It has the program's owner, so that nobody else's is taken.
 */
static int find_shared(const char *name, char *out, size_t room)
{
	static const struct {
		const char *folder;
		int above;
	} places[] = {
		{ "/bin", 1 }, { "/sbin", 1 }, { "/libexec/berth", 2 }, { "/libexec", 1 }, { "", 0 }
	};
	char program[PATH_MAX];
	struct stat own, st;

	if (install_berth(program, sizeof program) < 0 || stat("/proc/self/exe", &own) < 0)
		return -ENOENT;
	*strrchr(program, '/') = '\0';
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		if (!text_ends(program, places[i].folder))
			continue;
		for (int up = 0; up < places[i].above; up++)
			*strrchr(program, '/') = '\0';
		int r = text_print(out, room, "%s/share/berth/%s", program, name);
		return r < 0 ? r : stat(out, &st) < 0 || st.st_uid != own.st_uid ? -ENOENT : 0;
	}
	return -ENOENT;
}

static int locate_shared(const char *variable, const char *name, char *out, size_t room)
{
	const char *given = getenv(variable);

	if ((!given || !*given) && find_shared(name, out, room) == 0)
		return 0;
	return locate(variable, BERTH_DATADIR, given && *given ? "" : name, out, room);
}

int install_web(char *out, size_t room)
{
	return locate_shared("BERTH_WEB", "web", out, room);
}

int install_identity(char *out, size_t room)
{
	if (install_recipe("identity.d", out, room) == 0 && access(out, F_OK) == 0)
		return 0;
	/* A folder of recipes only replaces the recipes. */
	return text_print(out, room, "%s", BERTH_DATADIR "/templates/identity.d");
}

int install_description(char *out, size_t room)
{
	return locate_shared("BERTH_DESCRIPTION", "openapi.json", out, room);
}

int install_berth(char *out, size_t room)
{
	ssize_t n = readlink("/proc/self/exe", out, room);

	if (n < 0)
		return -errno;
	if ((size_t)n == room)
		return -ENAMETOOLONG;
	out[n] = '\0';
	return 0;
}
