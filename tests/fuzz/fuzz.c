/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char path[256];
static pid_t owner;

static void remove_folder(void)
{
	if (getpid() == owner)
		remove_tree(AT_FDCWD, path);
}

int fuzz_folder(const char **name)
{
	static int fd = -1;

	if (fd < 0) {
		/* The folder that tests/fuzz/run cleans after a crash. */
		const char *above = getenv("TMPDIR");
		owner = getpid();
		if (text_print(path, sizeof path, "%s/berth-fuzz.XXXXXX",
			       above && text_starts(above, "/dev/shm/") ? above : "/dev/shm") < 0 ||
		    !mkdtemp(path))
			abort();
		atexit(remove_folder);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (name)
		*name = path;
	return fd;
}

void fuzz_enclose(void)
{
	struct mount_attr closed = { .attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE };
	struct mount_attr open = { .attr_clr = MOUNT_ATTR_RDONLY };

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &closed, sizeof closed) < 0 ||
	    mount_setattr(AT_FDCWD, "/dev/shm", 0, &open, sizeof open) < 0)
		abort();
}

int fuzz_enter(int *home)
{
	static int folder = -1, before = -1;

	if (folder < 0) {
		before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		folder = fuzz_folder(NULL);
		fuzz_enclose();
	}
	*home = before;
	return folder;
}

static int host = -1, before_root = -1;

static void empty(int folder)
{
	DIR *dir = opendir("/");

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_tree(folder, e->d_name);
	}
	if (dir)
		closedir(dir);
}

int fuzz_root_enter(int *above)
{
	static int folder = -1;

	*above = fuzz_enter(&before_root);
	if (folder < 0) {
		host = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (mkdirat(*above, "root", 0755) < 0 || mkdirat(*above, "outside", 0755) < 0)
			abort();
		folder = openat(*above, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fchdir(folder) < 0 || chroot(".") < 0)
		abort();
	empty(folder);
	return folder;
}

void fuzz_root_leave(void)
{
	if (fchdir(host) < 0 || chroot(".") < 0 || fchdir(before_root) < 0)
		abort();
}

bool fuzz_has_only_root(int folder)
{
	scoped_fd int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(take_fd(&fd));
	unsigned names = 0;

	while (dir && readdir(dir))
		names++;
	if (dir)
		closedir(dir);
	/* With "." and "..". */
	return names == 3;
}

void fuzz_file(int folder, const char *name, const uint8_t *data, size_t size)
{
	scoped_fd int fd =
		openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0755);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
}

int fuzz_memory(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

char *fuzz_word(const uint8_t **data, size_t *size)
{
	size_t length = strnlen((const char *)*data, *size);
	char *word = strndup((const char *)*data, length);
	size_t taken = length < *size ? length + 1 : length;

	if (!word)
		abort();
	*data += taken;
	*size -= taken;
	return word;
}

long fuzz_in_pieces(fuzz_filter *filter, void *context, size_t added, const uint8_t *data,
		    size_t size, size_t piece, unsigned char *out)
{
	long made = 0;

	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		unsigned char *in = malloc(n), *passed = malloc(n + added);
		fuzz_check(in && passed);
		memcpy(in, data + at, n);
		long r = filter(context, in, n, passed);
		if (r > 0)
			memcpy(out + made, passed, (size_t)r);
		free(in);
		free(passed);
		if (r < 0)
			return r;
		made += r;
	}
	return made;
}
