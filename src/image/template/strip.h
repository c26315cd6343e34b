/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes out of a root what berth-identity.d(5) lists. Never trusts the tree. */
#ifndef BERTH_IMAGE_TEMPLATE_STRIP_H
#define BERTH_IMAGE_TEMPLATE_STRIP_H

#include "base/dirs.h"
#include "base/err.h"

#include <stdbool.h>

/* The values of %n and %u in a written text. */
struct strip_identity {
	const char *name; /* of the machine or template */
	const char *uuid;
};

/*
 * Takes out what makes the root one computer, and, with publish, what tells of its past too. It walks in by
 * file_open_in_root alone, and reads and removes a bounded number of entries.
 * -ENOSPC, -EDQUOT: the root is full. -E2BIG: it holds more in such places than anything honest does.
 */
int strip_root(const struct dirs *dirs, int root_fd, bool publish,
	       const struct strip_identity *identity, struct err *err);

#endif
