/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/volume_use.h"

#include "base/file.h"
#include "base/scoped.h"
#include "keeper/volume_note.h"
#include "machine/life/run_state.h"
#include "machine/state/private.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

enum { NOTE_SECONDS = 10 };

static char *note_path(const struct machine *machine, const char *name)
{
	return text_format("%s/volumes/%s", machine->run, name);
}

static bool read_note(const struct machine *machine, const char *name, struct volume_note *note)
{
	scoped_free char *path = note_path(machine, name);

	return path && volume_note_read(AT_FDCWD, path, note) == 0;
}

static bool has_it(const struct dirs *dirs, const char *other, const char *name, bool writes)
{
	scoped_machine struct machine machine = { 0 };
	struct volume_note note;

	return machine_paths(&machine, dirs, other, &(struct err){ 0 }) == 0 &&
	       read_note(&machine, name, &note) && !(writes && note.readonly) &&
	       run_alive(&machine);
}

bool volume_use_find(const struct dirs *dirs, const char *name, const char *except, bool writes,
		     char machine[64])
{
	scoped_free char *folder = dirs_run_path(dirs, "machines");
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (text_label_fault(e->d_name) || (except && strcmp(e->d_name, except) == 0) ||
		    !has_it(dirs, e->d_name, name, writes))
			continue;
		text_print(machine, 64, "%s", e->d_name);
		return true;
	}
	return false;
}

bool volume_use_noted(const struct machine *machine, const char *name)
{
	struct volume_note note;

	return read_note(machine, name, &note);
}

bool volume_use_in_pool(const struct machine *machine, const char *pool, char name[64])
{
	scoped_free char *folder = text_format("%s/volumes", machine->run);
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;
	struct volume_note note;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (text_label_fault(e->d_name) || !read_note(machine, e->d_name, &note) ||
		    strcmp(note.pool, pool) != 0)
			continue;
		text_print(name, 64, "%s", e->d_name);
		return true;
	}
	return false;
}

/* This lock is the innermost one: a start takes it, which another command may wait for. */
static int lock_use(const struct dirs *dirs, const char *name, char lock[80], struct err *err)
{
	char what[80];

	snprintf(lock, 80, "use.%s", name);
	snprintf(what, sizeof what, "volume '%s'", name);
	return dirs_lock(dirs, lock, NOTE_SECONDS, what, err);
}

int volume_use_hold(const struct dirs *dirs, const char *name, struct err *err)
{
	char lock[80];

	return lock_use(dirs, name, lock, err);
}

void volume_use_forget(const struct dirs *dirs, const char *name)
{
	char lock[80];
	scoped_fd int fd = lock_use(dirs, name, lock, &(struct err){ 0 });

	if (fd >= 0)
		dirs_lock_forget(dirs, lock);
}

static int write_note(const struct machine *machine, const char *name, const struct pool *pool,
		      bool readonly, struct err *err)
{
	scoped_free char *folder = text_format("%s/volumes", machine->run);
	scoped_free char *path = note_path(machine, name);
	struct volume_note note = { .readonly = readonly };

	text_print(note.pool, sizeof note.pool, "%s", pool->name);
	pool_watch_device(pool, note.device, sizeof note.device);
	pool_watch_file(pool, note.file, sizeof note.file);
	scoped_free char *text = volume_note_text(&note);
	if (!folder || !path || !text)
		return err_set(err, ENOMEM, "out of memory");
	return file_make_dirs(folder, 0700, err) < 0
		       ? -err->code
		       : file_replace(path, text, strlen(text), 0600, err);
}

int volume_use_begin(const struct machine *machine, const char *name, const struct pool *pool,
		     bool readonly, struct err *err)
{
	char lock[80], other[64];
	scoped_fd int fd = lock_use(machine->dirs, name, lock, err);

	if (fd < 0)
		return fd;
	return !readonly && volume_use_find(machine->dirs, name, machine->name, true, other)
		       ? err_set(err, EBUSY,
				 "machine '%s' runs with volume '%s', and two machines cannot "
				 "write to one; stop that one, or detach the volume from it",
				 other, name)
		       : write_note(machine, name, pool, readonly, err);
}

void volume_use_end(const struct machine *machine, const char *name)
{
	scoped_free char *path = note_path(machine, name);
	char volume[VOLUME_NAME_MAX + 1];
	struct pool pool = { .use_fd = -1 };
	struct err ignored = { 0 };
	struct volume_note note;

	data_volume(name, volume);
	if (read_note(machine, name, &note) &&
	    pool_open(&pool, machine->dirs, note.pool, &ignored) == 0) {
		volume_deactivate(&pool, volume, &ignored);
		pool_close(&pool);
	}
	if (path)
		unlink(path);
}

void volume_use_end_all(const struct machine *machine)
{
	scoped_free char *folder = text_format("%s/volumes", machine->run);
	scoped_dir DIR *dir = folder ? opendir(folder) : NULL;

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (!text_label_fault(e->d_name))
			volume_use_end(machine, e->d_name);
	}
}
