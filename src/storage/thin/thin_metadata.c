/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Metadata of a thin pool: checked while the pool is active; corrected, or repaired into the spare area, while it is
 * not.
 */
#include "storage/thin/thin_metadata.h"
#include "base/child.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "storage/disk.h"
#include "storage/driver.h"
#include "storage/thin/thin_super.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A deadline for a program that reads a whole disk. */
enum { CHECK_SECONDS = 24 * 3600 };

enum { CHUNK = 64 << 10 };

struct mending {
	struct pool *pool;
	struct text *report;
	struct err *err;
};

static unsigned long long ull(uint64_t n)
{
	return n;
}

/* Runs one of thin-provisioning-tools; *code gets its exit code. */
static int run_tool(const char *name, const char *const *words, int *code, struct err *err)
{
	scoped_free char *program = disk_find_program(name);
	scoped_text struct text out = { 0 };
	const struct child_io io = {
		.out = &out, .errors = &out, .code = code, .seconds = CHECK_SECONDS
	};
	const char *argv[16] = { program };

	if (!program)
		return err_set(err, ENOENT,
			       "%s is not installed; install thin-provisioning-tools (elsewhere "
			       "device-mapper-persistent-data)",
			       name);
	for (size_t i = 0; i < 14 && words[i]; i++)
		argv[i + 1] = words[i];
	return child_run(argv, &io, err);
}

static bool all_zero(const char *chunk, size_t n)
{
	return chunk[0] == 0 && memcmp(chunk, chunk + 1, n - 1) == 0;
}

/* Zeros become a hole. */
static int copy_sparse(int from, int to, uint64_t size)
{
	scoped_free char *chunk = malloc(CHUNK);

	if (!chunk)
		return -ENOMEM;
	for (uint64_t at = 0; at < size; at += CHUNK) {
		size_t wanted = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
		ssize_t n = pread(from, chunk, wanted, (off_t)at);
		if (n < 0)
			return -errno;
		if ((size_t)n == wanted && !all_zero(chunk, wanted) &&
		    pwrite(to, chunk, wanted, (off_t)at) != (ssize_t)wanted)
			return errno ? -errno : -EIO;
	}
	if (ftruncate(to, (off_t)size) < 0 || fsync(to) < 0)
		return -errno;
	return 0;
}

/* The metadata before anything writes to it. */
static int back_up(struct mending *mending, const char *device)
{
	struct pool *pool = mending->pool;
	scoped_free char *path = text_format("%s/metadata.backup", pool->folder);
	scoped_free char *aside = text_format("%s/metadata.backup.new", pool->folder);

	if (!path || !aside)
		return err_set(mending->err, ENOMEM, "out of memory");
	scoped_fd int from = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	scoped_fd int to = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
	int r = from < 0 || to < 0 ? -errno : 0;
	if (r == 0)
		r = copy_sparse(from, to,
				thin_extents_size(&thin_of(pool)->layout.metadata) * DM_SECTOR);
	if (r == 0 && rename(aside, path) < 0)
		r = -errno;
	if (r == 0)
		r = file_sync_dir(pool->folder);
	if (r < 0) {
		unlink(aside);
		return err_set(mending->err, -r, "back its metadata up to '%s': %s", path,
			       strerror(-r));
	}
	text_add(mending->report, "metadata as it was: %s\n", path);
	return 0;
}

/* The number that catalogue and label know, for a superblock that cannot be read. */
static int guess_transaction(struct mending *mending)
{
	scoped_free char *path = thin_catalog_path(mending->pool);
	scoped_catalog struct catalog catalog = { 0 };
	struct catalog_head head = { 0 };
	struct err none = { 0 };

	if (!path || catalog_open(&catalog, path, mending->pool->config.uuid, &none) < 0 ||
	    catalog_read_head(&catalog, &head, &none) < 0)
		return 0;
	return (int)head.transaction;
}

static int repair_into(struct mending *mending, const char *from, const char *to, int *code)
{
	const struct thin_layout *layout = &thin_of(mending->pool)->layout;
	char transaction[24], block[24], blocks[24];
	struct err crashed = { 0 };
	const char *const plain[] = { "-i", from, "-o", to, NULL };
	const char *const told[] = { "-i",
				     from,
				     "-o",
				     to,
				     "--transaction-id",
				     transaction,
				     "--data-block-size",
				     block,
				     "--nr-data-blocks",
				     blocks,
				     NULL };

	snprintf(transaction, sizeof transaction, "%d", guess_transaction(mending));
	snprintf(block, sizeof block, "%llu", ull(layout->block));
	snprintf(blocks, sizeof blocks, "%llu",
		 ull(thin_extents_size(&layout->data) / layout->block));
	if (run_tool("thin_repair", plain, code, &crashed) == 0 && *code == 0)
		return 0;
	if (crashed.code == ENOENT)
		return err_set(mending->err, crashed.code, "%s", crashed.text);
	if (run_tool("thin_repair", told, code, &crashed) < 0)
		return err_set(
			mending->err, EUCLEAN,
			"%s; versions before 1.0 do so when the superblock is gone, of which there "
			"is no copy that is new enough: install thin-provisioning-tools 1.0 or "
			"newer, and call this again",
			crashed.text);
	return 0;
}

