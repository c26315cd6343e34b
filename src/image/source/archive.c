/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images in archives: a tar or squashfs, alone or beside the archive with its metadata, or standard input. */
#include "image/source/source.h"

#include "base/scoped.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { WRITER_SECONDS = 20 };

static bool fits(const struct source *source)
{
	return source->path != NULL;
}

/* Whether a program has a FIFO open to write into it. It may not have written yet. */
static bool has_writer(int fifo)
{
	int scratch[2];

	if (pipe2(scratch, O_CLOEXEC) < 0)
		return true;
	/* This consumes nothing, and tells "no data yet" from "no writer". */
	ssize_t n = tee(fifo, scratch[1], 1, SPLICE_F_NONBLOCK);
	bool has = n > 0 || (n < 0 && errno == EAGAIN);
	close(scratch[0]);
	close(scratch[1]);
	return has;
}

/*
 * Waits until a program writes into a FIFO, which an open without O_NONBLOCK would do for ever. A pipe has a writer
 * already, or had one, and both may be slow.
 */
static int await_writer(const char *archive, int fd, struct err *err)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return err_set(err, errno, "open archive '%s': %s", archive, strerror(errno));
	if (fs.f_type != PIPEFS_MAGIC && poll(&ready, 1, WRITER_SECONDS * 1000) == 0 &&
	    !has_writer(fd))
		return err_set(err, ETIMEDOUT,
			       "archive '%s' is a FIFO, and no program has written into it for %d "
			       "seconds; start the writer first, or use a pipe: ... | berth "
			       "template import - NAME",
			       archive, WRITER_SECONDS);
	return 0;
}

/* "-": standard input. */
static int open_file(const char *archive, struct err *err)
{
	struct stat st;
	scoped_fd int fd = strcmp(archive, "-") == 0
				   ? fcntl(0, F_DUPFD_CLOEXEC, 3)
				   : open(archive, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open archive '%s': %s", archive, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "'%s' is a folder, not an archive", archive);
	if (isatty(fd))
		return err_set(err, EINVAL, "archive '%s' is a terminal; give a file or a pipe",
			       archive);
	if (strcmp(archive, "-") == 0)
		return take_fd(&fd);
	if (S_ISFIFO(st.st_mode) && await_writer(archive, fd, err) < 0)
		return -err->code;
	if (fcntl(fd, F_SETFL, 0) < 0)
		return err_set(err, errno, "open archive '%s': %s", archive, strerror(errno));
	return take_fd(&fd);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int begin(struct source *source, struct err *err)
{
	const char *last = last_part(source->path);
	struct unpack_input *input = &source->input;

	input->archive_fd = open_file(source->path, err);
	if (input->archive_fd < 0)
		return -err->code;
	if (source->metadata) {
		input->metadata_fd = open_file(source->metadata, err);
		if (input->metadata_fd < 0)
			return -err->code;
	}
	source->description = strdup(last);
	source->origin = text_format("archive %s", last);
	return source->description && source->origin ? 0 : err_set(err, ENOMEM, "out of memory");
}

const struct source_ops source_archive = {
	.noun = "archive",
	.fits = fits,
	.begin = begin,
};
