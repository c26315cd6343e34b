/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A layer of an OCI image, laid over those before it. Inside berth-unpack only. */
#ifndef BERTH_IMAGE_UNPACK_LAYER_H
#define BERTH_IMAGE_UNPACK_LAYER_H

#include "image/shared/sha256.h"
#include "image/unpack/unpack.h"

#include <stddef.h>
#include <stdint.h>

struct layer {
	int folder_fd;              /* borrowed: of the image */
	const char *path;           /* borrowed: of the layer's file in it */
	uint64_t size;              /* that its file must have; UINT64_MAX: any */
	const char *raw;            /* borrowed: the sum that its file must have; "": any */
	char plain[SHA256_HEX + 1]; /* the sum that its tar must have; "": any */
	size_t number;              /* from 0: nothing is below the first */
};

/*
 * Opens a file of an image, a layer or a document; links in its path end in the image's folder. size gets its bytes. A
 * descriptor, or -code with the path in the sentence.
 */
int layer_open_file(int folder_fd, const char *path, uint64_t *size, struct err *err);

/*
 * Lays it over the current folder, which must be the root of this process: links in it lead nowhere else. 0, or -code
 * in the report, with the tree half changed.
 */
int layer_apply(const struct layer *layer, struct unpack_report *report);

/*
 * The object that a name of a layer removes: NULL, nothing, it is a file's; "/": all that the layers below have in its
 * folder; "": nothing, it is a note of whoever wrote the layer; else a name in its folder, perhaps one that is none, as
 * "..". Pure.
 */
const char *layer_whiteout(const char *path);

#endif
