/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 of files whose sum is known, by nettle, which is loaded for the first of them. */
#ifndef BERTH_IMAGE_SHARED_SHA256_H
#define BERTH_IMAGE_SHARED_SHA256_H

#include "base/err.h"

#include <nettle/sha2.h>
#include <stddef.h>

enum { SHA256_HEX = 2 * SHA256_DIGEST_SIZE };

struct sha256 {
	struct sha256_ctx context;
};

/* Begins a sum. -ELIBACC: the library is missing. */
int sha256_begin(struct sha256 *sum, struct err *err);
void sha256_add(struct sha256 *sum, const void *bytes, size_t n);
/* The sum in lower-case hexadecimal digits; sum has to begin anew after that. */
void sha256_end(struct sha256 *sum, char hex[SHA256_HEX + 1]);

/* The sum of an open file from its beginning, whatever its offset is; `also` (NULL: none) gets its bytes too. */
int sha256_file(int fd, char hex[SHA256_HEX + 1], struct sha256 *also, struct err *err);

#endif
