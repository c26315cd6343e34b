/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the steps of a build for its messages, and the files of this host that they bring in. */
#include "cmd/template/derive.h"

#include "base/scoped.h"
#include "image/shared/sha256.h"

#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

char *derive_path(const struct derive *derive, const char *source)
{
	return *source == '/' ? strdup(source) : text_format("%s/%s", derive->folder, source);
}

void derive_label(const struct derive *derive, size_t index, char *out, size_t room)
{
	const struct build_step *step = derive->acts[index].step;
	const char *slash = strrchr(derive->path, '/');
	char text[64];

	/* The first line of a text of several, without the backslash that joins them. */
	size_t n = strcspn(step->text, "\n");
	while (step->text[n] && n > 0 && strchr(" \\", step->text[n - 1]))
		n--;
	snprintf(text, sizeof text, "%.*s", (int)(n < 60 ? n : 60), step->text);
	if (step->text[n] && strcmp(step->text + n, "\n") != 0)
		snprintf(text + (n < 56 ? n : 56), 5, " ...");
	snprintf(out, room, "step %zu of %zu (%.40s:%u), %s %s", index + 1, derive->count,
		 slash ? slash + 1 : derive->path, step->line, build_kind_name(step->kind), text);
}

static void add_text(struct sha256 *sum, const char *text)
{
	/* The NUL keeps "a" "b" apart from "ab" "". */
	sha256_add(sum, text, strlen(text) + 1);
}

static int by_name(const FTSENT **one, const FTSENT **other)
{
	return strcmp((*one)->fts_name, (*other)->fts_name);
}

static int add_link(struct sha256 *sum, const FTSENT *entry, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(entry->fts_accpath, target, sizeof target - 1);

	if (n < 0)
		return err_set(err, errno, "read '%.500s': %s", entry->fts_path, strerror(errno));
	target[n] = '\0';
	add_text(sum, target);
	return 0;
}

static int add_file(struct sha256 *sum, const FTSENT *entry, struct err *err)
{
	scoped_fd int fd = open(entry->fts_accpath, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char hex[SHA256_HEX + 1];

	if (fd < 0)
		return err_set(err, errno, "read '%.500s': %s", entry->fts_path, strerror(errno));
	if (sha256_file(fd, hex, NULL, err) < 0)
		return err_wrap(err, "read '%.500s'", entry->fts_path);
	add_text(sum, hex);
	return 0;
}

/* path: of the entry, relative to what is copied. */
static int add_entry(struct sha256 *sum, const FTSENT *entry, const char *path, struct err *err)
{
	char facts[64];

	if (entry->fts_info == FTS_DP)
		return 0;
	if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
		return err_set(err, entry->fts_errno, "read '%.500s': %s", entry->fts_path,
			       strerror(entry->fts_errno));
	snprintf(facts, sizeof facts, "%o", (unsigned)entry->fts_statp->st_mode);
	add_text(sum, path);
	add_text(sum, facts);
	if (S_ISLNK(entry->fts_statp->st_mode))
		return add_link(sum, entry, err);
	return S_ISREG(entry->fts_statp->st_mode) ? add_file(sum, entry, err) : 0;
}

int derive_sum(const char *path, char *hex, struct err *err)
{
	scoped_free char *copy = strdup(path);
	char *const paths[] = { copy, NULL };
	struct sha256 sum;

	if (!copy)
		return err_set(err, ENOMEM, "out of memory");
	if (sha256_begin(&sum, err) < 0)
		return -err->code;
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	if (!walk)
		return err_set(err, errno, "read '%s': %s", path, strerror(errno));
	int r = 0;
	for (FTSENT *entry; r == 0 && (errno = 0, entry = fts_read(walk));)
		r = add_entry(&sum, entry, entry->fts_path + strlen(path), err);
	if (r == 0 && errno)
		r = err_set(err, errno, "read '%s': %s", path, strerror(errno));
	fts_close(walk);
	if (r == 0)
		sha256_end(&sum, hex);
	return r;
}
