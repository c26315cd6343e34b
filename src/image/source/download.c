/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/source/download.h"

#include "base/file.h"
#include "base/scoped.h"
#include "image/fetch/fetch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

enum { KEPT_SECONDS = 7 * 24 * 3600 };

struct running {
	const struct download *download;
	const struct offer_file *file;
	int fd;
};

static void tick(void *context)
{
	const struct running *running = context;
	const struct download_watch *watch = running->download->watch;
	struct stat st;

	if (watch && fstat(running->fd, &st) == 0)
		watch->show(watch->context, (uint64_t)st.st_size, running->file->size);
}

/* A sum is the name: 64 hexadecimal digits. */
static char *cache_path(const struct dirs *dirs, const struct offer_file *file)
{
	return dirs_state_path(dirs, "cache/images/%s", file->sha256);
}

static int open_cached(const struct dirs *dirs, const struct offer_file *file, struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "cache/images");
	scoped_free char *path = cache_path(dirs, file);

	if (!folder || !path)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? err_set(err, errno, "open '%s': %s", path, strerror(errno)) : fd;
}

/* The space is checked before anything is fetched. */
static int check_space(int fd, uint64_t size, struct err *err)
{
	struct statvfs fs;
	struct stat st;
	char wanted[32], free_bytes[32];

	if (fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0)
		return err_set(err, errno, "look at the cache: %s", strerror(errno));
	uint64_t have = (uint64_t)st.st_size, room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (have >= size || size - have <= room)
		return 0;
	text_human_size(size - have, wanted, sizeof wanted);
	text_human_size(room, free_bytes, sizeof free_bytes);
	return err_set(err, ENOSPC,
		       "the disk of the cache is full: %s more are needed, and %s are free", wanted,
		       free_bytes);
}

static int fetch(const struct running *running, struct err *err)
{
	const struct download *download = running->download;
	scoped_free char *url = text_format("%s/%s", download->url, running->file->path);
	struct fetch_report report;
	char size[24];

	snprintf(size, sizeof size, "%" PRIu64, running->file->size);
	if (!url)
		return err_set(err, ENOMEM, "out of memory");
	struct fetch fetch = {
		.mode = "file",
		.url = url,
		.detail = size,
		.output_fd = running->fd,
		.map = &download->map,
		.tick = tick,
		.context = (void *)(uintptr_t)running,
	};
	return fetch_run(&fetch, &report, err);
}

static int check_sum(const struct running *running, struct sha256 *also, struct err *err)
{
	const struct offer_file *file = running->file;
	struct sha256 copy = also ? *also : (struct sha256){ 0 };
	char sum[SHA256_HEX + 1];
	struct stat st;

	if (fstat(running->fd, &st) < 0)
		return err_set(err, errno, "look at the cache: %s", strerror(errno));
	if (sha256_file(running->fd, sum, also ? &copy : NULL, err) < 0)
		return -err->code;
	if ((uint64_t)st.st_size != file->size || strcmp(sum, file->sha256) != 0)
		return err_set(err, EBADMSG,
			       "'%s/%s' has the wrong sum: the index promises SHA-256 %.16s..., "
			       "but it is %.16s...",
			       running->download->url, file->path, file->sha256, sum);
	if (also)
		*also = copy;
	return 0;
}

int download_file(const struct download *download, const struct offer_file *file,
		  struct sha256 *also, struct err *err)
{
	scoped_fd int fd = open_cached(download->dirs, file, err);
	struct running running = { download, file, fd };
	struct stat st;

	if (fd < 0)
		return fd;
	bool resumed = fstat(fd, &st) == 0 && st.st_size > 0;
	for (;;) {
		if (check_space(fd, file->size, err) < 0 || fetch(&running, err) < 0)
			break;
		if (check_sum(&running, also, err) == 0)
			return take_fd(&fd);
		/* The damage may be in the resumed part or in the new one, so one more try fetches the whole file. */
		if (ftruncate(fd, 0) < 0 || !resumed)
			break;
		resumed = false;
		*err = (struct err){ 0 };
	}
	/* A download that is of no use, or that fills the disk, does not stay. */
	if (err->code == ENOSPC || err->code == EBADMSG || (fstat(fd, &st) == 0 && st.st_size == 0))
		download_forget(download->dirs, file);
	return -err->code;
}

void download_forget(const struct dirs *dirs, const struct offer_file *file)
{
	scoped_free char *path = *file->path ? cache_path(dirs, file) : NULL;

	if (path)
		unlink(path);
}

void download_sweep(const struct dirs *dirs)
{
	scoped_free char *folder = dirs_state_path(dirs, "cache/images");
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;
	time_t now = time(NULL);
	struct stat st;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && now - st.st_mtime > KEPT_SECONDS)
			unlinkat(dirfd(dir), e->d_name, 0);
	}
}
