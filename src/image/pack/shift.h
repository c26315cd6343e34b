/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ids of a container as its host has them, mapped back to its own. Inside berth-pack only. */
#ifndef BERTH_IMAGE_PACK_SHIFT_H
#define BERTH_IMAGE_PACK_SHIFT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHIFT_RANGES = 32 };

struct shift {
	struct {
		char kind; /* 'u', 'g' */
		uint32_t inside, outside, count;
	} ranges[SHIFT_RANGES];
	size_t count; /* 0: ids stay as they are */
};

/* Parses lines "u INSIDE OUTSIDE COUNT" and "g ...". 0 or -code. */
int shift_parse(struct shift *shift, char *lines, struct err *err);

/* The id inside of one outside. false: none is mapped to it. */
bool shift_id(const struct shift *shift, char kind, int64_t outside, int64_t *inside);

/*
 * Maps the ids in an attribute, in place: of an access control list, and of the root that a capability belongs to,
 * which is left out where it is the container's. *size may shrink. false: an id is not mapped.
 */
bool shift_attribute(const struct shift *shift, const char *name, void *value, size_t *size);

#endif
