/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool sealed;
static char why[256] = "nothing failed";

int library_load(struct library *library)
{
	void *handle;
	char *next = library->calls;

	if (library->loaded)
		return 0;
	handle = sealed ? NULL : dlopen(library->file, RTLD_LAZY | RTLD_LOCAL);
	if (!handle) {
		snprintf(why, sizeof why, "%s", sealed ? library->file : dlerror());
		return -ELIBACC;
	}
	for (size_t i = 0; i < library->count; i++) {
		void *call = dlsym(handle, library->names[i]);
		if (!call) {
			snprintf(why, sizeof why, "%s has no %s", library->file, library->names[i]);
			return -ELIBACC;
		}
		memcpy(next, &call, sizeof call);
		next += sizeof call;
	}
	library->loaded = true;
	return 0;
}

void library_seal(void)
{
	sealed = true;
}

const char *library_why(void)
{
	return why;
}
