/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/install.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
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

int install_web(char *out, size_t room)
{
	return locate("BERTH_WEB", BERTH_DATADIR "/web", "", out, room);
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
	return locate("BERTH_DESCRIPTION", BERTH_DATADIR "/openapi.json", "", out, room);
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
