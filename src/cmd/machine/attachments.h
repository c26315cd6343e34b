/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that have volumes for data, for the verbs that show volumes. */
#ifndef BERTH_CMD_MACHINE_ATTACHMENTS_H
#define BERTH_CMD_MACHINE_ATTACHMENTS_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"

#include <jansson.h>

/* All attachments, gathered once: a list of volumes must not read the machines again for each. */
struct attachment {
	char volume[64], machine[64];
	char target[4096];
	bool readonly;
};

struct attachments {
	struct attachment *list; /* owned */
	size_t count;
	const struct dirs *dirs;
};

/* Gathers them. 0 or -code; attachments_free in any case. */
int attachments_gather(struct attachments *all, const struct dirs *dirs, struct err *err);
void attachments_free(struct attachments *all);
#define scoped_attachments __attribute__((cleanup(attachments_free)))

/* Those of one volume, as an array of objects. */
json_t *attachments_array(const struct attachments *all, const char *volume);
/* Those of one volume, in a line: "web:/srv, db:/data (read-only)". */
void attachments_text(const struct attachments *all, const char *volume, struct text *out);

#endif
