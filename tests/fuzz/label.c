/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The beginning of a disk that may belong to a thin pool. The lines get a correct checksum, because no search would get
 * past that by chance, and any text may occur twice.
 */
#include "fuzz.h"

#include "base/scoped.h"
#include "base/text.h"
#include "storage/thin/thin.h"

#include <inttypes.h>
#include <string.h>

/* The end of the lines is where the input has a NUL; what follows it is the second copy. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct thin_layout layout = { 0 }, again = { 0 };
	char labels[2][THIN_LABEL_SIZE] = { "", "" };
	char uuid[37] = "", uuid_again[37] = "";
	scoped_text struct text text = { 0 };
	scoped_free char *lines = fuzz_word(&data, &size);

	text_add(&text, "berth thin pool 1\n%s\n", lines);
	text_add(&text, "sum %016" PRIx64 "\n", text_hash(text_str(&text)));
	if (text.length >= sizeof labels[0])
		return -1;
	memcpy(labels[0], text.data, text.length);
	memcpy(labels[1], data, size < sizeof labels[1] ? size : sizeof labels[1]);
	scoped_fd int fd = fuzz_memory((const uint8_t *)labels, sizeof labels);
	if (thin_label_read(fd, uuid, &layout) < 0)
		return 0;
	fuzz_check(*uuid && layout.block && thin_layout_end(&layout, 0) > 0);
	if (thin_label_write(fd, uuid, &layout) < 0)
		return 0;
	fuzz_check(thin_label_read(fd, uuid_again, &again) == 0 && strcmp(uuid, uuid_again) == 0 &&
		   memcmp(&layout, &again, sizeof layout) == 0);
	return 0;
}
