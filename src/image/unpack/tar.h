/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tar that is read to its end, in any compression: an archive, or a layer of an image. Inside berth-unpack only. */
#ifndef BERTH_IMAGE_UNPACK_TAR_H
#define BERTH_IMAGE_UNPACK_TAR_H

#include "image/unpack/decode.h"
#include "image/unpack/entry.h"

struct tar {
	struct extraction
		x; /* first member, for casts; x.report and x.copy are set by the caller */
	struct decoder *decoder;
	const char *last; /* last bytes of the decoder, perhaps after the tar's end */
	size_t last_size;
	uint64_t given; /* bytes from the decoder so far */
	struct archive *in;
	struct sha256 *raw, *plain; /* borrowed, or NULL: as of decode_sums, set before tar_open */
};

/* Begins to read from fd, which stays the caller's. 0 or -code; tar_close releases it after both. */
int tar_open(struct tar *tar, int fd);
/* Reads what is behind the end mark: zeros, and the checksums of the compression. 0 or -code. */
int tar_rest(struct tar *tar);
void tar_close(struct tar *tar);

/* A struct extraction's copy, for one that is in a struct tar. */
int tar_copy_data(struct extraction *x);

#endif
