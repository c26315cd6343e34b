/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/transfer/tree_contents.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <sys/stat.h>

enum {
	STREAM_MAX = 64 << 20, /* bytes of a file without a size, such as those of /proc */
	PAGE = 4096,           /* the size that files of /sys claim */
};

/* exactly: so many bytes have to come, and no more are read; else up to the end, and more are -EFBIG. */
static int copy_bytes(struct tree_contents *contents, int from, int to, uint64_t most, bool exactly)
{
	struct copy *copy = &contents->copy;

	for (uint64_t done = 0; !exactly || done < most;) {
		bool last = exactly && most - done < COPY_BUFFER;
		ssize_t n = read(from, copy->value, last ? (size_t)(most - done) : COPY_BUFFER);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return contents->unread = -errno;
		if (n == 0)
			return exactly ? -ENODATA : 0;
		done += (uint64_t)n;
		if (done > most)
			return -EFBIG;
		int r = file_write_all(to, copy->value, (size_t)n, -1);
		if (r < 0)
			return r;
		*copy->moved += (uint64_t)n;
	}
	return 0;
}

int tree_contents_pass(struct tree_contents *contents, int from, int to)
{
	return copy_bytes(contents, from, to, UINT64_MAX, false);
}

int tree_contents_copy(struct tree_contents *contents, const struct tree_target *target,
		       const struct tree_entry *entry, int from, int to)
{
	struct statx st;

	if (entry->type == TREE_STREAM)
		return copy_bytes(contents, from, to, target->sized ? target->size : UINT64_MAX,
				  target->sized);
	if (statx(from, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0)
		return -errno;
	if (!S_ISREG(st.stx_mode))
		return -EPROTO;
	/* The size of a file that the kernel generates means nothing. */
	bool made_up = st.stx_size == 0 || (st.stx_blocks == 0 && st.stx_size <= PAGE);
	return made_up ? copy_bytes(contents, from, to, STREAM_MAX, false)
		       : copy_data(&contents->copy, from, to, &st);
}
