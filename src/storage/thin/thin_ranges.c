/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/thin/thin_ranges.h"

#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 512 };

/* The number of ` name="NUMBER"` in a line. */
static int attribute(const char *line, const char *name, uint64_t *value)
{
	char want[32], digits[24];
	const char *at;

	snprintf(want, sizeof want, " %s=\"", name);
	at = strstr(line, want);
	if (!at)
		return -EPROTO;
	at += strlen(want);
	size_t n = strspn(at, "0123456789");
	if (n == 0 || n >= sizeof digits || at[n] != '"')
		return -EPROTO;
	memcpy(digits, at, n);
	digits[n] = '\0';
	return text_to_u64(digits, 0, UINT64_MAX, value);
}

static int flush(struct thin_ranges *ranges)
{
	int r = ranges->open.length ? file_write_all(ranges->fd, (const char *)&ranges->open,
						     sizeof ranges->open, -1)
				    : 0;

	ranges->open = (struct volume_range){ 0 };
	return r;
}

/* Numbers of blocks become bytes; the last block may reach over the end of the volume. */
static int add(struct thin_ranges *ranges, uint64_t begin, uint64_t count, bool hole)
{
	struct volume_range *open = &ranges->open;
	uint64_t blocks = (ranges->size + ranges->block - 1) / ranges->block;

	if (count == 0 || begin >= blocks || count > blocks - begin)
		return -EPROTO;
	struct volume_range range = { begin * ranges->block, count * ranges->block, hole };
	if (range.length > ranges->size - range.offset)
		range.length = ranges->size - range.offset;
	if (range.offset < open->offset + open->length)
		return -EPROTO;
	if (!hole)
		ranges->bytes += range.length;
	if (open->length && open->hole == range.hole &&
	    open->offset + open->length == range.offset) {
		open->length += range.length;
		return 0;
	}
	int r = flush(ranges);
	*open = range;
	return r;
}

static int take_range(struct thin_ranges *ranges, const char *line, const char *begin, bool hole)
{
	uint64_t from = 0, count = 0;
	int r = attribute(line, begin, &from);

	if (r == 0)
		r = attribute(line, "length", &count);
	return r < 0 ? r : add(ranges, from, count, hole);
}

static int check_block(const struct thin_ranges *ranges, const char *line)
{
	uint64_t sectors;
	int r = attribute(line, "data_block_size", &sectors);

	return r < 0 ? r : sectors == ranges->block / 512 ? 0 : -EPROTO;
}

static int take_line(struct thin_ranges *ranges, const char *line)
{
	uint64_t block;

	if (text_starts(line, "<superblock"))
		return check_block(ranges, line);
	if (text_starts(line, "<range_mapping"))
		return take_range(ranges, line, "origin_begin", false);
	if (text_starts(line, "<different") || text_starts(line, "<right_only"))
		return take_range(ranges, line, "begin", false);
	if (text_starts(line, "<left_only"))
		return take_range(ranges, line, "begin", true);
	if (text_starts(line, "<single_mapping"))
		return attribute(line, "origin_block", &block) < 0 ? -EPROTO
								   : add(ranges, block, 1, false);
	if (text_starts(line, "</superblock"))
		ranges->whole = true;
	return text_starts(line, "<same") || text_starts(line, "<device") ||
			       text_starts(line, "</") || text_starts(line, "<diff") || !*line
		       ? 0
		       : -EPROTO;
}

int thin_ranges_read(FILE *in, struct thin_ranges *ranges, struct err *err)
{
	char line[LINE];
	int r = 0;

	while (r == 0 && fgets(line, sizeof line, in)) {
		r = strchr(line, '\n') ? take_line(ranges, text_trim(line)) : -EPROTO;
		if (r == -EPROTO || r == -EINVAL || r == -ERANGE)
			return err_set(err, EPROTO,
				       "thin_dump or thin_delta says '%.60s', which berth does not "
				       "understand",
				       line);
	}
	if (r == 0 && !ranges->whole)
		return err_set(err, EPROTO, "what thin_dump or thin_delta says has no end");
	if (r == 0)
		r = flush(ranges);
	return r < 0 ? err_set(err, -r, "write a list of blocks: %s", strerror(-r)) : 0;
}
