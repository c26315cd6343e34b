/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tar into a folder, and other reads of an archive: the metadata beside the root of an image. */
#include "base/scoped.h"
#include "image/unpack/tar.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

enum {
	TAR_BLOCK = 512,
	METADATA_ENTRIES_MAX = 4096, /* entries before metadata.yaml */
};

int tar_copy_data(struct extraction *x)
{
	struct tar *tar = (struct tar *)x;
	const void *block;
	size_t size;
	la_int64_t offset;

	for (;;) {
		int r = archive_read_data_block(tar->in, &block, &size, &offset);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return entry_fail(x, tar->in);
		if (entry_write(x, block, size, offset) < 0)
			return -x->report->err.code;
	}
}

/*
 * A tar ends with a block of zeros. Without this check, an archive that was cut between two files would count as
 * complete.
 */
static int read_all(struct tar *tar)
{
	struct extraction *x = &tar->x;

	for (;;) {
		la_int64_t before = archive_filter_bytes(tar->in, 0);
		int r = archive_read_next_header2(tar->in, x->entry);
		if (r == ARCHIVE_EOF && x->report->entries == 0)
			return err_set(&x->report->err, EINVAL, "it is empty");
		if (r == ARCHIVE_EOF && archive_filter_bytes(tar->in, 0) < before + TAR_BLOCK)
			return err_set(&x->report->err, EINVAL,
				       "it ends without an end mark: the archive is not complete");
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return entry_fail(x, tar->in); /* names the entry before the bad place */
		if (entry_take(x, x->entry) < 0)
			return -x->report->err.code;
		if (archive_read_data_skip(tar->in) != ARCHIVE_OK)
			return entry_fail(x, tar->in);
	}
}

static la_ssize_t next_bytes(struct archive *in, void *context, const void **bytes)
{
	struct tar *tar = context;
	struct err err = { 0 };
	ssize_t n = decode_read(tar->decoder, bytes, &err);

	if (n >= 0) {
		tar->last = *bytes;
		tar->last_size = (size_t)n;
		tar->given += (uint64_t)n;
		return n;
	}
	archive_set_error(in, err.code, "%s", err.text);
	return ARCHIVE_FATAL;
}

static int open_input(struct tar *tar)
{
	archive_read_support_format_tar(tar->in);
	archive_read_support_format_empty(tar->in);
	if (archive_read_open(tar->in, tar, NULL, next_bytes, NULL) != ARCHIVE_OK)
		return entry_fail(&tar->x, tar->in);
	return 0;
}

static int only_zeros(struct tar *tar, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (bytes[i])
			return err_set(&tar->x.report->err, EINVAL,
				       "there are bytes after its end mark: it is damaged, or more "
				       "than one archive");
	}
	return 0;
}

/* Most compressions have their checksums at the very end. */
int tar_rest(struct tar *tar)
{
	uint64_t left = tar->given - (uint64_t)archive_filter_bytes(tar->in, 0);
	struct err why = { 0 };
	const void *bytes;
	ssize_t n;

	if (left > 0 && left <= tar->last_size &&
	    only_zeros(tar, tar->last + tar->last_size - (size_t)left, (size_t)left) < 0)
		return -tar->x.report->err.code;
	while ((n = decode_read(tar->decoder, &bytes, &why)) > 0) {
		if (only_zeros(tar, bytes, (size_t)n) < 0)
			return -tar->x.report->err.code;
	}
	return n < 0 ? err_set(&tar->x.report->err, why.code, "%s", why.text) : 0;
}

int tar_open(struct tar *tar, int fd)
{
	tar->decoder = decode_open(fd);
	tar->in = archive_read_new();
	if (!tar->decoder || !tar->in)
		return err_set(&tar->x.report->err, ENOMEM, "out of memory");
	decode_sums(tar->decoder, tar->raw, tar->plain);
	return open_input(tar);
}

void tar_close(struct tar *tar)
{
	archive_read_free(tar->in);
	decode_close(tar->decoder);
}

static int extract_tar(int fd, struct unpack_report *report)
{
	struct tar tar = { .x.copy = tar_copy_data };
	int r = extraction_begin(&tar.x, report);

	if (r == 0)
		r = tar_open(&tar, fd);
	if (r == 0)
		r = read_all(&tar);
	if (r == 0)
		r = tar_rest(&tar);
	if (r == 0)
		r = extraction_finish(&tar.x);
	extraction_end(&tar.x);
	tar_close(&tar);
	return r;
}

int extract_archive(int fd, struct unpack_report *report)
{
	char magic[4];

	/* A pipe does not show it; decode.c then reports that squashfs needs a file. */
	if (pread(fd, magic, sizeof magic, 0) == sizeof magic && memcmp(magic, "hsqs", 4) == 0)
		return extract_squashfs(fd, report);
	return extract_tar(fd, report);
}

/* The archive is at metadata.yaml. */
static int take_metadata(struct tar *tar)
{
	struct unpack_report *report = tar->x.report;
	scoped_free char *yaml = malloc(METADATA_MAX);

	if (!yaml)
		return err_set(&report->err, ENOMEM, "out of memory");
	la_ssize_t n = archive_read_data(tar->in, yaml, METADATA_MAX);
	if (n < 0)
		return entry_fail(&tar->x, tar->in);
	metadata_description(yaml, (size_t)n, report->description, sizeof report->description);
	return 0;
}

static int find_metadata(struct tar *tar)
{
	struct archive_entry *entry;

	for (unsigned i = 0; i < METADATA_ENTRIES_MAX; i++) {
		int r = archive_read_next_header(tar->in, &entry);
		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return entry_fail(&tar->x, tar->in);
		const char *path = archive_entry_pathname(entry);
		if (path &&
		    strcmp(path + (strncmp(path, "./", 2) == 0 ? 2 : 0), "metadata.yaml") == 0)
			return take_metadata(tar);
	}
	return err_set(&tar->x.report->err, EINVAL, "it has no metadata.yaml");
}

int extract_metadata(int fd, struct unpack_report *report)
{
	struct tar tar = { .x.report = report };
	int r = tar_open(&tar, fd);

	if (r == 0)
		r = find_metadata(&tar);
	tar_close(&tar);
	return r < 0 ? err_wrap(&report->err, "its metadata") : 0;
}
