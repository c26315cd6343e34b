/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts of a tree's contents. A walk over a tree that nobody changes meets the same entries in the same order each
 * time. So a point behind a part is the number of entries before it, with a sum of their descriptions: a later walk
 * passes over them without reading their data, and goes on only if it has met the same ones.
 */
#include "stream/pack.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A part takes some seconds, so that little is lost by a cut, and few waits for the disk are added. */
enum {
	LEAST = 64 << 10,
	MOST = 1 << 30,
	SHORT_MS = 4000,
	LONG_MS = 15000,
	LEAST_ROOM = 16 << 10,
};

static la_ssize_t take_bytes(struct archive *out, void *context, const void *bytes, size_t n)
{
	struct sink *sink = context;

	if (sink_add(sink, bytes, n) == 0)
		return (la_ssize_t)n;
	archive_set_error(out, sink->report->err.code, "%s", sink->report->err.text);
	return -1;
}

int pack_open_archive(struct packing *p)
{
	p->out = archive_write_new();
	if (!p->out)
		return err_set(&p->sink->report->err, ENOMEM, "out of memory");
	/* Names are bytes. Of the two headers for attributes only this one has room for any name. */
	if (archive_write_set_format_pax(p->out) != ARCHIVE_OK ||
	    archive_write_set_options(p->out, "hdrcharset=BINARY,xattrheader=LIBARCHIVE") !=
		    ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(p->out, 0) != ARCHIVE_OK ||
	    archive_write_open(p->out, p->sink, NULL, take_bytes, NULL) != ARCHIVE_OK)
		return err_set(&p->sink->report->err, EINVAL, "begin an archive: %s",
			       archive_error_string(p->out));
	return 0;
}

static int parse_number(char **at, uint64_t *out)
{
	const char *word = strsep(at, ":");

	return word ? text_to_u64(word, 0, UINT64_MAX, out) : -EINVAL;
}

static int parse(const char *text, struct pack_point *point)
{
	scoped_free char *copy = strdup(text);
	char *at = copy;

	*point = (struct pack_point){ 0 };
	if (strcmp(text, "-") == 0)
		return 0;
	if (!copy)
		return -ENOMEM;
	if (parse_number(&at, &point->entries) < 0 || parse_number(&at, &point->offset) < 0 ||
	    !at || strlen(at) != SHA256_HEX || point->entries == 0)
		return -EINVAL;
	strcpy(point->sum, at);
	return 0;
}

int pack_part_begin(struct packing *p, const struct pack_parts *parts)
{
	struct err *err = &p->sink->report->err;
	int r = parse(parts->from, &p->behind);

	if (r < 0)
		return err_set(err, -r, "it cannot go on at a point that is not one of berth's");
	p->limit = parts->limit;
	p->began = clock_ms();
	/* Folders of an earlier part that are not complete are named again. */
	p->part = p->behind.entries > 0;
	return sha256_begin(&p->seen, err);
}

bool pack_part_passes(const struct packing *p)
{
	return p->entries < p->behind.entries;
}

bool pack_part_follows_cut(const struct packing *p)
{
	return p->behind.entries > 0;
}

static void add_numbers(struct packing *p, const struct statx *st)
{
	const uint64_t numbers[] = {
		st->stx_ino,
		st->stx_size,
		st->stx_mode,
		st->stx_uid,
		st->stx_gid,
		st->stx_nlink,
		(uint64_t)st->stx_mtime.tv_sec,
		st->stx_mtime.tv_nsec,
		(uint64_t)st->stx_ctime.tv_sec,
		st->stx_ctime.tv_nsec,
	};

	sha256_add(&p->seen, numbers, sizeof numbers);
}

static void sum_so_far(const struct packing *p, char sum[SHA256_HEX + 1])
{
	struct sha256 copy = p->seen;

	sha256_end(&copy, sum);
}

int pack_part_take(struct packing *p, const char *path, const struct statx *st)
{
	char sum[SHA256_HEX + 1];

	if (!p->limit && !p->behind.entries)
		return 1;
	sha256_add(&p->seen, path, strlen(path) + 1);
	add_numbers(p, st);
	p->offset = 0;
	if (++p->entries > p->behind.entries)
		return 1;
	if (p->entries < p->behind.entries)
		return 0;
	sum_so_far(p, sum);
	if (strcmp(sum, p->behind.sum) != 0)
		return err_set(&p->sink->report->err, ESTALE,
			       "it has changed since its first part was read");
	p->offset = p->behind.offset;
	return p->offset > 0;
}

uint64_t pack_part_room(const struct packing *p)
{
	uint64_t used = p->sink->offset + p->sink->used;

	return p->limit > used + LEAST_ROOM ? p->limit - used : LEAST_ROOM;
}

static void adapt(struct packing *p)
{
	int64_t now = clock_ms(), took = now - p->began;

	p->began = now;
	if (took < SHORT_MS && p->limit < MOST)
		p->limit *= 2;
	else if (took > LONG_MS && p->limit / 2 >= LEAST)
		p->limit /= 2;
}

int pack_part_end(struct packing *p, uint64_t offset)
{
	char sum[SHA256_HEX + 1], point[STREAM_POINT_MAX + 1];

	if (archive_write_close(p->out) != ARCHIVE_OK)
		return p->sink->report->err.code ? -EIO : -EINVAL;
	archive_write_free(p->out);
	p->out = NULL;
	sum_so_far(p, sum);
	snprintf(point, sizeof point, "%" PRIu64 ":%" PRIu64 ":%s", p->entries, offset, sum);
	if (sink_part(p->sink, point) < 0)
		return -EIO;
	p->part++;
	adapt(p);
	return pack_open_archive(p) < 0 ? -EIO : 0;
}

int pack_part_check(struct packing *p)
{
	return p->limit && p->sink->offset + p->sink->used >= p->limit ? pack_part_end(p, 0) : 0;
}
