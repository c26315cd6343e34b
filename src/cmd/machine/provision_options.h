/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of provision.h, parsed and checked. */
#ifndef BERTH_CMD_MACHINE_PROVISION_OPTIONS_H
#define BERTH_CMD_MACHINE_PROVISION_OPTIONS_H

#include "cmd/cli/command.h"

#include <limits.h>

enum { PROVISION_TEXT_MAX = 65536 }; /* bytes of a file with keys or a hash */

/* SRC:DST[:OWNER[:MODE]] */
struct provision_file {
	char source[PATH_MAX], target[PATH_MAX];
	char owner[128]; /* "": root */
	int mode;        /* -1: that of the source */
};

int provision_split_file(const char *value, struct provision_file *option, struct err *err);

/* Calls visit with each value of the flag, in their order, until it does not return 0. */
int provision_each(const struct call *call, const struct flag *flag,
		   int (*visit)(const char *value, void *context, struct err *err), void *context,
		   struct err *err);

/* Whether an option has files for before the first start. */
bool provision_has_files(const struct call *call);
/* Whether an option has a step for after the boot. */
bool provision_has_steps(const struct call *call);

/* Reads a whole file of this host, which was named by that flag. The caller frees *text. 0 or EXIT_USAGE. */
int provision_read(const char *path, const char *flag, char **text, struct err *err);

#endif
