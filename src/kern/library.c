/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kern/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool sealed;
static char why[256] = "nothing failed";

int library_load(const char *file, const char *const *names, size_t count, void *calls)
{
	void *library = sealed ? NULL : dlopen(file, RTLD_LAZY | RTLD_LOCAL);
	char *next = calls;

	if (!library) {
		snprintf(why, sizeof why, "%s", sealed ? file : dlerror());
		return -ELIBACC;
	}
	for (size_t i = 0; i < count; i++) {
		void *call = dlsym(library, names[i]);
		if (!call) {
			snprintf(why, sizeof why, "%s has no %s", file, names[i]);
			return -ELIBACC;
		}
		memcpy(next, &call, sizeof call);
		next += sizeof call;
	}
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
