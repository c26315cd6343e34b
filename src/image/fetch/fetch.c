/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-fetch BASE COUNT MODE URL DETAIL: reads from a server that is not trusted. Two processes: this one, root of
 * the host, makes the other and maps its ids; the other has namespaces of its own but for the network, a host that is
 * read-only to it, ids that own nothing there, no capabilities, and only then talks to the server. It can write to the
 * descriptors that it was given, up to the size that was asked for, and to nothing else.
 */
#include "image/fetch/fetch.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "image/fetch/streams.h"
#include "image/fetch/transport.h"
#include "image/shared/confined.h"
#include "kern/mount.h"
#include "kern/seccomp.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum {
	FILES_MAX = 256,
	NOBODY = 65534,
	INDEX_MAX = 32 << 20 /* documented in berth-template(7) */
};

/* A sanitizer's shadow counts as memory too, so that its build sets no limit. */
#ifndef FETCH_MEMORY_MAX
#define FETCH_MEMORY_MAX (1 << 30)
#endif

/* A report is smaller than PIPE_BUF: it is written whole or not at all. */
_Static_assert(sizeof(struct fetch_report) <= 4096, "a report must fit into PIPE_BUF");

struct order {
	struct idmap map;
	bool is_file; /* else: offers */
	const char *url, *arch;
	uint64_t size; /* of the file, or the most that offers can have */
};

/* Makes the whole file system read-only, so that not even files that all users may write can be changed. */
static int make_readonly(struct err *err)
{
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(err, errno, "make mounts private: %s", strerror(errno));
	scoped_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = root < 0 ? -errno
			 : mount_attributes(root, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 1);
	return r < 0 ? err_set(err, -r, "make mounts read-only: %s", mount_why(r)) : 0;
}

/* The mapped root may change mounts and add a filter, and becomes nobody then. */
static int become_nobody(int parent, struct err *err)
{
	if (make_readonly(err) < 0)
		return -err->code;
	int r = seccomp_raise(0, 0);
	if (r < 0)
		return err_set(err, -r, "filter system calls: %s", strerror(-r));
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, errno, "become nobody: %s", strerror(errno));
	r = child_tie(parent, SIGKILL);
	return r < 0 ? err_set(err, -r, "end with who began it: %s", strerror(-r)) : 0;
}

static int limit(uint64_t size, struct err *err)
{
	const struct rlimit memory = { FETCH_MEMORY_MAX, FETCH_MEMORY_MAX },
			    files = { FILES_MAX, FILES_MAX }, none = { 0, 0 },
			    written = { size, size };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_DATA, &memory) < 0 || setrlimit(RLIMIT_NOFILE, &files) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_FSIZE, &written) < 0)
		return err_set(err, errno, "set limits: %s", strerror(errno));
	return 0;
}

/* ---- The work */

static int read_list(const struct order *order, const char *path, struct streams_result *result,
		     struct err *err)
{
	scoped_text struct text json = { 0 };
	scoped_free char *url = text_format("%s/%s", order->url, path);

	if (!url)
		return err_set(err, ENOMEM, "out of memory");
	if (transport_read(url, INDEX_MAX, &json, err) < 0)
		return -err->code;
	if (streams_products(text_str(&json), json.length, order->arch, result, err) < 0)
		return err_wrap(err, "'%s'", url);
	return 0;
}

static int read_offers(const struct order *order, struct streams_result *result, struct err *err)
{
	scoped_text struct text json = { 0 };
	scoped_free char *url = text_format("%s/streams/v1/index.json", order->url);
	struct streams_files files;

	if (!url)
		return err_set(err, ENOMEM, "out of memory");
	if (transport_read(url, INDEX_MAX, &json, err) < 0)
		return -err->code;
	if (streams_index(text_str(&json), json.length, &files, err) < 0)
		return err_wrap(err, "'%s'", url);
	for (size_t i = 0; i < files.count; i++) {
		if (read_list(order, files.path[i], result, err) < 0)
			return -err->code;
	}
	int r = file_write_all(FETCH_OUTPUT, text_str(&result->lines), result->lines.length, 0);
	return r < 0 ? err_set(err, -r, "pass on the list of images: %s", strerror(-r)) : 0;
}

static void fetch(const struct order *order, struct fetch_report *report)
{
	struct streams_result result = { 0 };

	if (transport_begin(&report->err) < 0)
		return;
	if (order->is_file) {
		transport_save(order->url, FETCH_OUTPUT, order->size, &report->err);
		return;
	}
	read_offers(order, &result, &report->err);
	report->skipped = result.skipped;
	memcpy(report->why, result.why, sizeof report->why);
	text_free(&result.lines);
}

/* In the confined process. */
static void work(int parent, const void *context, void *to)
{
	const struct order *order = context;
	struct fetch_report *report = to;

	if (become_nobody(parent, &report->err) < 0)
		return;
	close_range(FETCH_OUTPUT + 1, ~0U, 0);
	if (limit(order->size, &report->err) == 0)
		fetch(order, report);
}

static int parse(char **argv, struct order *order)
{
	uint64_t base, count;

	if (text_to_u64(argv[1], 0, UINT32_MAX, &base) < 0 ||
	    text_to_u64(argv[2], 1, UINT32_MAX, &count) < 0)
		return -EINVAL;
	*order = (struct order){
		.map = { (uint32_t)base, (uint32_t)count },
		.is_file = strcmp(argv[3], "file") == 0,
		.url = argv[4],
		.arch = argv[5],
		.size = OFFERS_SIZE_MAX + OFFER_LINE_MAX,
	};
	return order->is_file ? text_to_u64(argv[5], 1, INT64_MAX, &order->size) : 0;
}

int main(int argc, char **argv)
{
	struct fetch_report report = { 0 };
	struct order order;

	if (argc != 6 || parse(argv, &order) < 0) {
		fprintf(stderr, "berth-fetch is run by 'berth template pull'\n");
		return 2;
	}
	const struct confined confined = {
		.namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
			      CLONE_NEWUTS | CLONE_NEWCGROUP,
		.map = &order.map,
		.verb = "fetch",
		.doing = "fetching",
		.suspect = "what the server sent",
		.report_fd = FETCH_REPORT,
		.work = work,
		.context = &order,
	};
	if (confined_run(&confined, &report, sizeof report, &report.err) < 0)
		confined_end(FETCH_REPORT, &report, sizeof report);
	return 0;
}
