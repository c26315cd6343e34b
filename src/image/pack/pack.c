/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-pack FORMAT COMPRESSION: writes a folder as an archive: the root of a template, or one that is imported. The
 * folder's names and contents are not trusted. The process that reads them sees only that folder, read-only, has no
 * network, may read all files of it and do nothing else with them, and writes to the descriptors that it was given. It
 * has no user namespace, so that it sees owners as they are on the disk.
 */
#include "image/pack/pack.h"

#include "base/file.h"
#include "base/scoped.h"
#include "image/pack/layout_out.h"
#include "image/pack/walk.h"
#include "image/shared/confined.h"
#include "image/shared/sandbox.h"

#include <errno.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DOCUMENT_MAX = 1 << 20 };

/* A report is smaller than PIPE_BUF: it is written completely or not at all. */
_Static_assert(sizeof(struct pack_report) <= 4096, "a report must fit into PIPE_BUF");

struct order {
	const char *format, *compression;
};

static int write_tar(const struct order *order, char *document, size_t length,
		     struct pack_report *report)
{
	bool is_image = strcmp(order->format, "lxc") == 0;
	struct err *err = &report->err;
	struct shift shift = { 0 };
	struct writer writer;

	if (!is_image && shift_parse(&shift, document, err) < 0)
		return -err->code;
	int r = writer_begin(&writer, PACK_OUTPUT, order->compression, false, err);
	if (r == 0 && is_image)
		r = writer_add(&writer, "metadata.yaml", document, length, err);
	if (r == 0)
		r = walk_root(&writer, is_image ? "rootfs" : "", &shift, report);
	if (r == 0)
		r = writer_finish(&writer, err);
	writer_end(&writer);
	return r;
}

static int write_layer(struct layer_out *layer, struct pack_report *report)
{
	const struct shift shift = { 0 };
	struct err *err = &report->err;
	struct writer writer;
	int r = writer_begin(&writer, layer->fd, layer->compression, true, err);

	if (r == 0)
		r = walk_root(&writer, "", &shift, report);
	if (r == 0)
		r = writer_finish(&writer, err);
	if (r == 0) {
		sha256_end(&writer.plain, layer->plain);
		sha256_end(&writer.packed, layer->packed);
		layer->size = writer.size;
	}
	writer_end(&writer);
	return r;
}

static void pack(const struct order *order, struct pack_report *report)
{
	struct layer_out layer = { .fd = PACK_SPOOL, .compression = order->compression };
	scoped_free char *document = NULL;
	ssize_t n = lseek(PACK_DOCUMENT, 0, SEEK_SET) < 0
			    ? -errno
			    : file_read_opened(PACK_DOCUMENT, DOCUMENT_MAX, &document);

	if (n < 0)
		err_set(&report->err, (int)-n, "read what is to be written: %s", file_why((int)-n));
	else if (strcmp(order->format, "oci") != 0)
		write_tar(order, document, (size_t)n, report);
	else if (write_layer(&layer, report) == 0)
		layout_write(PACK_OUTPUT, document, (size_t)n, &layer, &report->err);
}

/* In the confined process. */
static void work(int parent, const void *context, void *to)
{
	static const cap_value_t kept[] = { CAP_DAC_READ_SEARCH };
	struct pack_report *report = to;
	struct err *err = &report->err;

	/* A reader that has gone away is an error of a write. */
	signal(SIGPIPE, SIG_IGN);
	if (sandbox_enter(parent, PACK_FOLDER, err) < 0)
		return;
	close_range(PACK_FOLDER, ~0U, 0);
	if (sandbox_give_up(kept, 1, err) == 0)
		pack(context, report);
}

int main(int argc, char **argv)
{
	struct pack_report report = { 0 };
	struct sha256 sum;

	if (argc != 3) {
		fprintf(stderr, "berth-pack is run by 'berth template export'\n");
		return 2;
	}
	/* Names are bytes; in this locale libarchive does not convert UTF-8 names. */
	setlocale(LC_CTYPE, "C.UTF-8");
	/* Loads its library before the sandbox is entered. */
	sha256_begin(&sum, &(struct err){ 0 });
	const struct order order = { argv[1], argv[2] };
	const struct confined confined = {
		.namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
			      CLONE_NEWUTS | CLONE_NEWCGROUP,
		.verb = "pack",
		.doing = "packing",
		.suspect = "the folder",
		.report_fd = PACK_REPORT,
		.work = work,
		.context = &order,
	};
	if (confined_run(&confined, &report, sizeof report, &report.err) < 0)
		confined_end(PACK_REPORT, &report, sizeof report);
	return 0;
}
