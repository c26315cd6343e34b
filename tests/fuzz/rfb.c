/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of viewers that only look: what is passed on is the same in whatever pieces they come. */
#include "fuzz.h"

#include "machine/desktop/rfb.h"

#include <stdlib.h>
#include <string.h>

static long filter(void *context, const unsigned char *bytes, size_t n, unsigned char *out)
{
	return rfb_filter(context, bytes, n, out);
}

static long filter_all(const uint8_t *data, size_t size, size_t piece, unsigned char *out)
{
	struct rfb_filter viewer = { 0 };

	return fuzz_in_pieces(filter, &viewer, RFB_HEAD, data, size, piece, out);
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
