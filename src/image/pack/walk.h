/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root of this process, written into a tar. Inside berth-pack only. */
#ifndef BERTH_IMAGE_PACK_WALK_H
#define BERTH_IMAGE_PACK_WALK_H

#include "image/pack/pack.h"
#include "image/pack/shift.h"
#include "image/pack/writer.h"

/*
 * Writes every object below "/" but sockets, sorted by name, in folder `prefix` of the tar ("": at its top). shift: ids
 * of owners. 0, or -code in the report.
 */
int walk_root(struct writer *writer, const char *prefix, const struct shift *shift,
	      struct pack_report *report);

#endif
