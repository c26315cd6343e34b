/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Output of a guest's console: it is kept in a ring, and filtered for a terminal. */
#include "fuzz.h"

#include "base/text.h"
#include "cmd/machine/logfilter.h"
#include "keeper/ring.h"

#include <string.h>

/* The input comes in pieces, as from a pty: the first byte is their length. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct logfilter filter = { 0 };
	scoped_text struct text out = { 0 };
	struct ring ring = { 0 };
	const char *kept;
	uint64_t place = 0;

	if (size < 1 || ring_open(&ring, 4096) < 0)
		return -1;
	size_t piece = data[0] + 1;
	for (size_t at = 1; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		ring_add(&ring, (const char *)data + at, n);
		logfilter_add(&filter, (const char *)data + at, n, &out);
		for (size_t m; (m = ring_peek(&ring, &place, &kept)) > 0; place += m)
			fuzz_check(m <= 4096);
	}
	/* Only colours pass, and no sequence that moves a cursor or sets a title. */
	for (const char *escape = out.data;
	     escape && (escape = memchr(escape, '\033', out.length - (size_t)(escape - out.data)));
	     escape++)
		fuzz_check(escape[1] == '[');
	ring_close(&ring);
	return 0;
}
