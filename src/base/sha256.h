/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 of FIPS 180-4, for files whose sum is known. */
#ifndef BERTH_BASE_SHA256_H
#define BERTH_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_HEX = 64 };

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* in bytes */
	unsigned char block[64];
};

void sha256_begin(struct sha256 *sum);
void sha256_add(struct sha256 *sum, const void *bytes, size_t n);
/* The sum in lower-case hexadecimal digits; sum must begin anew after that. */
void sha256_end(struct sha256 *sum, char hex[SHA256_HEX + 1]);

/*
 * The sum of an open file from its beginning, whatever its offset is; `also` (NULL: none) gets its bytes too. 0 or
 * -errno.
 */
int sha256_file(int fd, char hex[SHA256_HEX + 1], struct sha256 *also);

#endif
