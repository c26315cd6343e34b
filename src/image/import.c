/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates from archives: the host's side of unpacking. The archive is read by berth-unpack only. */
#include "image/import.h"
#include "base/scoped.h"
#include "image/template.h"
#include "kern/idmap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* "-": standard input. */
static int open_archive(const char *archive, struct err *err)
{
	struct stat st;
	scoped_fd int fd = strcmp(archive, "-") == 0
				   ? fcntl(0, F_DUPFD_CLOEXEC, 3)
				   : open(archive, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open archive '%s': %s", archive, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR,
			       "archive '%s' is a folder; pack it first: tar -C %s -c . | berth "
			       "template import - NAME",
			       archive, archive);
	if (isatty(fd))
		return err_set(err, EINVAL, "archive '%s' is a terminal; give a file or a pipe",
			       archive);
	return take_fd(&fd);
}

int import_ids(const struct dirs *dirs, struct idmap *map, struct err *err)
{
	struct berth_config config = { 0 };

	if (config_load_berth(dirs, &config, err) < 0)
		return -err->code;
	int r = idmap_fit(&config.idmap_base, &config.idmap_machines);
	/*
	 * Ids that are not the host's; no machine can see this process. Inside a machine, where no volume can be mapped
	 * to other ids, it uses the ids of that machine's users.
	 */
	*map = (struct idmap){ r == 0 ? (uint32_t)config.idmap_base : 0, IDMAP_COUNT };
	config_free(&berth_schema, &config);
	return 0;
}

static int unpack_into(struct incoming *incoming, const struct unpack_input *input,
		       struct unpack_report *report, struct err *err)
{
	struct idmap map;
	int fd = -1;

	if (import_ids(incoming->dirs, &map, err) < 0)
		return -err->code;
	if (volume_mount(incoming->pool, incoming->volume,
			 MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &fd, err) < 0)
		return -err->code;
	scoped_fd int mount_fd = fd;
	return unpack_run(mount_fd, input, &map, report, err);
}

static void remark(const struct unpack_report *report, struct text *notes)
{
	if (report->folder[0])
		text_add(notes, "its root is what was in folder '%s'\n", report->folder);
	if (report->nodes)
		text_add(notes,
			 "%" PRIu64
			 " device nodes were left out: a machine gets a /dev of its own\n",
			 report->nodes);
	if (report->attributes)
		text_add(notes,
			 "%" PRIu64 " attributes and entries of access control lists were left "
			 "out: see berth-template(7)\n",
			 report->attributes);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int import_opened(const struct dirs *dirs, const char *name, struct pool *pool,
		  const struct import *import, struct text *notes, struct err *err)
{
	scoped_incoming struct incoming incoming = { .lock_fd = -1 };
	struct unpack_report report;

	if (incoming_begin(&incoming, dirs, pool, name, err) < 0)
		return -err->code;
	incoming.origin = import->origin;
	incoming.pulled = import->pulled;
	if (unpack_into(&incoming, &import->input, &report, err) < 0 ||
	    incoming_commit(&incoming,
			    *report.description ? report.description : import->description, notes,
			    err) < 0)
		return err_wrap(err, "archive '%s'", import->what);
	if (notes)
		remark(&report, notes);
	return 0;
}

int template_import(const struct dirs *dirs, const char *name, struct pool *pool,
		    const struct template_image *image, struct text *notes, struct err *err)
{
	scoped_fd int archive_fd = open_archive(image->archive, err);
	if (archive_fd < 0)
		return archive_fd;
	scoped_fd int metadata_fd = image->metadata ? open_archive(image->metadata, err) : -1;
	if (image->metadata && metadata_fd < 0)
		return metadata_fd;
	const char *last = last_part(image->archive);
	scoped_free char *origin = text_format("archive %s", last);
	struct import import = {
		.input = { .archive_fd = archive_fd, .metadata_fd = metadata_fd },
		.what = image->archive,
		.description = last,
		.origin = origin,
	};
	return import_opened(dirs, name, pool, &import, notes, err);
}
