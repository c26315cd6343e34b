/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images in folders: OCI image layouts, and unpacked archives of 'docker save'. */
#include "image/source/source.h"

#include "base/scoped.h"
#include "image/source/import.h"
#include "image/unpack/oci.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool fits(const struct source *source)
{
	scoped_fd int fd = source->path && strcmp(source->path, "-") != 0
				   ? open(source->path, O_PATH | O_DIRECTORY | O_CLOEXEC)
				   : -1;

	return fd >= 0 && oci_is_image(fd);
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
