/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/manage/halfway.h"

#include "machine/state/private.h"
#include "storage/storage.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { DAY = 24 * 3600, FLAGS_MAX = 16 << 20, VOLUMES_MAX = 4096 };

static const char marks[] = "machines/.halfway";

#define AT(field) offsetof(struct halfway_config, field)
static const struct key keys[] = {
	{ "attributes", KEY_NUMBER, 0, AT(attributes), "0", 0, UINT64_MAX, NULL,
	  "attributes that were left out" },
	{ "began", KEY_NUMBER, 0, AT(began), "0", 0, UINT64_MAX, NULL, "when it began" },
	{ "bytes", KEY_NUMBER, 0, AT(bytes), "0", 0, UINT64_MAX, NULL, "bytes that have come" },
	{ "changed", KEY_NUMBER, 0, AT(changed), "0", 0, UINT64_MAX, NULL,
	  "time of the last part" },
	{ "host", KEY_TEXT, 0, AT(host), "", 0, 0, NULL, "host of the sender" },
	{ "increment", KEY_BOOL, 0, AT(increment), "no", 0, 0, NULL, "for a machine that is here" },
	{ "plan", KEY_TEXT, 0, AT(plan), "", 0, 0, NULL, "sum of what identifies the stream" },
	{ "point", KEY_TEXT, 0, AT(point), "", 0, 0, NULL,
	  "the sender's point behind the last part" },
	{ "pool", KEY_LABEL, 0, AT(pool), "", 0, 0, NULL, "pool of the volumes" },
	{ "pools", KEY_TEXT, 0, AT(pools), "", 0, 0, NULL, "further pools that have volumes" },
	{ "sum", KEY_TEXT, 0, AT(sum), "", 0, 0, NULL, "sum of the last part" },
	{ "uuid", KEY_UUID, 0, AT(uuid), "", 0, 0, NULL, "uuid of the machine" },
	{ "volumes", KEY_NUMBER, 0, AT(volumes), "0", 0, VOLUMES_MAX, NULL, "complete volumes" },
};
#undef AT

static const struct schema schema = {
	.what = "machine that has come in part",
	.keys = keys,
	.count = sizeof keys / sizeof *keys,
	.size = sizeof(struct halfway_config),
};

void halfway_free(struct halfway *halfway)
{
	config_free(&schema, &halfway->config);
}

static char *path_of(const struct dirs *dirs, const char *name, const char *file)
{
	return dirs_state_path(dirs, "%s/%s%s%s", marks, name, *file ? "/" : "", file);
}

int halfway_load(struct halfway *halfway, const struct dirs *dirs, const char *name,
		 struct err *err)
{
	scoped_free char *path = path_of(dirs, name, "halfway.conf");

	*halfway = (struct halfway){ .dirs = dirs };
	text_print(halfway->name, sizeof halfway->name, "%s", name);
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&schema, path, &halfway->config, err);
	if (r == -ENOENT)
		*err = (struct err){ 0 };
	return r;
}

