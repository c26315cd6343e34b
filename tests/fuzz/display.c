/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes of displays: what is passed on is the same in whatever pieces they come, and a picture of them is one. */
#include "fuzz.h"

#include "machine/desktop/picture.h"
#include "machine/desktop/rfb_shown.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long filter(void *context, const unsigned char *bytes, size_t n, unsigned char *out)
{
	return rfb_shown_filter(context, bytes, n, out);
}

static long filter_all(const struct rfb_filter *viewer, const uint8_t *data, size_t size,
		       size_t piece, unsigned char *out)
{
	struct rfb_shown shown = { .viewer = viewer };

	return fuzz_in_pieces(filter, &shown, RFB_SHOWN_HEAD, data, size, piece, out);
}

static void draw(const uint8_t *data, size_t size)
{
	static struct picture picture;
	static unsigned char png[PICTURE_MOST];
	struct err err = { 0 };
	int in = fuzz_memory(data, size), out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	fuzz_check(out >= 0);
	if (picture_draw(in, out, &picture, &err) == 0) {
		size_t n = picture_write(&picture, png);
		fuzz_check(n <= sizeof png && memcmp(png + 1, "PNG", 3) == 0);
	} else {
		fuzz_check(err.code != 0);
	}
	close(in);
	close(out);
}

/* The first byte says what the viewer has agreed on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *whole = malloc(size + 1), *pieces = malloc(size + 1);

	fuzz_check(whole && pieces);
	if (size > 1) {
		const struct rfb_filter viewer = { .no_copy = true,
						   .no_paste = data[0] & 1,
						   .older = data[0] & 2,
						   .pixel = data[0] >> 2 & 7 };
		long one = filter_all(&viewer, data + 1, size - 1, size - 1, whole);
		long other = filter_all(&viewer, data + 1, size - 1, 1, pieces);
		fuzz_check(one == other);
		fuzz_check(one <= (long)size &&
			   (one <= 0 || memcmp(whole, pieces, (size_t)one) == 0));
		draw(data + 1, size - 1);
	}
	free(whole);
	free(pieces);
	return 0;
}
