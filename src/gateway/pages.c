/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Static files, by a fixed list: no path of a request is ever opened. */
#include "gateway/pages.h"

#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <string.h>

enum { DEEPEST = 8 };

/* The type of a name. NULL: such files are not served. */
static const char *type_of(const char *name)
{
	static const struct {
		const char *end, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		/* Browsers load modules of no other type. */
		{ ".mjs", "text/javascript; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".json", "application/json" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
		{ ".ico", "image/x-icon" },
		{ ".woff2", "font/woff2" },
		{ ".txt", "text/plain; charset=utf-8" },
	};

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (text_ends(name, types[i].end))
			return types[i].type;
	return NULL;
}

static int add(struct pages *pages, const char *above, const char *name, struct err *err)
{
	const char *type = type_of(name);

	if (!type)
		return 0;
	if (pages->count == PAGES)
		return err_set(err, E2BIG, "the page has more than %d files", PAGES);
	char *path = text_format("%s/%s", above, name);
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	pages->all[pages->count++] = (struct page){ .path = path, .type = type };
	return 0;
}

/* Adds the files of a folder, which it closes, and of those in it. above: its path, "" for the first. */
static int walk(struct pages *pages, int fd, const char *above, int depth, struct err *err)
{
	scoped_dir DIR *dir = fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		close(fd);
		return err_set(err, errno, "read the files of the page: %s", strerror(errno));
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		if (entry->d_type == DT_REG && add(pages, above, entry->d_name, err) < 0)
			return -err->code;
		if (entry->d_type != DT_DIR || depth == DEEPEST)
			continue;
		scoped_free char *path = text_format("%s/%s", above, entry->d_name);
		int inner = file_open_below(dirfd(dir), entry->d_name);
		if (path && inner >= 0 && walk(pages, inner, path, depth + 1, err) < 0)
			return -err->code;
	}
	return 0;
}

int pages_open(struct pages *pages, const char *folder, struct err *err)
{
	*pages = (struct pages){ .folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	if (pages->folder < 0)
		return 0;
	int fd = openat(pages->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, errno, "read '%s': %s", folder, strerror(errno));
	return walk(pages, fd, "", 0, err);
}

void pages_close(struct pages *pages)
{
	for (size_t i = 0; i < pages->count; i++)
		free(pages->all[i].path);
	pages->count = 0;
	scoped_close_fd(&pages->folder);
}

const struct page *pages_find(const struct pages *pages, const char *path)
{
	if (strcmp(path, "/") == 0)
		path = "/index.html";
	for (size_t i = 0; i < pages->count; i++)
		if (strcmp(pages->all[i].path, path) == 0)
			return &pages->all[i];
	return NULL;
}

struct MHD_Response *pages_read(const struct pages *pages, const struct page *page,
				const char *known, unsigned *status)
{
	scoped_fd int fd = file_open_regular(pages->folder, page->path + 1, O_NOFOLLOW);
	struct MHD_Response *response;
	char tag[64];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	snprintf(tag, sizeof tag, "\"%llx-%llx\"", (unsigned long long)st.st_mtime,
		 (unsigned long long)st.st_size);
	*status = known && strcmp(known, tag) == 0 ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK;
	if (*status == MHD_HTTP_OK)
		response = MHD_create_response_from_fd((uint64_t)st.st_size, take_fd(&fd));
	else
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (!response)
		return NULL;
	MHD_add_response_header(response, "ETag", tag);
	MHD_add_response_header(response, "Content-Type", page->type);
	MHD_add_response_header(response, "Cache-Control", "no-cache");
	return response;
}