static int make_folder(const struct halfway *halfway, struct err *err)
{
	scoped_free char *parent = dirs_state_path(halfway->dirs, "%s", marks);
	scoped_free char *above = dirs_state_path(halfway->dirs, "machines");
	scoped_free char *folder = path_of(halfway->dirs, halfway->name, "");

	if (!parent || !above || !folder)
		return err_set(err, ENOMEM, "out of memory");
	if (access(folder, F_OK) == 0)
		return 0;
	if (file_make_dirs(above, 0711, err) < 0 || file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	int r = file_sync_dir(parent);
	if (r == 0)
		r = file_sync_dir(above);
	return r < 0 ? err_set(err, -r, "make '%s' durable: %s", folder, strerror(-r)) : 0;
}

int halfway_save(const struct halfway *halfway, struct err *err)
{
	scoped_free char *path = path_of(halfway->dirs, halfway->name, "halfway.conf");

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	return make_folder(halfway, err) < 0 ? -err->code
					     : config_save(&schema, path, &halfway->config, err);
}

int halfway_add_pool(struct halfway *halfway, const char *pool, struct err *err)
{
	struct halfway_config *config = &halfway->config;
	scoped_free char *words = strdup(config->pools);
	char *rest = words;

	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	if (strcmp(config->pool, pool) == 0)
		return 0;
	for (char *one; (one = strsep(&rest, " "));) {
		if (strcmp(one, pool) == 0)
			return 0;
	}
	char *more = *config->pools ? text_format("%s %s", config->pools, pool) : strdup(pool);
	return text_take(&config->pools, more) < 0 ? err_set(err, ENOMEM, "out of memory") : 1;
}

bool halfway_is_expired(const struct halfway *halfway)
{
	uint64_t now = (uint64_t)time(NULL), changed = halfway->config.changed;

	/* A clock that was put back makes nothing old. */
	return now > changed && now - changed > (uint64_t)HALFWAY_DAYS * DAY;
}

void halfway_volume(const char *name, uint64_t number, char *out)
{
	text_print(out, VOLUME_NAME_MAX + 1, "halfway.%s.%" PRIu64, name, number);
}

/* ---- Its files */

static char *file_path(const struct halfway *halfway, const char *kind, uint64_t number)
{
	char file[40];

	snprintf(file, sizeof file, "%s.%" PRIu64, kind, number);
	return path_of(halfway->dirs, halfway->name, file);
}

int halfway_put_volume(const struct halfway *halfway, uint64_t number,
		       const struct stream_volume *volume, struct err *err)
{
	scoped_free char *path = file_path(halfway, "volume", number);
	scoped_text struct text text = { 0 };

	if (!path || stream_volume_print(volume, &text) < 0)
		return err_set(err, ENOMEM, "out of memory");
	return make_folder(halfway, err) < 0
		       ? -err->code
		       : file_replace(path, text_str(&text), text.length, 0600, err);
}

int halfway_get_volume(const struct halfway *halfway, uint64_t number, struct stream_volume *volume,
		       struct err *err)
{
	scoped_free char *path = file_path(halfway, "volume", number);
	scoped_free char *text = NULL;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, STREAM_TEXT_MAX, &text);
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	return stream_volume_parse(text, (size_t)n, volume, err);
}

int halfway_put_flags(const struct halfway *halfway, uint64_t number, int flags_fd, struct err *err)
{
	scoped_free char *path = file_path(halfway, "flags", number);
	off_t size = lseek(flags_fd, 0, SEEK_CUR);
	scoped_free char *bytes = size > 0 && size <= FLAGS_MAX ? malloc((size_t)size) : NULL;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (size == 0)
		return 0;
	if (!bytes || pread(flags_fd, bytes, (size_t)size, 0) != size)
		return err_set(err, EIO, "read the noted flags of files");
	return file_replace(path, bytes, (size_t)size, 0600, err);
}

int halfway_get_flags(const struct halfway *halfway, uint64_t number, int flags_fd, struct err *err)
{
	scoped_free char *path = file_path(halfway, "flags", number);
	scoped_free char *bytes = NULL;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, FLAGS_MAX, &bytes);
	if (n == -ENOENT)
		return 0;
	int r = n < 0 ? (int)n : file_write_all(flags_fd, bytes, (size_t)n, -1);
	return r < 0 ? err_set(err, -r, "read '%s': %s", path, file_why(r)) : 0;
}

bool halfway_is_busy(const struct dirs *dirs, const char *name)
{
	scoped_machine struct machine machine = { 0 };

	if (machine_paths(&machine, dirs, name, &(struct err){ 0 }) < 0)
		return false;
	scoped_fd int lock = machine_lock(&machine, 0, &(struct err){ 0 });
	return lock < 0;
}

/* ---- Removal */

void halfway_forget(const struct dirs *dirs, const char *name)
{
	scoped_free char *conf = path_of(dirs, name, "halfway.conf");
	scoped_free char *folder = path_of(dirs, name, "");

	if (!folder || !conf)
		return;
	unlink(conf);
	remove_tree(AT_FDCWD, folder);
}

static int add_name(void *context, const struct volume_info *info)
{
	return text_add_bytes(context, info->name, strlen(info->name) + 1);
}

/* All volumes with such a name are the mark's: also one that was made before the mark counted it. */
static int destroy(const struct halfway *halfway, const char *pool_name, uint64_t first,
		   struct err *err)
{
	scoped_pool struct pool pool = { 0 };
	char prefix[VOLUME_NAME_MAX + 1];
	scoped_text struct text names = { 0 };
	uint64_t number;

