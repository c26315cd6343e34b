#include "base/install.h"

#include "base/text.h"

#include <stdlib.h>

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
