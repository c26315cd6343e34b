/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The config of a container of LXC, as far as a template can have what it says. Pure. */
#ifndef BERTH_IMAGE_SOURCE_CONTAINER_H
#define BERTH_IMAGE_SOURCE_CONTAINER_H

#include "base/err.h"
#include "base/text.h"

#include <stddef.h>

/* Empty texts: it does not say. The caller frees the texts. */
struct container {
	struct text root;     /* lxc.rootfs.path, as it is written */
	struct text shift;    /* of lxc.idmap: lines as of struct pack's document */
	struct text env;      /* of lxc.environment: words */
	struct text settings; /* presets, lines of template.conf; without env */
	struct text left;     /* keys that were left out, separated by commas */
};

/* Parses the text, in place. 0, or -code with the number of a bad line. */
int container_parse(struct container *container, char *text, struct err *err);
void container_free(struct container *container);
#define scoped_container __attribute__((cleanup(container_free)))

#endif
