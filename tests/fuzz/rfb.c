/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of viewers that only look: what is passed on is the same in whatever pieces they come. */
#include "fuzz.h"

#include "machine/desktop/rfb.h"

#include <stdlib.h>
#include <string.h>

/* The number of bytes that are passed on, in pieces of that size; or what the filter said. */
static long filter_all(const uint8_t *data, size_t size, size_t piece, unsigned char *out)
{
	struct rfb_filter filter = { 0 };
	long made = 0;

	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		/* On its own in memory, so that a read or a write beyond it is seen. */
		unsigned char *in = malloc(n), *passed = malloc(n + RFB_HEAD);
		if (!in || !passed)
			abort();
		memcpy(in, data + at, n);
		long r = rfb_filter(&filter, in, n, passed);
		if (r > 0)
			memcpy(out + made, passed, (size_t)r);
		free(in);
		free(passed);
		if (r < 0)
			return r;
		made += r;
	}
	return made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *whole = malloc(size + 1), *pieces = malloc(size + 1);

	if (!whole || !pieces)
		abort();
	long one = size ? filter_all(data, size, size, whole) : 0;
	long other = filter_all(data, size, 1, pieces);
	if (one != other ||
	    (one > 0 && ((size_t)one > size || memcmp(whole, pieces, (size_t)one) != 0)))
		abort();
	free(whole);
	free(pieces);
	return 0;
}
