/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/backup/backup.h"

#include "base/fault.h"
#include "base/outfile.h"
#include "base/scoped.h"
#include "machine/manage/automatic.h"
#include "machine/state/content.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHAIN_MAX = 1000 };

/* ---- Making one */

struct making {
	struct machine *machine;        /* borrowed */
	const struct backup_spec *spec; /* borrowed */
	struct backups backups;         /* owned: before this one */
	char prefix[32];
	char snapshot[64];         /* the new one; "": not taken yet */
	char since[64];            /* the snapshot that it builds on; "": it is a full one */
	const struct backup *base; /* that of since */
};

/* The contents of the last snapshot in a backup, which the description at its beginning or behind the first volume has. */
static int read_content(const struct backups *backups, const struct backup *one,
			char content[UUID_TEXT], struct err *err)
{
	scoped_fd int fd = backups_open(backups, one, err);
	struct stream_in in = { .fd = fd };
	scoped_text struct text settings = { 0 };
	struct stream_volume volume;
	struct stream_head head;

	if (fd < 0 || stream_open(&in, &head, &settings, err) < 0)
		return -err->code;
	stream_head_free(&head);
	if (stream_next(&in, &volume, err) <= 0)
		return err->code ? -err->code : -EBADMSG;
	text_print(content, UUID_TEXT, "%s", volume.content);
	stream_volume_free(&volume);
	return 0;
}

/* Chooses the newest backup that is whole, and whose snapshot the machine still has. */
static int choose_base(struct making *making, struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	const struct backups *backups = &making->backups;
	char there[UUID_TEXT];
	struct content content;
	size_t count = 0;

	if (snapshot_list(making->machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = count; i > 0; i--) {
		const struct snapshot_entry *one = &list[i - 1];
		if (!text_starts(one->name, making->prefix) ||
		    content_find(making->machine, one->name, one->volume_made, &content,
				 &(struct err){ 0 }) < 0)
			continue;
		for (size_t j = backups->count; j > 0; j--) {
			const struct backup *backup = &backups->list[j - 1];
			if (backup->broken ||
			    read_content(backups, backup, there, &(struct err){ 0 }) < 0 ||
			    strcmp(there, content.files) != 0)
				continue;
			snprintf(making->since, sizeof making->since, "%s", one->name);
			making->base = backup;
			return 0;
		}
	}
	return 0;
}

/* A chain is ended when the next full backup is due. */
static int end_chain(struct making *making, struct err *err)
{
	struct schedule schedule;
	const struct backup *full =
		making->base ? backups_full(&making->backups, making->base) : NULL;

	if (config_schedule(making->machine->config.backup_full, &schedule, err) < 0)
		return -err->code;
	if (!full || making->spec->full ||
	    schedule_is_due(&schedule, making->spec->now, &full->date, 1)) {
		*making->since = '\0';
		making->base = NULL;
	}
	return 0;
}

/* A second has one backup: the next one gets the next free second. */
static int name_it(const struct making *making, struct backup *made, struct err *err)
{
	char date[STAMP_SIZE], base[STAMP_SIZE];

	*made = (struct backup){ .date = making->spec->now,
				 .base = making->base ? making->base->date : 0 };
	while (backups_of(&making->backups, made->date))
		made->date++;
	if (stamp_print(made->date, date) < 0 || stamp_print(made->base, base) < 0)
		return err_set(err, EOVERFLOW, "the clock's time cannot be written");
	snprintf(made->file, sizeof made->file,
		 making->base ? "%s.since-%s.berth" : "%s.full.berth", date, base);
	return 0;
}

/* The written file is read again, from the disk where it can be, before it counts. */
static int check_written(int fd, const char *path, struct err *err)
{
	if (fsync(fd) < 0)
		return err_set(err, errno, "write '%s': %s", path, strerror(errno));
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "read '%s': %s", path, strerror(errno));
	return stream_verify(fd, err) < 0 ? err_wrap(err, "'%s', as it was written", path) : 0;
}