	text_print(prefix, sizeof prefix, "halfway.%s.", halfway->name);
	if (pool_open(&pool, halfway->dirs, pool_name, err) < 0)
		return -err->code;
	int r = volume_list(&pool, prefix, add_name, &names, err);
	if (r < 0)
		return err->code ? r : err_set(err, -r, "out of memory");
	for (size_t at = 0; at < names.length; at += strlen(names.data + at) + 1) {
		const char *name = names.data + at;
		if (first && (text_to_u64(name + strlen(prefix), 0, UINT64_MAX, &number) < 0 ||
			      number < first))
			continue;
		if (volume_destroy(&pool, name, err) < 0)
			return -err->code;
	}
	return 0;
}

int halfway_remove_behind(const struct halfway *halfway, uint64_t number, struct err *err)
{
	const struct halfway_config *config = &halfway->config;
	scoped_free char *words = strdup(config->pools);
	char *rest = words;

	if (!words)
		return err_set(err, ENOMEM, "out of memory");
	if (destroy(halfway, config->pool, number, err) < 0)
		return -err->code;
	for (char *pool; (pool = strsep(&rest, " "));) {
		if (*pool && destroy(halfway, pool, number, err) < 0)
			return -err->code;
	}
	return 0;
}

int halfway_remove(const struct dirs *dirs, const char *name, struct err *err)
{
	scoped_halfway struct halfway halfway = { 0 };

	int r = halfway_load(&halfway, dirs, name, err);
	if (r == -ENOENT && !err->code) {
		halfway_forget(dirs, name);
		return 0;
	}
	if (r < 0 || halfway_remove_behind(&halfway, 0, err) < 0)
		return -err->code;
	halfway_forget(dirs, name);
	return 0;
}

int halfway_delete(const struct dirs *dirs, const char *name, bool force, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_halfway struct halfway halfway = { 0 };

	if (machine_paths(&machine, dirs, name, err) < 0)
		return -err->code;
	scoped_fd int lock = machine_lock(&machine, 0, err);
	if (lock == -EWOULDBLOCK || lock == -ETIMEDOUT || lock == -EBUSY) {
		*err = (struct err){ 0 };
		return err_set(err, EBUSY,
			       "machine '%s' is being received or changed just now: end the send "
			       "first, or wait",
			       name);
	}
	if (lock < 0)
		return lock;
	int r = halfway_load(&halfway, dirs, name, err);
	if (r < 0 && !err->code)
		return err_set(err, ENOENT,
			       "no machine '%s' has come halfway; see: berth halfway list", name);
	if (r == 0 && halfway_remove(dirs, name, err) == 0)
		return 0;
	if (force) {
		*err = (struct err){ 0 };
		halfway_forget(dirs, name);
		return 0;
	}
	return err_wrap(
		err,
		"what has come halfway of machine '%s' cannot be removed; 'berth halfway delete "
		"--force %s' gives its volumes up",
		name, name);
}

void halfway_each(const struct dirs *dirs, void (*visit)(void *, const char *name), void *context)
{
	scoped_free char *folder = dirs_state_path(dirs, "%s", marks);
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!text_label_fault(e->d_name))
			visit(context, e->d_name);
	}
}

/* A command that was killed behind its commit has made the machine, and left an empty mark. */
static bool is_made(const struct halfway *halfway)
{
	char found[64];

	return !halfway->config.increment &&
	       machine_with_uuid(halfway->dirs, halfway->config.uuid, found, &(struct err){ 0 }) >
		       0 &&
	       strcmp(found, halfway->name) == 0;
}

static void sweep(void *context, const char *name)
{
	scoped_machine struct machine machine = { 0 };
	scoped_halfway struct halfway halfway = { 0 };
	struct err ignored = { 0 };

	if (halfway_load(&halfway, context, name, &ignored) < 0 ||
	    (!halfway_is_expired(&halfway) && !is_made(&halfway)) ||
	    machine_paths(&machine, context, name, &ignored) < 0)
		return;
	scoped_fd int lock = machine_lock(&machine, 0, &ignored);
	if (lock >= 0)
		halfway_remove(context, name, &ignored);
}

void halfway_sweep(const struct dirs *dirs)
{
	/* The callback's context is not const. */
	halfway_each(dirs, sweep, (void *)(uintptr_t)dirs);
}
