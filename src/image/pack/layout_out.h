/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tar of an OCI image layout with one layer. Inside berth-pack only. */
#ifndef BERTH_IMAGE_PACK_LAYOUT_OUT_H
#define BERTH_IMAGE_PACK_LAYOUT_OUT_H

#include "base/err.h"
#include "image/shared/sha256.h"

#include <stddef.h>
#include <stdint.h>

struct layer_out {
	int fd;                                             /* borrowed: its file */
	const char *compression;                            /* "none", "gzip" or "zstd" */
	uint64_t size;                                      /* of the file */
	char packed[SHA256_HEX + 1], plain[SHA256_HEX + 1]; /* sums of the file and of its tar */
};

/*
 * Writes the layout into fd. settings: JSON of the image's config, to which the layer is added; its member "name"
 * becomes the name in the index. 0 or -code.
 */
int layout_write(int fd, const char *settings, size_t length, const struct layer_out *layer,
		 struct err *err);

#endif
