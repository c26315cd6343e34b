/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-unpack BASE COUNT [split | folder]: unpacks an archive, or an image in a folder, that may be hostile. There are
 * two processes. This one, root of the host, forks the other and maps its ids. The other has namespaces of its own,
 * sees only the new volume, keeps the few capabilities and system calls that writing files needs, and only then reads
 * the archive. The libraries are loaded before, because they are out of reach later.
 */
#include "image/unpack/unpack.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/shared/confined.h"
#include "image/shared/sandbox.h"
#include "image/shared/sha256.h"
#include "image/unpack/disk.h"
#include "image/unpack/oci.h"
#include "kern/idmap.h"

#include <fcntl.h>
#include <locale.h>
#include <sched.h>
#include <string.h>

/* A report is smaller than PIPE_BUF: it is written completely or not at all. */
_Static_assert(sizeof(struct unpack_report) <= 4096, "a report must fit into PIPE_BUF");

enum mode { MODE_ARCHIVE, MODE_SPLIT, MODE_FOLDER };

/* An archive, which may turn out to be that of an OCI image, or the folder of one. */
static int unpack(enum mode mode, struct unpack_report *report, struct text *facts)
{
	if (mode == MODE_FOLDER && !oci_is_image(UNPACK_FOLDER))
		return err_set(&report->err, EISDIR, "it is no OCI image any more");
	if (mode == MODE_FOLDER)
		return oci_apply(UNPACK_FOLDER, report, facts);
	if (disk_is(UNPACK_ARCHIVE)) {
		int r = disk_extract(UNPACK_ARCHIVE, report);
		return r == 0 ? layout_settle(report) : r;
	}
	if ((mode == MODE_SPLIT && extract_metadata(UNPACK_METADATA, report) < 0) ||
	    extract_archive(UNPACK_ARCHIVE, report) < 0)
		return -report->err.code;
	int r = mode == MODE_SPLIT ? 0 : oci_settle(report, facts);
	return r == 0 ? layout_settle(report) : r;
}

struct order {
	struct idmap map;
	enum mode mode;
	int null_fd; /* owned */
};

/* In the confined process. */
static void work(int parent, const void *context, void *to)
{
	const struct order *order = context;
	struct unpack_report *report = to;
	struct err *err = &report->err;
	scoped_text struct text facts = { 0 };

	if (sandbox_enter(parent, UNPACK_VOLUME, err) < 0)
		return;
	dup2(order->null_fd, 1);
	dup2(order->null_fd, 2);
	close_range(UNPACK_METADATA + (order->mode == MODE_ARCHIVE ? 0 : 1), ~0U, 0);
	if (sandbox_give_up(sandbox_writer, SANDBOX_WRITER, err) < 0 ||
	    unpack(order->mode, report, &facts) < 0)
		return;
	int r = file_write_all(UNPACK_FACTS, text_str(&facts), facts.length, 0);
	if (r < 0)
		err_set(err, -r, "pass on the settings of the image: %s", strerror(-r));
}

/* The host's half: id maps of the volume and of the folder. */
static int map_mounts(pid_t pid, const void *context, struct err *err)
{
	const struct order *order = context;

	if (order->map.base == 0)
		return 0;
	/* A folder whose ids cannot be mapped is read as any user of the host may read it. */
	if (order->mode == MODE_FOLDER)
		sandbox_map(pid, UNPACK_FOLDER, &(struct err){ 0 });
	return sandbox_map(pid, UNPACK_VOLUME, err);
}

static int run_confined(const struct order *order, struct unpack_report *report)
{
	const struct confined confined = {
		.namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
			      CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP,
		.map = &order->map,
		.verb = "unpack",
		.doing = "unpacking",
		.suspect = "the archive",
		.report_fd = UNPACK_REPORT,
		.admit = map_mounts,
		.work = work,
		.context = order,
	};

	return confined_run(&confined, report, sizeof *report, &report->err);
}

static enum mode mode_of(const char *word)
{
	return !word ? MODE_ARCHIVE : strcmp(word, "split") == 0 ? MODE_SPLIT : MODE_FOLDER;
}

int main(int argc, char **argv)
{
	struct unpack_report report = { 0 };
	uint64_t base, count;
	struct sha256 sum;

	if (argc < 3 || argc > 4 || text_to_u64(argv[1], 0, UINT32_MAX, &base) < 0 ||
	    text_to_u64(argv[2], 1, UINT32_MAX, &count) < 0) {
		fprintf(stderr, "berth-unpack is run by 'berth template import'\n");
		return 2;
	}
	/* Names are bytes; in this locale libarchive does not convert UTF-8 names. */
	setlocale(LC_CTYPE, "C.UTF-8");
	/* Loads its library, if it is there; what needs a sum and has none tells so. */
	sha256_begin(&sum, &(struct err){ 0 });
	scoped_fd int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct order order = {
		.map = { (uint32_t)base, (uint32_t)count },
		.mode = mode_of(argv[3]),
		.null_fd = null_fd,
	};
	if (run_confined(&order, &report) < 0)
		confined_end(UNPACK_REPORT, &report, sizeof report);
	return 0;
}
