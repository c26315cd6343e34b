/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images in folders: OCI image layouts, and unpacked archives of 'docker save'. */
#include "image/source.h"

#include "image/import.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static bool fits(const struct source *source)
{
	struct stat st;

	return source->path && strcmp(source->path, "-") != 0 && stat(source->path, &st) == 0 &&
	       S_ISDIR(st.st_mode);
}

static int begin(struct source *source, struct err *err)
{
	const char *slash = strrchr(source->path, '/');
	const char *last = slash ? slash + 1 : source->path;

	source->input.folder_fd = import_open_folder(source->path, err);
	if (source->input.folder_fd < 0)
		return -err->code;
	source->description = strdup(last);
	source->origin = text_format("folder %s", last);
	return source->description && source->origin ? 0 : err_set(err, ENOMEM, "out of memory");
}

const struct source_ops source_folder = {
	.noun = "folder",
	.fits = fits,
	.begin = begin,
};
