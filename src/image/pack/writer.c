/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libarchive writes the tar, and a second archive of libarchive, whose format is "raw", compresses it: so the sum of
 * the tar itself is known too, which an image of OCI tells.
 */
#include "image/pack/writer.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>

static int fail(struct writer *writer, struct archive *a, struct err *err)
{
	const char *text = archive_error_string(a);
	int code = archive_errno(a);

	if (writer->code == ENOSPC || writer->code == EDQUOT)
		return err_set(err, writer->code, "the disk is full");
	if (writer->code == EPIPE)
		return err_set(err, EPIPE, "its reader has ended before it was complete");
	if (writer->code)
		return err_set(err, writer->code, "write it: %s", strerror(writer->code));
	return err_set(err, code > 0 ? code : EIO, "write it: %s", text ? text : "unknown failure");
}

static la_ssize_t write_out(struct archive *a, void *context, const void *bytes, size_t n)
{
	struct writer *writer = context;
	int r = file_write_all(writer->fd, bytes, n, -1);

	if (r < 0) {
		writer->code = -r;
		archive_set_error(a, -r, "%s", strerror(-r));
		return -1;
	}
	writer->size += n;
	if (writer->summed)
		sha256_add(&writer->packed, bytes, n);
	return (la_ssize_t)n;
}

static la_ssize_t write_tar(struct archive *a, void *context, const void *bytes, size_t n)
{
	struct writer *writer = context;

	if (writer->summed)
		sha256_add(&writer->plain, bytes, n);
	if (!writer->filter)
		return write_out(a, context, bytes, n);
	la_ssize_t written = archive_write_data(writer->filter, bytes, n);
	if (written < 0)
		archive_set_error(a, archive_errno(writer->filter), "%s",
				  archive_error_string(writer->filter));
	return written;
}

static int add_filter(struct writer *writer, const char *compression, struct err *err)
{
	struct archive_entry *entry = archive_entry_new();
	int r = ARCHIVE_FATAL;

	writer->filter = archive_write_new();
	if (!writer->filter || !entry) {
		archive_entry_free(entry);
		return err_set(err, ENOMEM, "out of memory");
	}
	archive_entry_set_filetype(entry, AE_IFREG);
	if (archive_write_add_filter_by_name(writer->filter, compression) == ARCHIVE_OK &&
	    archive_write_set_format_raw(writer->filter) == ARCHIVE_OK) {
		/* No time in the file: the same root gives the same bytes. */
		archive_write_set_filter_option(writer->filter, "gzip", "timestamp", NULL);
		archive_write_set_bytes_in_last_block(writer->filter, 1);
		r = archive_write_open(writer->filter, writer, NULL, write_out, NULL);
	}
	if (r == ARCHIVE_OK)
		r = archive_write_header(writer->filter, entry);
	archive_entry_free(entry);
	return r != ARCHIVE_OK ? fail(writer, writer->filter, err) : 0;
}

int writer_begin(struct writer *writer, int fd, const char *compression, bool summed,
		 struct err *err)
{
	*writer = (struct writer){ .fd = fd, .summed = summed };
	if (summed &&
	    (sha256_begin(&writer->plain, err) < 0 || sha256_begin(&writer->packed, err) < 0))
		return -err->code;
	if (strcmp(compression, "none") != 0 && add_filter(writer, compression, err) < 0)
		return -err->code;
	writer->tar = archive_write_new();
	if (!writer->tar)
		return err_set(err, ENOMEM, "out of memory");
	archive_write_set_format_pax(writer->tar);
	archive_write_set_bytes_in_last_block(writer->tar, 1);
	if (archive_write_open(writer->tar, writer, NULL, write_tar, NULL) != ARCHIVE_OK)
		return fail(writer, writer->tar, err);
	return 0;
}

/* A warning: a name is not UTF-8, and is written as bytes. */
int writer_header(struct writer *writer, struct archive_entry *entry, struct err *err)
{
	int r = archive_write_header(writer->tar, entry);

	return r != ARCHIVE_OK && r != ARCHIVE_WARN ? fail(writer, writer->tar, err) : 0;
}

int writer_data(struct writer *writer, const void *bytes, size_t n, struct err *err)
{
	const char *at = bytes;

	while (n > 0) {
		la_ssize_t written = archive_write_data(writer->tar, at, n);
		if (written <= 0)
			return fail(writer, writer->tar, err);
		at += written;
		n -= (size_t)written;
	}
	return 0;
}

int writer_add(struct writer *writer, const char *path, const void *bytes, size_t n,
	       struct err *err)
{
	struct archive_entry *entry = archive_entry_new();

	if (!entry)
		return err_set(err, ENOMEM, "out of memory");
	archive_entry_set_pathname(entry, path);
	archive_entry_set_filetype(entry, bytes ? AE_IFREG : AE_IFDIR);
	archive_entry_set_perm(entry, bytes ? 0644 : 0755);
	archive_entry_set_size(entry, (la_int64_t)n);
	archive_entry_set_mtime(entry, 0, 0);
	int r = writer_header(writer, entry, err);
	archive_entry_free(entry);
	return r < 0 || !bytes ? r : writer_data(writer, bytes, n, err);
}

int writer_finish(struct writer *writer, struct err *err)
{
	if (archive_write_close(writer->tar) != ARCHIVE_OK)
		return fail(writer, writer->tar, err);
	if (writer->filter && archive_write_close(writer->filter) != ARCHIVE_OK)
		return fail(writer, writer->filter, err);
	return 0;
}

void writer_end(struct writer *writer)
{
	archive_write_free(writer->tar);
	archive_write_free(writer->filter);
}
