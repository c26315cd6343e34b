/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/confine/kernel_limits.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/*
 * Limits of the kernel. The usage of host-wide ones is read. The kernel counts all others for each user, and each
 * machine is created under a user of its own (kern/spawn.h), so only their limit matters.
 */
static const struct limit {
	const char *sysctl, *what;
	const char *file; /* of the limit, below proc */
	const char *used; /* a file with the usage, or NULL */
	unsigned field;   /* which of the numbers in it */
	const char *kept; /* a file with the part that is reserved for the host, or NULL */
	uint64_t least;
} host_wide[] = {
	{ "fs.aio-max-nr", "asynchronous requests", "sys/fs/aio-max-nr", "sys/fs/aio-nr", 0, NULL,
	  4096 },
	{ "fs.file-max", "open files", "sys/fs/file-max", "sys/fs/file-nr", 0, NULL, 4096 },
	{ "fs.inotify.max_user_instances", "inotify instances a machine",
	  "sys/fs/inotify/max_user_instances", NULL, 0, NULL, 32 },
	{ "fs.inotify.max_user_watches", "inotify watches a machine",
	  "sys/fs/inotify/max_user_watches", NULL, 0, NULL, 4096 },
	{ "kernel.keys.maxbytes", "bytes of keys a machine", "sys/kernel/keys/maxbytes", NULL, 0,
	  NULL, 4096 },
	{ "kernel.keys.maxkeys", "keys a machine", "sys/kernel/keys/maxkeys", NULL, 0, NULL, 50 },
	/* "0.00 0.01 0.05 1/234 5678": the number of all threads follows the slash. */
	{ "kernel.pid_max", "process ids", "sys/kernel/pid_max", "loadavg", 7, NULL, 256 },
	{ "kernel.pty.max", "pseudo-terminals", "sys/kernel/pty/max", "sys/kernel/pty/nr", 0,
	  "sys/kernel/pty/reserve", 16 },
	{ "kernel.threads-max", "threads", "sys/kernel/threads-max", "loadavg", 7, NULL, 256 },
};

/* The number at that position in a file; every run of digits is a number. */
static bool read_number(const char *proc, const char *file, unsigned field, uint64_t *number)
{
	scoped_free char *path = text_format("%s/%s", proc, file);
	scoped_free char *text = NULL;

	if (!path || file_read(AT_FDCWD, path, 256, &text) < 0)
		return false;
	const char *at = text + strcspn(text, "0123456789");
	for (; field > 0 && *at; field--) {
		at += strspn(at, "0123456789");
		at += strcspn(at, "0123456789");
	}
	return sscanf(at, "%" SCNu64, number) == 1;
}

int kernel_limits_look(const char *proc, int (*visit)(void *, const struct shortage *),
		       void *context)
{
	for (size_t i = 0; i < sizeof host_wide / sizeof *host_wide; i++) {
		const struct limit *limit = &host_wide[i];
		uint64_t all, used = 0, kept = 0;
		if (!read_number(proc, limit->file, 0, &all) ||
		    (limit->used && !read_number(proc, limit->used, limit->field, &used)))
			continue;
		if (limit->kept)
			read_number(proc, limit->kept, 0, &kept);
		uint64_t left = all > used + kept ? all - used - kept : 0;
		if (left >= limit->least)
			continue;
		uint64_t better = 2 * all > used + kept + 4 * limit->least
					  ? 2 * all
					  : used + kept + 4 * limit->least;
		int r = visit(context,
			      &(struct shortage){ limit->sysctl, limit->what, all, left, better });
		if (r != 0)
			return r;
	}
	return 0;
}

static int note_shortage(void *context, const struct shortage *shortage)
{
	return text_add(context,
			"%s%s is %" PRIu64 " and leaves %" PRIu64
			" %s; raise it: sysctl -w %s=%" PRIu64,
			((struct text *)context)->length ? "; " : "", shortage->sysctl,
			shortage->limit, shortage->left, shortage->what, shortage->sysctl,
			shortage->better);
}

int kernel_limits_words(struct text *out)
{
	return kernel_limits_look("/proc", note_shortage, out);
}

void kernel_limits_explain(struct err *err)
{
	scoped_text struct text found = { 0 };
	struct err was = *err;

	if (kernel_limits_words(&found) < 0 || !found.length)
		return;
	*err = (struct err){ 0 };
	err_set(err, was.code, "%s; %s", was.text, text_str(&found));
}
