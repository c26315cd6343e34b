/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Check whether a device may be used for a thin pool, and removal of all old signatures from it. */
#include "base/child.h"
#include "base/scoped.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin_disks.h"

#include <errno.h>
#include <string.h>

enum { MIB = 1 << 20 };

static int refuse(const char *path, const char *what, struct err *err)
{
	return err_set(err, EEXIST,
		       "'%s' holds something (%s); if it is of no use, use --force, which "
		       "destroys it",
		       path, what);
}

/* Signatures by wipefs(8), which uses libblkid; to link libblkid would cost every command 0.1 ms. */
static int check_signatures(const char *path, struct err *err)
{
	scoped_free char *program = disk_find_program("wipefs");
	scoped_text struct text found = { 0 };
	const struct child_io io = { .out = &found };
	const char *const argv[] = { program, "--noheadings", "--output", "TYPE", path, NULL };

	if (!program)
		return err_set(err, ENOENT,
			       "see what '%s' holds: wipefs is not installed; install util-linux",
			       path);
	if (child_run(argv, &io, err) < 0)
		return -err->code;
	char *first = found.data ? text_trim(found.data) : NULL;
	if (!first || !*first)
		return 0;
	first[strcspn(first, "\n")] = '\0';
	return refuse(path, first, err);
}

int thin_refuse_full(int fd, const char *path, struct err *err)
{
	struct thin_disk_label label;
	struct thin_layout layout;
	char uuid[37];

	int r = thin_label_read(fd, uuid, &layout);
	if (r == 0)
		return err_set(err, EEXIST,
			       "'%s' holds a thin pool already (UUID %s); if it is of no use, use "
			       "--force, which destroys it",
			       path, uuid);
	int further = thin_label_read_disk(fd, &label);
	if (further == 0)
		return err_set(err, EEXIST,
			       "'%s' is a disk of a thin pool already (UUID %s); if that is gone "
			       "for good, use --force, which destroys what it holds",
			       path, label.pool);
	if (r == -EUCLEAN || further == -EUCLEAN)
		return refuse(path, "a damaged thin pool", err);
	return check_signatures(path, err);
}

int thin_clear(int fd, const uint64_t *places, size_t count)
{
	scoped_free char *zeros = calloc(1, MIB);

	if (!zeros)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (pwrite(fd, zeros, MIB, (off_t)places[i]) != MIB)
			return errno ? -errno : -EIO;
	}
	return fsync(fd) < 0 ? -errno : 0;
}
