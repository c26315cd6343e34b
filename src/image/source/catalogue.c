/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The images that a server has for this host. */
#include "base/file.h"
#include "base/scoped.h"
#include "image/fetch/fetch.h"
#include "image/source/import.h"
#include "image/source/remote.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

/* The architecture of this host, as image servers name it. */
static const char *host_arch(struct utsname *host)
{
	static const char *const names[][2] = {
		{ "x86_64", "amd64" }, { "aarch64", "arm64" },   { "armv7l", "armhf" },
		{ "armv8l", "armhf" }, { "i686", "i386" },       { "ppc64le", "ppc64el" },
		{ "s390x", "s390x" },  { "riscv64", "riscv64" }, { "loongarch64", "loong64" },
	};

	if (uname(host) < 0)
		return "unknown";
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(host->machine, names[i][0]) == 0)
			return names[i][1];
	}
	return host->machine;
}

static int by_names(const void *a, const void *b)
{
	const struct offer *one = a, *other = b;
	int r = strcmp(one->os, other->os);

	if (r == 0)
		r = strverscmp(one->release, other->release);
	return r ? r : strcmp(one->variant, other->variant);
}

/* Text of a process that may be hostile: whatever is not as offer_print writes it is refused. */
static int parse_lines(char *lines, struct catalogue *catalogue, struct err *err)
{
	catalogue->offers = reallocarray(NULL, OFFERS_MAX, sizeof *catalogue->offers);
	if (!catalogue->offers)
		return err_set(err, ENOMEM, "out of memory");
	for (char *line; (line = strsep(&lines, "\n")) && *line;) {
		if (catalogue->count == OFFERS_MAX ||
		    !offer_parse(line, &catalogue->offers[catalogue->count]))
			return err_set(err, EBADMSG, "the list of images is not as it should be");
		catalogue->count++;
	}
	if (lines)
		return err_set(err, EBADMSG, "the list of images is not as it should be");
	qsort(catalogue->offers, catalogue->count, sizeof *catalogue->offers, by_names);
	return 0;
}

static int fetch_lines(const struct dirs *dirs, const char *url, struct catalogue *catalogue,
		       char **lines, struct err *err)
{
	struct utsname host;
	struct fetch_report report;
	struct idmap map;
	scoped_fd int fd = memfd_create("berth-offers", MFD_CLOEXEC);

	if (fd < 0)
		return err_set(err, errno, "make a file in memory: %s", strerror(errno));
	if (import_ids(dirs, &map, err) < 0)
		return -err->code;
	struct fetch fetch = {
		.mode = "offers",
		.url = url,
		.detail = host_arch(&host),
		.output_fd = fd,
		.map = &map,
	};
	if (fetch_run(&fetch, &report, err) < 0)
		return -err->code;
	catalogue->skipped = report.skipped;
	memcpy(catalogue->why, report.why, sizeof catalogue->why);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "read the list of images: %s", strerror(errno));
	ssize_t n = file_read_opened(fd, OFFERS_SIZE_MAX + OFFER_LINE_MAX, lines);
	return n < 0 ? err_set(err, (int)-n, "read the list of images: %s", file_why((int)n)) : 0;
}

int catalogue_fetch(const struct dirs *dirs, const char *remote, const char *url,
		    struct catalogue *catalogue, struct err *err)
{
	scoped_free char *lines = NULL;

	*catalogue = (struct catalogue){ 0 };
	if (fetch_lines(dirs, url, catalogue, &lines, err) < 0 ||
	    parse_lines(lines, catalogue, err) < 0) {
		catalogue_free(catalogue);
		return err_wrap(err, "remote '%s'", remote);
	}
	return 0;
}

void catalogue_free(struct catalogue *catalogue)
{
	free(catalogue->offers);
	catalogue->offers = NULL;
	catalogue->count = 0;
}
