/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A further piece of a file that an earlier part of the contents has begun. */
#include "stream/fill.h"

#include "base/file.h"
#include "base/scoped.h"
#include "image/shared/attributes.h"
#include "stream/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

bool fill_is_further(struct archive_entry *entry)
{
	const char *name;
	const void *value;
	size_t size;

	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
		return false;
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (strcmp(name, PACK_FURTHER) == 0)
			return true;
	}
	return false;
}

static int fail(struct extraction *x, int code)
{
	return code == ENOSPC || code == EDQUOT
		       ? err_set(&x->report->err, code, "the pool is full")
		       : err_set(&x->report->err, code, "entry '%s': %s", x->name, strerror(code));
}

static int copy(struct extraction *x, struct archive *in, int fd)
{
	const void *block;
	size_t size;
	la_int64_t offset;

	for (;;) {
		int r = archive_read_data_block(in, &block, &size, &offset);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return entry_fail(x, in);
		r = size > 0 ? file_write_all(fd, block, size, (off_t)offset) : 0;
		if (r < 0)
			return fail(x, -r);
		if (entry_wrote(x, size) < 0)
			return -x->report->err.code;
	}
}

/* A write takes capabilities and the set-user-id bits away, and changes the times. Owner and ACL stay. */
static int restore(struct extraction *x, struct archive_entry *entry, int fd)
{
	const struct timespec times[2] = {
		{ archive_entry_atime(entry), archive_entry_atime_nsec(entry) },
		{ archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) },
	};
	const char *name;
	const void *value;
	size_t size;

	if (attributes_settle(entry) < 0)
		return fail(x, ENOMEM);
	if (fchmod(fd, archive_entry_perm(entry)) < 0)
		return fail(x, errno);
	archive_entry_xattr_reset(entry);
	while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
		if (fsetxattr(fd, name, value, size, 0) < 0)
			return fail(x, errno);
	}
	return futimens(fd, times) < 0 ? fail(x, errno) : 0;
}

int fill_further(struct extraction *x, struct archive *in, struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);
	struct stat st;

	entry_name(x, path);
	if (entry_check_names(x, entry, path) < 0)
		return -x->report->err.code;
	scoped_fd int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(x, errno);
	if (!S_ISREG(st.st_mode))
		return err_set(&x->report->err, EBADMSG,
			       "entry '%s' goes on with a file that is none", x->name);
	int r = copy(x, in, fd);
	return r < 0 ? r : restore(x, entry, fd);
}
