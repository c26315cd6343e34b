/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A place of files, as it is typed. */
#ifndef BERTH_CMD_MACHINE_PLACE_H
#define BERTH_CMD_MACHINE_PLACE_H

#include "base/err.h"

/* MACHINE:PATH, MACHINE@SNAPSHOT:PATH, or a path of this host. */
struct place {
	char machine[80];  /* "": this host */
	char snapshot[80]; /* "": the machine as it is */
	const char *path;  /* borrowed */
};

/* A word with a colon before its first slash names a machine, as in scp(1). 0, -code or EXIT_USAGE. */
int place_take(const char *word, struct place *place, struct err *err);

#endif
