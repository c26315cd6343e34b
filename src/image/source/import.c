/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates from images: the host's side of unpacking. The image is read by berth-unpack only. */
#include "image/source/import.h"
#include "base/scoped.h"
#include "image/template/app.h"
#include "image/template/template.h"
#include "kern/idmap.h"
#include "kern/mount.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

int import_open_folder(const char *path, struct err *err)
{
	scoped_fd int fd = mount_clone(AT_FDCWD, path, 0);

	if (fd < 0)
		return err_set(err, -fd, "open folder '%s': %s", path, mount_why(fd));
	int r = mount_attributes(fd,
				 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					 MOUNT_ATTR_NOEXEC,
				 0, 0);
	if (r < 0)
		return err_set(err, -r, "make folder '%s' read-only: %s", path, mount_why(r));
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
	if (report->variables)
		text_add(notes,
			 "%" PRIu64 " variables of its environment were left out: their names are "
			 "none\n",
			 report->variables);
}

static int make(struct incoming *incoming, const struct import *import, struct template_config *app,
		struct text *notes, struct err *err)
{
	scoped_text struct text facts = { 0 };
	struct unpack_input input = import->input;
	struct unpack_report report;

	input.facts = &facts;
	int r = unpack_into(incoming, &input, &report, err);
	if (import->settle)
		r = import->settle(import->context, r, err);
	if (r < 0 || app_parse(&facts, app, err) < 0)
		return -err->code;
	incoming->app = app;
	if (incoming_commit(incoming,
			    *report.description ? report.description : import->description, notes,
			    err) < 0)
		return -err->code;
	if (notes)
		remark(&report, notes);
	return 0;
}

int import_opened(const struct dirs *dirs, const char *name, struct pool *pool,
		  const struct import *import, struct text *notes, struct err *err)
{
	scoped_incoming struct incoming incoming = { .lock_fd = -1 };
	struct template_config app = { 0 }, model = { 0 };

	if (incoming_begin(&incoming, dirs, pool, name, err) < 0)
		return -err->code;
	incoming.origin = import->origin;
	incoming.pulled = import->pulled;
	incoming.model = &model;
	int r = config_parse(&template_schema, "settings of the image", text_str(import->settings),
			     import->settings->length, &model, err);
	if (r == 0)
		r = make(&incoming, import, &app, notes, err);
	config_free(&template_schema, &app);
	config_free(&template_schema, &model);
	return r < 0 ? err_wrap(err, "%s '%s'", import->noun, import->what) : 0;
}
