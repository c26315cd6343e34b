/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/source/source.h"

#include "base/scoped.h"
#include "image/source/import.h"
#include "image/template/template.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { WAIT_SECONDS = 3600 };

static const struct source_ops *const sources[] = {
	&source_registry,  &source_server, &source_folder,
	&source_container, &source_tree,   &source_archive,
};

static const struct source_ops *find(const struct source *source)
{
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		if (sources[i]->fits(source))
			return sources[i];
	}
	return NULL;
}

bool source_is_ordered(const char *url)
{
	const struct source source = { .url = (char *)(uintptr_t)url };

	return find(&source)->ordered;
}

int source_split(const char *word, char remote[64], char image[128], struct err *err)
{
	const char *colon = strchr(word, ':');
	size_t n = colon ? (size_t)(colon - word) : 0;

	if (!colon || n == 0 || n > 63 || !colon[1] || text_print(image, 128, "%s", colon + 1) < 0)
		return err_set(
			err, EINVAL,
			"'%.100s' names no image; write REMOTE:DISTRIBUTION/RELEASE, such as "
			"images:alpine/3.22, or docker:NAME[:TAG], such as docker:alpine",
			word);
	memcpy(remote, word, n);
	remote[n] = '\0';
	return 0;
}

int source_begin(struct source *source, const struct dirs *dirs, const char *word, struct err *err)
{
	*source = (struct source)SOURCE_NONE;
	source->dirs = dirs;
	if (source_split(word, source->remote, source->image, err) < 0 ||
	    remote_url(dirs, source->remote, &source->url, err) < 0)
		return -err->code;
	source->ops = find(source);
	source->description = text_format("%s:%s", source->remote, source->image);
	if (!source->description)
		return err_set(err, ENOMEM, "out of memory");
	return source->ops->begin(source, err);
}

static int begin_local(struct source *source, const struct dirs *dirs,
		       const struct template_image *image, struct err *err)
{
	*source = (struct source)SOURCE_NONE;
	source->dirs = dirs;
	source->path = image->archive;
	source->metadata = image->metadata;
	source->ops = find(source);
	source->what = strdup(source->path);
	return source->what ? source->ops->begin(source, err)
			    : err_set(err, ENOMEM, "out of memory");
}

/*
 * Called when the reader of a folder has ended, with its result. A cause that the writer tells is the first one, but
 * for that the reader has ended before it.
 */
static int settle_packing(void *context, int r, struct err *err)
{
	struct source *source = context;
	struct pack_report report;
	struct err why = { 0 };

	if (!source->packs)
		return r;
	scoped_close_fd(&source->input.archive_fd);
	source->packs = false;
	int packed = packing_end(&source->packing, &report, &why);
	if (packed < 0 && !(r < 0 && packed == -EPIPE)) {
		*err = why;
		return packed;
	}
	if (report.sockets)
		text_add(&source->notes, "%" PRIu64 " sockets were left out\n", report.sockets);
	if (report.attributes)
		text_add(&source->notes,
			 "%" PRIu64 " attributes were left out: see berth-template(7)\n",
			 report.attributes);
	return r;
}

static void end(struct source *source, bool made)
{
	settle_packing(source, -EPIPE, &(struct err){ 0 });
	if (source->ops && source->ops->end)
		source->ops->end(source, made);
	source->ops = NULL;
	scoped_close_fd(&source->input.archive_fd);
	scoped_close_fd(&source->input.metadata_fd);
	scoped_close_fd(&source->input.folder_fd);
	/* Under the lock: a waiter notices that the file has lost its name. */
	if (source->lock_fd >= 0)
		dirs_lock_forget(source->dirs, source->lock);
	scoped_close_fd(&source->lock_fd);
	free(take_ptr(&source->url));
	free(take_ptr(&source->what));
	free(take_ptr(&source->aliases));
	free(take_ptr(&source->description));
	free(take_ptr(&source->origin));
	free(take_ptr(&source->folder));
	text_free(&source->settings);
	text_free(&source->notes);
}

