/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file has no name until it is complete (O_TMPFILE), so that a kill leaves nothing. File systems that cannot do
 * that get a file beside it.
 */
#include "base/outfile.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int fail(const char *path, int code, struct err *err)
{
	return err_set(err, code, "write '%s': %s", path,
		       code == ENOSPC ? "the disk is full" : strerror(code));
}

static int open_output(struct outfile *out, const char *what, struct err *err)
{
	if (isatty(STDOUT_FILENO))
		return err_set(
			err, EINVAL,
			"standard output is a terminal, which cannot show %s; name a file, or "
			"pass it on by a pipe",
			what);
	out->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return out->fd < 0 ? fail("standard output", errno, err) : 0;
}

/* A FIFO without a reader is refused, and not waited for. */
static int open_special(struct outfile *out, const char *path, struct err *err)
{
	out->fd = file_open_special(path);
	if (out->fd == -ENXIO)
		return err_set(err, ENXIO, "write '%s': nobody reads from it", path);
	return out->fd < 0 ? fail(path, -out->fd, err) : 0;
}

static char *aside_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;

	return text_format("%.*s.%s.%d.new", (int)(last - path), path, last, (int)getpid());
}

int outfile_unnamed(const char *folder, mode_t mode)
{
	int fd = open(folder, O_RDWR | O_TMPFILE | O_NONBLOCK | O_CLOEXEC, mode);

	if (fd >= 0)
		return fd;
	return errno == EISDIR || errno == EINVAL ? -EOPNOTSUPP : -errno;
}

static int open_aside(struct outfile *out, mode_t mode, struct err *err)
{
	out->aside = aside_name(out->path);
	if (!out->aside)
		return err_set(err, ENOMEM, "out of memory");
	out->fd = open(out->aside, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (out->fd >= 0)
		return 0;
	int code = errno;
	free(out->aside);
	out->aside = NULL;
	return fail(out->path, code, err);
}

static int open_file(struct outfile *out, const char *path, mode_t mode, struct err *err)
{
	const char *slash = strrchr(path, '/');

	out->path = path;
	out->folder = !slash          ? strdup(".")
		      : slash == path ? strdup("/")
				      : strndup(path, (size_t)(slash - path));
	if (!out->folder)
		return err_set(err, ENOMEM, "out of memory");
	out->fd = outfile_unnamed(out->folder, mode);
	if (out->fd >= 0)
		return 0;
	return out->fd == -EOPNOTSUPP ? open_aside(out, mode, err) : fail(path, -out->fd, err);
}

int outfile_open(struct outfile *out, const struct outfile_spec *spec, struct err *err)
{
	const char *path = spec->path;
	struct stat st;

	*out = (struct outfile){ .fd = -1, .force = spec->force };
	if (strcmp(path, "-") == 0)
		return open_output(out, spec->what, err);
	if (stat(path, &st) < 0)
		return errno == ENOENT ? open_file(out, path, spec->mode, err)
				       : fail(path, errno, err);
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "write '%s': it is a folder; name a file in it", path);
	if (S_ISBLK(st.st_mode))
		return err_set(err, EINVAL, "write '%s': it is a disk; name a file", path);
	if (!S_ISREG(st.st_mode) || file_is_descriptor(path))
		return open_special(out, path, err);
	if (!spec->force)
		return err_set(err, EEXIST, "file '%s' exists already; --force replaces it", path);
	return open_file(out, path, spec->mode, err);
}

/* A file without a name gets one; with force, first another, since a link replaces nothing. */
static int name_it(struct outfile *out, struct err *err)
{
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", out->fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, out->path, AT_SYMLINK_FOLLOW) == 0)
		return 1;
	if (errno != EEXIST)
		return fail(out->path, errno, err);
	if (!out->force)
		return err_set(err, EEXIST, "file '%s' has just been made by another program",
			       out->path);
	out->aside = aside_name(out->path);
	if (!out->aside)
		return err_set(err, ENOMEM, "out of memory");
	if (linkat(AT_FDCWD, self, AT_FDCWD, out->aside, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	int code = errno;
	free(out->aside);
	out->aside = NULL;
	return fail(out->path, code, err);
}

int outfile_keep(struct outfile *out, struct err *err)
{
	if (!out->path)
		return 0;
	if (fsync(out->fd) < 0)
		return fail(out->path, errno, err);
	fault_point("travel-written");
	int named = out->aside ? 0 : name_it(out, err);
	if (named < 0)
		return named;
	if (!named && renameat2(AT_FDCWD, out->aside, AT_FDCWD, out->path,
				out->force ? 0 : RENAME_NOREPLACE) < 0)
		return fail(out->path, errno, err);
	if (!named) {
		free(out->aside);
		out->aside = NULL;
	}
	int r = file_sync_dir(out->folder);
	return r < 0 ? fail(out->path, -r, err) : 0;
}

void outfile_close(struct outfile *out)
{
	if (out->aside)
		unlink(out->aside);
	free(out->aside);
	free(out->folder);
	scoped_close_fd(&out->fd);
}
