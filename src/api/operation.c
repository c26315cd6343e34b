/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folder of an operation, seen by others: what is known of it, whether it works, and its end. */
#include "api/operation.h"

#include "api/operation_files.h"
#include "api/verb.h"
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "cmd/cli/print.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

enum { RECORD_MAX = 80 << 20, KEPT_SECONDS = 3600, LOOK_AGAIN_MS = 50 };

static json_t *read_record(const struct dirs *dirs, const char *id)
{
	scoped_free char *path = operation_path(dirs, id, "operation.json");
	scoped_free char *text = NULL;

	if (!path || file_read(AT_FDCWD, path, RECORD_MAX, &text) < 0)
		return NULL;
	return json_loads(text, 0, NULL);
}

static bool is_working(const json_t *record)
{
	return json_integer_value(json_object_get(record, "status_code")) == OPERATION_RUNNING;
}

/* The time of the last sign of a process that was killed: a cancellation, output, or its beginning. */
static json_t *last_sign(const struct dirs *dirs, const char *id)
{
	static const char *const files[] = { "cancelled", "output", "sentences", "lock" };
	struct stat st;
	time_t last = 0;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		scoped_free char *path = operation_path(dirs, id, files[i]);
		if (path && stat(path, &st) == 0 && st.st_mtime > last)
			last = st.st_mtime;
	}
	return last ? json_integer(last) : json_null();
}

/* A process that ended without a word was killed; what it had said until then is in its file. */
static void tell_killed(const struct dirs *dirs, const char *id, json_t *record)
{
	scoped_free char *path = operation_path(dirs, id, "sentences");
	scoped_free char *lines = NULL;
	bool cancelled = operation_is_cancelled(dirs, id);
	json_t *notes = json_array();
	struct err err = { 0 };

	if (path && file_read(AT_FDCWD, path, RECORD_MAX, &lines) > 0)
		verb_take_sentences(lines, &err, notes);
	operation_end_record(record, cancelled ? OPERATION_CANCELLED : OPERATION_FAILED,
			     cancelled ? "the operation was cancelled"
				       : "the process that worked on it was killed",
			     cancelled ? ECANCELED : EINTR, 0, notes);
	json_object_set_new(record, "ended", last_sign(dirs, id));
}

json_t *operation_look(const struct dirs *dirs, const char *id, struct err *err)
{
	json_t *record = read_record(dirs, id);

	/* The end may be written between the look at the record and that at the lock. */
	if (record && is_working(record) && operation_worker(dirs, id) == 0) {
		json_decref(record);
		record = read_record(dirs, id);
		if (record && is_working(record))
			tell_killed(dirs, id, record);
	}
	if (!record)
		err_set(err, ENOENT, "there is no operation '%.60s'; an operation is kept an hour",
			id);
	return record;
}

static int older(const void *one, const void *other)
{
	json_t *a = *(json_t *const *)one, *b = *(json_t *const *)other;
	json_int_t x = json_integer_value(json_object_get(a, "created"));
	json_int_t y = json_integer_value(json_object_get(b, "created"));

	return x < y ? -1 : x > y;
}

/* Calls visit with the id of each; stops at nonzero. */
static int for_each(const struct dirs *dirs,
		    int (*visit)(const struct dirs *, const char *id, void *), void *context,
		    struct err *err)
{
	scoped_free char *path = dirs_run_path(dirs, "operations");
	scoped_dir DIR *folder = path ? opendir(path) : NULL;

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (!folder)
		return errno == ENOENT
			       ? 0
			       : err_set(err, errno, "open '%s': %s", path, strerror(errno));
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] != '.' && visit(dirs, entry->d_name, context))
			break;
	}
	return 0;
}

static int add_one(const struct dirs *dirs, const char *id, void *context)
{
	json_t *record = operation_look(dirs, id, &(struct err){ 0 });

	return record ? json_array_append_new(context, record) : 0;
}

json_t *operation_list(const struct dirs *dirs, struct err *err)
{
	json_t *list = json_array(), *sorted = json_array();

	int r = for_each(dirs, add_one, list, err);
	size_t count = json_array_size(list);
	scoped_free json_t **records = calloc(count + 1, sizeof *records);
	for (size_t i = 0; records && i < count; i++)
		records[i] = json_array_get(list, i);
	if (records)
		qsort(records, count, sizeof *records, older);
	for (size_t i = 0; records && i < count; i++)
		json_array_append(sorted, records[i]);
	json_decref(list);
	if (r == 0)
		return sorted;
	json_decref(sorted);
	return NULL;
}

/* Context is the count of those that work. */
static int remove_old(const struct dirs *dirs, const char *id, void *context)
{
	size_t *working = context;
	scoped_free char *record = operation_path(dirs, id, "operation.json");
	scoped_free char *folder = dirs_run_path(dirs, "operations/%s", id);
	struct stat st;

	/* One without a record is being made, unless it is as old. */
	if (!record || !folder || (stat(record, &st) < 0 && stat(folder, &st) < 0))
		return 0;
	if (operation_worker(dirs, id) != 0)
		++*working;
	else if (time(NULL) - st.st_mtime > KEPT_SECONDS)
		remove_tree(AT_FDCWD, folder);
	return 0;
}

size_t operation_forget_old(const struct dirs *dirs)
{
	size_t working = 0;

	for_each(dirs, remove_old, &working, &(struct err){ 0 });
	return working;
}

int operation_wait(const struct dirs *dirs, const char *id, unsigned seconds, struct err *err)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t end = (now.tv_sec + (int64_t)seconds) * 1000 + now.tv_nsec / 1000000;
	for (;;) {
		json_t *record = operation_look(dirs, id, err);
		bool works = record && is_working(record);
		json_decref(record);
		if (!record)
			return -err->code;
		if (!works)
			return 1;
		clock_gettime(CLOCK_MONOTONIC, &now);
		int64_t left = end - now.tv_sec * 1000 - now.tv_nsec / 1000000;
		if (left <= 0)
			return 0;
		pid_t pid = operation_worker(dirs, id);
		scoped_fd int worker = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
		struct pollfd fds = { .fd = worker, .events = POLLIN };
		/* A worker of another process namespace has no number here. */
		poll(&fds, worker >= 0,
		     worker >= 0 || left < LOOK_AGAIN_MS ? (int)left : LOOK_AGAIN_MS);
	}
}

int operation_cancel(const struct dirs *dirs, const char *id, struct err *err)
{
	scoped_free char *mark = operation_path(dirs, id, "cancelled");
	json_t *record = operation_look(dirs, id, err);
	bool works = record && is_working(record);
	pid_t worker = works ? operation_worker(dirs, id) : 0;

	json_decref(record);
	if (!record)
		return -err->code;
	if (!mark)
		return err_set(err, ENOMEM, "out of memory");
	if (worker == 0)
		return err_set(err, EBUSY, "operation '%s' has ended already", id);
	if (worker < 0)
		return err_set(err, EBUSY,
			       "operation '%s' works in another process namespace: cancel it there",
			       id);
	int r = file_create(mark, "", 0, 0600);
	if (r < 0 && r != -EEXIST)
		return err_set(err, -r, "make '%s': %s", mark, strerror(-r));
	/* Its children too, as a terminal does; it leads a session, and so a group. */
	if (operation_worker(dirs, id) == worker)
		kill(-worker, SIGINT);
	return 0;
}