void source_end(struct source *source)
{
	end(source, false);
}

/* ---- Its files */

int source_check_name(struct source *source, const char *name, struct err *err)
{
	struct template_config config = { 0 };
	struct offer *offer = &source->offer;
	struct err why = { 0 };
	int r = template_open(source->dirs, name, &config, &why);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_set(err, why.code, "%s", why.text);
	bool same = strcmp(config.image_remote, source->remote) == 0 &&
		    strcmp(config.image_product, offer->product) == 0;
	if (!same)
		r = err_set(err, EEXIST,
			    "template '%s' is there already, and of something else; choose another "
			    "name: berth template pull %s:%s NAME",
			    name, source->remote, source->image);
	else if (*offer->serial && strcmp(config.image_serial, offer->serial) != 0)
		r = err_set(err, EEXIST,
			    "template '%s' is there already, of version %s; '%s:%s' has %s: berth "
			    "template update %s",
			    name, config.image_serial, source->remote, source->image, offer->serial,
			    name);
	else
		snprintf(offer->serial, sizeof offer->serial, "%s", config.image_serial);
	config_free(&template_schema, &config);
	return r < 0 ? r : 1;
}

int source_fetch(struct source *source, const char *name, const struct download_watch *watch,
		 struct err *err)
{
	char what[200];
	int r = source_check_name(source, name, err);

	if (r != 0)
		return r;
	snprintf(what, sizeof what, "image '%s:%s'", source->remote, source->image);
	source->lock_fd = dirs_lock(source->dirs, source->lock, WAIT_SECONDS, what, err);
	if (source->lock_fd < 0)
		return -err->code;
	/* Another pull may have made it while we waited for the lock. */
	r = source_check_name(source, name, err);
	if (r != 0)
		return r;
	if (source->ops->fetch(source, watch, err) < 0)
		return -err->code;
	source->origin = text_format("image %s:%s, version %s", source->remote, source->image,
				     source->offer.serial);
	return source->origin ? 0 : err_set(err, ENOMEM, "out of memory");
}

int source_unpack(struct source *source, const char *name, struct pool *pool, struct text *notes,
		  struct err *err)
{
	const struct offer *offer = &source->offer;
	const struct pulled_image pulled = {
		.aliases = source->aliases,
		.product = offer->product,
		.remote = source->remote,
		.serial = offer->serial,
		.sha256 = offer->root.sha256,
		.url = source->what,
	};
	const struct import import = {
		.input = source->input,
		.settings = &source->settings,
		.settle = settle_packing,
		.context = source,
		.noun = source->ops->noun,
		.what = source->what,
		.description = source->description,
		.origin = source->origin,
		.pulled = source->url ? &pulled : NULL,
	};

	if (import_opened(source->dirs, name, pool, &import, notes, err) < 0)
		return -err->code;
	if (notes && source->notes.length)
		text_add(notes, "%s", text_str(&source->notes));
	end(source, true);
	return 0;
}

int template_import(const struct dirs *dirs, const char *name, struct pool *pool,
		    const struct template_image *image, struct text *notes, struct err *err)
{
	scoped_source struct source source = SOURCE_NONE;

	return begin_local(&source, dirs, image, err) < 0
		       ? -err->code
		       : source_unpack(&source, name, pool, notes, err);
}

int source_catalogue(const struct dirs *dirs, const char *remote, struct catalogue *catalogue,
		     struct err *err)
{
	struct source source = SOURCE_NONE;

	if (remote_url(dirs, remote, &source.url, err) < 0)
		return -err->code;
	const struct source_ops *ops = find(&source);
	scoped_free char *url = source.url;
	if (!ops->list)
		return err_set(
			err, ENOTSUP,
			"remote '%s' is a registry, which berth cannot search; pull an image "
			"by its name: berth template pull %s:NAME:TAG",
			remote, remote);
	return ops->list(dirs, remote, url, catalogue, err);
}