static int write_it(struct making *making, struct backup *made, struct err *err)
{
	scoped_free char *path = text_format("%s/%s", making->backups.folder, made->file);
	const struct outfile_spec file = { .path = path, .what = "a backup", .mode = 0600 };
	scoped_outfile struct outfile out = { .fd = -1 };
	struct export_spec spec = {
		.snapshot = making->snapshot,
		.since = making->base ? making->since : NULL,
		.keep = making->base ? NULL : making->snapshot,
		.codec = making->spec->codec,
		.tick = making->spec->tick,
		.tick_context = making->spec->tick_context,
	};
	struct stat st;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (outfile_open(&out, &file, err) < 0)
		return -err->code;
	spec.fd = out.fd;
	if (machine_export(making->machine, &spec, err) < 0 || check_written(out.fd, path, err) < 0)
		return -err->code;
	fault_point("backup-written");
	if (outfile_keep(&out, err) < 0)
		return -err->code;
	fault_point("backup-kept");
	made->size = fstat(out.fd, &st) == 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

/* kept: the one that stays; the others of this target go. */
static int drop_snapshots(struct machine *machine, const char *prefix, const char *kept,
			  struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;

	if (snapshot_list(machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		struct err one = { 0 };
		if (text_starts(list[i].name, prefix) && strcmp(list[i].name, kept) != 0 &&
		    snapshot_delete(machine, list[i].name, &one) < 0 && one.code != ENOENT &&
		    !err->code)
			*err = one;
	}
	return -err->code;
}

static int prune(struct making *making, struct err *err)
{
	struct backups *before = &making->backups;
	scoped_backups struct backups now = { 0 };
	struct keep keep;

	if (config_keep(making->machine->config.backup_keep, &keep, err) < 0 ||
	    backups_list(making->spec->target, before->name, before->uuid, &now, err) < 0)
		return -err->code;
	return backups_prune(&now, &keep, making->spec->now, err);
}

static int make(struct making *making, struct backup *made, struct err *err)
{
	if (choose_base(making, err) < 0 || end_chain(making, err) < 0 ||
	    name_it(making, made, err) < 0 ||
	    snapshot_take_dated(making->machine, making->prefix, made->date, making->snapshot,
				err) < 0)
		return -err->code;
	fault_point("backup-snapshot");
	if (write_it(making, made, err) < 0) {
		snapshot_delete(making->machine, making->snapshot, &(struct err){ 0 });
		return -err->code;
	}
	return 0;
}

/* The folder of a machine keeps the name that it had at its first backup: the uuid finds it. */
struct named {
	const char *uuid;
	char name[64];
};

static int name_there(void *context, const char *name, const char *uuid)
{
	struct named *named = context;

	if (strcmp(uuid, named->uuid) != 0)
		return 0;
	snprintf(named->name, sizeof named->name, "%s", name);
	return 1;
}

static int find_folder(struct machine *machine, const char *target, struct named *named,
		       struct err *err)
{
	*named = (struct named){ .uuid = machine->config.uuid };
	snprintf(named->name, sizeof named->name, "%s", machine->name);
	int r = target_machines(target, name_there, named, err);
	return r < 0 ? r : 0;
}

static int make_locked(struct machine *machine, const struct backup_spec *spec, struct backup *made,
		       struct err *err)
{
	struct making making = { .machine = machine, .spec = spec };
	struct named named;

	if (machine_check(machine, err) < 0 || target_claim(machine->dirs, spec->target, err) < 0 ||
	    find_folder(machine, spec->target, &named, err) < 0)
		return -err->code;
	scoped_fd int lock = backups_lock(spec->target, named.name, named.uuid, err);
	if (lock < 0)
		return lock;
	target_prefix(spec->target, making.prefix);
	int r = backups_list(spec->target, named.name, named.uuid, &making.backups, err);
	if (r == 0)
		r = make(&making, made, err);
	if (r == 0)
		r = drop_snapshots(machine, making.prefix, making.snapshot, err);
	if (r == 0)
		r = prune(&making, err);
	backups_free(&making.backups);
	return r;
}

int backup_make(struct machine *machine, const struct backup_spec *spec, struct backup *made,
		struct err *err)
{
	char date[STAMP_SIZE];
	int r = make_locked(machine, spec, made, err);

	if (r == 0 && stamp_print(made->date, date) == 0)
		machine_tell(machine, &(struct event){ .name = "backed-up", .snapshot = date });
	if (r < 0) {
		err_wrap(err, "back up machine '%s'", machine->name);
		machine_tell(machine,
			     &(struct event){ .name = "backup-failed", .cause = err->text });
	}
	return r;
}

int backup_is_due(struct machine *machine, const char *target, uint64_t now, struct err *err)
{
	scoped_backups struct backups backups = { 0 };
	struct schedule schedule;
	struct named named;

	if (config_schedule(machine->config.backup_schedule, &schedule, err) < 0)
		return -err->code;
	if (schedule.never)
		return 0;
	/* Before the list, so that an empty mount point is not taken for a target without backups. */
	if (target_claim(machine->dirs, target, err) < 0 ||
	    find_folder(machine, target, &named, err) < 0 ||
	    backups_list(target, named.name, named.uuid, &backups, err) < 0)
		return -err->code;
	scoped_free uint64_t *dates = calloc(backups.count + 1, sizeof *dates);
	if (!dates)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < backups.count; i++)
		dates[i] = backups.list[i].date;
	return schedule_is_due(&schedule, now, dates, backups.count);
}

/* ---- Using one */

int backup_verify(const struct backups *backups, const struct backup *one, struct err *err)
{
	if (one->broken)
		return err_set(err, ENOENT,
			       "backup '%s' of machine '%s' builds on one that is gone", one->file,
			       backups->name);
	scoped_fd int fd = backups_open(backups, one, err);
	if (fd < 0)
		return fd;
	return stream_verify(fd, err) < 0
		       ? err_wrap(err, "backup '%s' of machine '%s'", one->file, backups->name)
		       : 0;
}

struct chain {
	int fds[CHAIN_MAX]; /* owned; the full one first */
	size_t count;
};

static int open_chain(struct chain *chain, const struct backups *backups, const struct backup *one,
		      struct err *err)
{
	size_t length = 1;

	if (!backups_full(backups, one))
		return err_set(err, ENOENT,
			       "backup '%s' of machine '%s' builds on one that is gone", one->file,
			       backups->name);
	for (const struct backup *at = one; at->base; at = backups_of(backups, at->base))
		length++;
	if (length > CHAIN_MAX)
		return err_set(err, E2BIG,
			       "backup '%s' of machine '%s' builds on more than %d others",
			       one->file, backups->name, CHAIN_MAX);
	for (size_t i = 0; i < CHAIN_MAX; i++)
		chain->fds[i] = -1;
	chain->count = length;
	for (const struct backup *at = one; at;
	     at = at->base ? backups_of(backups, at->base) : NULL) {
		chain->fds[--length] = backups_open(backups, at, err);
		if (chain->fds[length] < 0)
			return -err->code;
	}
	return 0;
}

int backup_restore(const struct dirs *dirs, const struct backups *backups, const struct backup *one,
		   const struct import_spec *given, char made[64], struct text *notes,
		   struct err *err)
{
	struct chain chain = { .count = 0 };
	struct import_spec spec = *given;

	int r = open_chain(&chain, backups, one, err);
	if (r == 0) {
		spec.fd = chain.fds[0];
		spec.chain = chain.fds + 1;
		spec.chain_count = chain.count - 1;
		r = machine_import(dirs, &spec, made, notes, err);
	}
	for (size_t i = 0; i < chain.count; i++)
		scoped_close_fd(&chain.fds[i]);
	return r;
}

int backup_forget(struct machine *machine, const char *target, struct err *err)
{
	char prefix[32];

	target_prefix(target, prefix);
	return drop_snapshots(machine, prefix, "", err);
}
