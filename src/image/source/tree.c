/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Roots in folders. berth-pack reads the folder, which others may change meanwhile, and berth-unpack gets it as a tar:
 * so all rules for archives hold for folders.
 */
#include "image/source/source.h"

#include "base/scoped.h"
#include "image/source/import.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool fits(const struct source *source)
{
	struct stat st;

	return source->path && strcmp(source->path, "-") != 0 && stat(source->path, &st) == 0 &&
	       S_ISDIR(st.st_mode);
}

int source_pack(struct source *source, const char *folder, const struct text *shift,
		struct err *err)
{
	scoped_fd int folder_fd = import_open_folder(folder, err);
	const struct pack pack = { .format = "tar",
				   .compression = "none",
				   .document = shift,
				   .folder_fd = folder_fd,
				   .output_fd = -1,
				   .spool_fd = -1 };

	if (folder_fd < 0)
		return folder_fd;
	source->input.archive_fd = packing_begin(&source->packing, &pack, err);
	source->packs = source->input.archive_fd >= 0;
	return source->packs ? 0 : -err->code;
}

static int begin(struct source *source, struct err *err)
{
	const char *path = source->path;
	size_t n = strlen(path);

	/* "folder/" as well. */
	while (n > 1 && path[n - 1] == '/')
		n--;
	size_t last = n;
	while (last > 0 && path[last - 1] != '/')
		last--;
	source->description = text_format("%.*s", (int)(n - last), path + last);
	source->origin = text_format("folder %.*s", (int)(n - last), path + last);
	if (!source->description || !source->origin)
		return err_set(err, ENOMEM, "out of memory");
	return source_pack(source, path, NULL, err);
}

const struct source_ops source_tree = {
	.noun = "folder",
	.fits = fits,
	.begin = begin,
};
