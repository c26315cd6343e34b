/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images in archives: a tar or squashfs, alone or beside the archive with its metadata, or standard input. */
#include "image/source/source.h"

#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static bool fits(const struct source *source)
{
	return source->path != NULL;
}

/* "-": standard input. */
static int open_file(const char *archive, struct err *err)
{
	struct stat st;
	scoped_fd int fd = strcmp(archive, "-") == 0
				   ? fcntl(0, F_DUPFD_CLOEXEC, 3)
				   : open(archive, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open archive '%s': %s", archive, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "'%s' is a folder, not an archive", archive);
	if (isatty(fd))
		return err_set(err, EINVAL, "archive '%s' is a terminal; give a file or a pipe",
			       archive);
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
