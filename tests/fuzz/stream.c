/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream that is imported. Inputs that begin with the magic are read as they are. Of any other, contents with right
 * sums are made: pieces of an archive and names to remove, so that the search gets behind the sums.
 */
#include "fuzz.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "stream/fill.h"
#include "stream/later.h"
#include "stream/sink.h"
#include "stream_bytes.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Records: a byte that tells names (odd) from an archive, two of length, and as many bytes. */
static void make_contents(int fd, const uint8_t *data, size_t size)
{
	struct stream_report report = { 0 };
	struct sink sink = { .fd = fd, .moved_fd = -1, .report = &report };

	if (sink_open(&sink, STREAM_NO_SUM) < 0)
		abort();
	while (size > 3) {
		size_t n = (size_t)data[1] << 8 | data[2];
		bool names = data[0] & 1;
		data += 3;
		size -= 3;
		n = n < size ? n : size;
		if (n > 0 && (names ? sink_remove(&sink, data, n) : sink_add(&sink, data, n)) < 0)
			abort();
		data += n;
		size -= n;
	}
	if (sink_finish(&sink) < 0)
		abort();
	sink_close(&sink);
}

static void fill(int folder, const uint8_t *data, size_t size)
{
	scoped_fd int stream = memfd_create("stream", MFD_CLOEXEC);
	scoped_fd int later = later_open();
	struct stream_report report = { 0 };
	struct source source = { .read = source_read_exactly, .fd = stream, .moved_fd = -1 };
	struct err err = { 0 };

	make_contents(stream, data, size);
	if (lseek(stream, 0, SEEK_SET) < 0 || source_open(&source, STREAM_NO_SUM, &err) < 0)
		abort();
	if (fill_tree(&source, later, &report) < 0)
		fuzz_check(report.err.code > 0 && *report.err.text);
	else
		later_fulfil(later, -1, true, folder, &err);
	source_close(&source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream_seen seen;
	struct err err = { 0 };
	int home, folder = fuzz_enter(&home);

	if (size > 12 && memcmp(data, STREAM_MAGIC, 12) == 0) {
		if (stream_bytes_read(data, size, &seen, &err) < 0)
			fuzz_check(err.code > 0 && *err.text);
		return 0;
	}
	remove_tree(folder, "root");
	scoped_fd int root = mkdirat(folder, "root", 0755) < 0
				     ? -1
				     : openat(folder, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fchdir(root) < 0)
		abort();
	fill(root, data, size);
	fuzz_check(fuzz_has_only_root(folder));
	return fchdir(home);
}