/* The old metadata stays where it was, and becomes the next spare. */
static int use_spare(struct mending *mending, const char *metadata)
{
	struct pool *pool = mending->pool;
	char spare[32];
	const char *const check[] = { "-q", spare, NULL };
	const char *const clear[] = { "-q", "--clear-needs-check-flag", spare, NULL };
	int code = 0;

	if (thin_fill(pool, &thin_of(pool)->layout.spare, mending->err) < 0 ||
	    thin_path(pool, "spare", spare, sizeof spare, mending->err) < 0 ||
	    repair_into(mending, metadata, spare, &code) < 0)
		return -mending->err->code;
	fault_point("thin-repaired");
	if (code == 0 && run_tool("thin_check", check, &code, mending->err) < 0)
		return -mending->err->code;
	/* thin_repair copies the needs_check flag too. */
	if (code == 0 && run_tool("thin_check", clear, &code, mending->err) < 0)
		return -mending->err->code;
	if (code != 0)
		return err_set(
			mending->err, EUCLEAN,
			"its metadata is damaged beyond repair by thin_repair(8); what it was "
			"is in '%s/metadata.backup', and the pool's data were not touched",
			pool->folder);
	/* Mapped blocks may be older than the data that was written. */
	if (thin_raise_doubt(pool, THIN_DOUBT_ALL, NULL, mending->err) < 0)
		return -mending->err->code;
	fault_point("thin-doubted");
	text_add(mending->report,
		 "its metadata was damaged: a repaired copy of it is in use now\n");
	return thin_swap(pool, mending->err);
}

/* Restores the superblock from its copy, if the kernel has not had the pool since. */
static int mend_superblock(struct mending *mending, const char *metadata)
{
	struct pool *pool = mending->pool;
	unsigned char super[THIN_SUPER_SIZE];
	scoped_fd int fd = open(metadata, O_RDWR | O_CLOEXEC);
	scoped_fd int disk = open(pool->config.source, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || disk < 0)
		return err_set(mending->err, errno, "open '%s': %s",
			       fd < 0 ? metadata : pool->config.source, strerror(errno));
	if (thin_super_read(fd, 0, super) || *thin_of(pool)->layout.mark.host ||
	    !thin_super_kept(pool, disk, super))
		return 0;
	if (pwrite(fd, super, sizeof super, 0) != (ssize_t)sizeof super || fsync(fd) < 0)
		return err_set(mending->err, errno, "write to '%s': %s", metadata, strerror(errno));
	fault_point("thin-super-written");
	text_add(mending->report, "the superblock of its metadata had been written over: written "
				  "back from the copy of its last detach\n");
	return 0;
}

static int mend_metadata(struct mending *mending)
{
	char metadata[32];
	const char *const check[] = { "-q", metadata, NULL };
	const char *const clear[] = { "-q", "--clear-needs-check-flag", metadata, NULL };
	int code = 0;

	if (thin_path(mending->pool, "metadata", metadata, sizeof metadata, mending->err) < 0 ||
	    back_up(mending, metadata) < 0 || mend_superblock(mending, metadata) < 0 ||
	    run_tool("thin_check", check, &code, mending->err) < 0)
		return -mending->err->code;
	fault_point("thin-backed-up");
	if (code != 0)
		return use_spare(mending, metadata);
	text_add(mending->report, "its metadata is sound\n");
	if (run_tool("thin_check", clear, &code, mending->err) < 0)
		return -mending->err->code;
	if (code != 0)
		return err_set(mending->err, EIO,
			       "thin_check cannot write to its metadata; repair or replace the "
			       "disk under it (see dmesg)");
	return 0;
}

int thin_mend_metadata(struct pool *pool, struct text *report, struct err *err)
{
	struct mending mending = { .pool = pool, .report = report, .err = err };

	return mend_metadata(&mending);
}

/* ---- While it lives, and what is remembered */

/* The first line after those that report the progress. */
static const char *first_finding(char *said)
{
	for (char *rest = said, *line; rest && (line = strsep(&rest, "\n"));) {
		line = text_trim(line);
		if (*line && !text_starts(line, "examining") && !text_starts(line, "checking"))
			return line;
	}
	return "thin_check finds errors";
}

int thin_check_metadata(struct pool *pool, bool *sound, struct err *why, struct err *err)
{
	static const char *const words[] = { "--metadata-snap", NULL };
	scoped_free char *program = disk_find_program("thin_check");
	scoped_text struct text out = { 0 }, errors = { 0 };
	int code = 0;
	const struct child_io io = { .out = &out, .errors = &errors, .code = &code };

	*sound = true;
	if (!program)
		return -ENOENT;
	if (thin_run_on_snapshot(pool, program, words, &io, err) < 0)
		return -err->code;
	*sound = code == 0;
	if (!*sound)
		err_set(why, EUCLEAN, "%s", first_finding(errors.data));
	return 0;
}

int thin_raise_doubt(struct pool *pool, enum thin_doubt doubt, enum thin_doubt *known,
		     struct err *err)
{
	struct err none = { 0 };
	struct catalog *catalog;
	uint64_t is = THIN_DOUBT_NONE;

	if (thin_catalog(pool, &catalog, &none) == 0) {
		if (catalog_note(catalog, CATALOG_DOUBT, &is, err) < 0)
			return -err->code;
		if (is < doubt && catalog_set_note(catalog, CATALOG_DOUBT, doubt, err) < 0)
			return -err->code;
	}
	if (known)
		*known = is < doubt            ? doubt
			 : is < THIN_DOUBT_ALL ? (enum thin_doubt)is
					       : THIN_DOUBT_ALL;
	return 0;
}
