/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's side of packing: runs berth-pack and checks its report. */
#include "image/pack/pack.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct order {
	const struct pack *pack;
	int output_fd, document_fd;
};

static void execute(const char *path, int report_fd, const void *context)
{
	const struct order *order = context;
	const struct pack *pack = order->pack;
	const int from[] = { report_fd, order->output_fd, order->document_fd, pack->spool_fd,
			     pack->folder_fd };
	int copies[sizeof from / sizeof *from];
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* Duplicated first: one of them may have a number that is needed. */
	for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
		copies[i] = fcntl(from[i] < 0 ? null_fd : from[i], F_DUPFD_CLOEXEC, 10);
		if (copies[i] < 0)
			return;
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(null_fd, i) < 0)
			return;
	}
	for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
		if (dup2(copies[i], PACK_REPORT + (int)i) < 0)
			return;
	}
	execl(path, "berth-pack", pack->format, pack->compression, (char *)NULL);
}

static const struct helper packer = { .program = "berth-pack", .execute = execute };

static struct helper helper_of(const struct order *order)
{
	struct helper helper = packer;

	helper.context = order;
	helper.tick = order->pack->tick;
	helper.tick_context = order->pack->context;
	return helper;
}

static int write_document(const struct pack *pack, struct err *err)
{
	scoped_fd int fd = memfd_create("berth-pack", MFD_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "make a file in memory: %s", strerror(errno));
	int r = pack->document
			? file_write_all(fd, text_str(pack->document), pack->document->length, 0)
			: 0;
	if (r < 0)
		return err_set(err, -r, "write a file in memory: %s", strerror(-r));
	return take_fd(&fd);
}

int pack_run(const struct pack *pack, struct pack_report *report, struct err *err)
{
	scoped_fd int document_fd = write_document(pack, err);
	const struct order order = { pack, pack->output_fd, document_fd };
	const struct helper helper = helper_of(&order);

	return document_fd < 0 ? document_fd : helper_run(&helper, report, sizeof *report, err);
}

int packing_begin(struct packing *packing, const struct pack *pack, struct err *err)
{
	int ends[2];

	*packing = (struct packing){ .document_fd = write_document(pack, err) };
	if (packing->document_fd < 0)
		return packing->document_fd;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, errno, "make a pipe: %s", strerror(errno));
	scoped_fd int reading = ends[0];
	scoped_fd int writing = ends[1];
	const struct order order = { pack, writing, packing->document_fd };
	const struct helper helper = helper_of(&order);
	if (helper_begin(&packing->running, &helper, sizeof(struct pack_report), err) < 0)
		return -err->code;
	return take_fd(&reading);
}

int packing_end(struct packing *packing, struct pack_report *report, struct err *err)
{
	int r = helper_end(&packing->running, &packer, report, sizeof *report, err);

	scoped_close_fd(&packing->document_fd);
	return r;
}
