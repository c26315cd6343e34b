/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/store_ops.h"

#include "base/file.h"
#include "base/scoped.h"
#include "config/place.h"

#include <string.h>

static int check_folder(const struct store *store, const char *what, struct err *err)
{
	struct stat st;

	if (stat(store->folder, &st) < 0)
		return err_set(err, errno, "%s '%s': %s", what, store->folder,
			       errno == ENOENT
				       ? "there is no such folder; make it, or mount its disk"
				       : strerror(errno));
	return S_ISDIR(st.st_mode)
		       ? 0
		       : err_set(err, ENOTDIR, "%s '%s': it is no folder", what, store->folder);
}

int store_open(struct store *store, const struct store_spec *spec, struct err *err)
{
	*store = (struct store){ .lock = -1, .far = { .to = -1, .from = -1 } };
	store->target = strdup(spec->target);
	if (!store->target || config_place_split(spec->target, &store->host, &store->folder) < 0)
		return err_set(err, ENOMEM, "out of memory");
	store->ops = store->host ? &store_far : &store_here;
	return store->host ? store_connect(store, spec, err) : check_folder(store, spec->what, err);
}

void store_close(struct store *store)
{
	if (store->host)
		far_close(&store->far);
	scoped_close_fd(&store->lock);
	free(store->target);
	free(store->folder);
	free(store->host);
	*store = (struct store){ .lock = -1 };
}

int store_each(struct store *store, const char *path, store_visit *visit, void *context,
	       struct err *err)
{
	return store->ops->each(store, path, visit, context, err);
}

ssize_t store_read(struct store *store, const char *path, char **text, struct err *err)
{
	struct pump pump;
	int r = store->ops->fetch(store, path, &pump, err);

	*text = NULL;
	if (r == -ENOENT)
		*err = (struct err){ 0 };
	if (r < 0)
		return r;
	ssize_t n = file_read_opened(pump.fd, STORE_TEXT_MAX, text);
	if (pump_end(&pump) < 0 && n >= 0)
		n = -EIO;
	return n < 0 ? err_set(err, (int)-n, "read '%s' of '%s': %s", path, store->target,
			       file_why((int)n))
		     : n;
}

int store_replace(struct store *store, const char *path, const char *text, size_t n,
		  struct err *err)
{
	return store->ops->replace(store, path, text, n, err);
}

int store_remove(struct store *store, const char *path, struct err *err)
{
	return store->ops->remove(store, path, err);
}

int store_lock(struct store *store, const char *path, unsigned seconds, struct err *err)
{
	int r = store->ops->lock(store, path, seconds, err);

	store->locked = r == 0;
	return r;
}

void store_unlock(struct store *store)
{
	if (store->locked)
		store->ops->unlock(store);
	store->locked = false;
}

int store_content(struct store *store, const char *path, char content[UUID_TEXT], struct err *err)
{
	return store->ops->content(store, path, content, err);
}

int store_check(struct store *store, const char *path, const char *sum, struct store_file *file,
		struct err *err)
{
	return store->ops->check(store, path, sum, file, err);
}

int store_fetch(struct store *store, const char *path, struct pump *pump, struct err *err)
{
	return store->ops->fetch(store, path, pump, err);
}

int store_begin(struct store *store, const char *path, struct store_writing *writing,
		struct err *err)
{
	*writing = (struct store_writing){
		.fd = -1, .path = strdup(path), .out = { .fd = -1 }, .pump = { .fd = -1 }
	};
	if (!writing->path)
		return err_set(err, ENOMEM, "out of memory");
	return store->ops->begin(store, path, writing, err);
}

int store_end(struct store *store, struct store_writing *writing, struct err *err)
{
	return store->ops->end(store, writing, err);
}

int store_keep(struct store *store, struct store_writing *writing, const char *sum,
	       struct store_file *file, struct err *err)
{
	return store->ops->keep(store, writing, sum, file, err);
}

void store_drop(struct store *store, struct store_writing *writing, struct err *failed)
{
	store->ops->drop(store, writing, failed);
	free(writing->path);
	writing->path = NULL;
}
