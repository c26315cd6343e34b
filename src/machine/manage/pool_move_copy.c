/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The copies of a move between pools: a process of its own writes each stream into a pipe, and this one reads it. */
#include "machine/manage/pool_move.h"

#include "machine/manage/moving.h"
#include "machine/state/content.h"
#include "machine/state/private.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COPIES_MAX = 1000 };

/* The writer opens what it needs anew: a lock of this command that it kept would outlive a kill. */
static __attribute__((noreturn)) void
write_stream(struct machine *machine, const struct export_spec *spec, int parent, struct err *said)
{
	unsigned out = (unsigned)spec->fd;
	struct err err = { 0 };

	if (child_tie(parent, SIGKILL) < 0)
		_exit(1);
	if (out > 3)
		syscall(SYS_close_range, 3U, out - 1, 0U);
	syscall(SYS_close_range, out + 1, ~0U, 0U);
	signal(SIGPIPE, SIG_IGN);
	int r = machine_export(machine, spec, &err);
	*said = err;
	_exit(r < 0 ? 1 : 0);
}

static int read_stream(struct pool_moving *moving, int fd, struct err *err)
{
	struct stream_in in = { .fd = fd,
				.tick = moving->spec->tick,
				.tick_context = moving->spec->tick_context };
	scoped_text struct text settings = { 0 };
	struct stream_head head;

	if (stream_open(&in, &head, &settings, err) < 0)
		return -err->code;
	stream_head_free(&head);
	return arrival_read(&moving->arrival, &in, err);
}

/* The cause of a failure is the writer's, unless it only found that the reader takes no more. */
static int judge(int status, int r, const struct err *said, struct err *err)
{
	if (status == 0)
		return r;
	if (said->code && (said->code != EPIPE || r == 0)) {
		*err = (struct err){ 0 };
		return err_set(err, said->code, "%s", said->text);
	}
	return r < 0 ? r : err_set(err, EIO, "the process that copies has ended before its end");
}

static int copy_with(struct pool_moving *moving, struct export_spec *spec, struct err *said,
		     struct err *err)
{
	scoped_fd int parent = child_parent();
	scoped_fd int from = -1;
	scoped_fd int to = -1;
	int ends[2];

	if (parent < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, parent < 0 ? -parent : errno, "make a pipe: %s",
			       strerror(parent < 0 ? -parent : errno));
	from = ends[0];
	to = spec->fd = ends[1];
	pid_t pid = fork();
	if (pid == 0)
		write_stream(moving->machine, spec, parent, said);
	if (pid < 0)
		return err_set(err, errno, "start a process: %s", strerror(errno));
	scoped_close_fd(&to);
	int r = read_stream(moving, from, err);
	scoped_close_fd(&from);
	return judge(child_wait(pid), r, said, err);
}

static int copy(struct pool_moving *moving, struct export_spec *spec, struct err *err)
{
	int64_t began = clock_ms();
	struct err *said =
		mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (said == MAP_FAILED)
		return err_set(err, errno, "share memory: %s", strerror(errno));
	spec->verb = "copy";
	spec->press = (struct stream_press){ .codec = STREAM_NONE };
	int r = copy_with(moving, spec, said, err);
	munmap(said, sizeof *said);
	moving->took = clock_ms() - began;
	return r;
}

struct arrived *pool_copy_find(const struct pool_moving *moving, const char *uuid)
{
	const struct arrival *arrival = &moving->arrival;

	for (size_t i = 0; i < arrival->count; i++) {
		if (*uuid && strcmp(arrival->list[i].volume.content, uuid) == 0)
			return &arrival->list[i];
	}
	return NULL;
}

/*
 * Whether it has snapshots that have not come. Only then the next copy has snapshots: their times, which are in
 * seconds, may not tell which ones are later than the last copy.
 */
static int has_new(struct pool_moving *moving, struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;
	bool found = false;

	if (snapshot_list(moving->machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count && !found; i++) {
		struct content content;
		if (text_starts(list[i].name, moving->prefix))
			continue;
		int r = content_find(moving->machine->folder, list[i].name, list[i].volume_made,
				     &content, err);
		if (r < 0 && err->code)
			return r;
		found = r < 0 || !pool_copy_find(moving, content.files);
	}
	return found;
}

/* ---- Copies of a running machine */

static int take_snapshot(struct pool_moving *moving, char name[64], struct err *err)
{
	for (unsigned n = 1; n < COPIES_MAX; n++) {
		struct err absent = { 0 };
		snprintf(name, 64, "%s%03u", moving->prefix, n);
		if (strcmp(name, moving->last) <= 0 ||
		    snapshot_exists(moving->machine, name, &absent) == 0)
			continue;
		return snapshot_take(moving->machine, name, 0, err);
	}
	return err_set(err, EEXIST, "there are too many snapshots '%s'", moving->prefix);
}

static int find_snapshot(struct machine *machine, const char *name, struct content *content,
			 struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;

	if (snapshot_list(machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].name, name) == 0)
			return content_draw(machine->folder, name, list[i].volume_made, content,
					    err);
	}
	return err_set(err, ESTALE, "snapshot '%s' of machine '%s' was deleted", name,
		       machine->name);
}

/* The first copy has come as a root. It is what its snapshot has, and the next copy builds on that. */
static int note_first(struct pool_moving *moving, const char *name, struct err *err)
{
	struct arrived *root = arrival_root(&moving->arrival);
	struct content content;

	if (!root)
		return err_set(err, EBADMSG, "the copy has no root");
	if (find_snapshot(moving->machine, name, &content, err) < 0)
		return -err->code;
	return text_take(&root->volume.snapshot, strdup(name)) < 0 ||
			       text_take(&root->volume.content, strdup(content.files)) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

static int copy_once(void *context, struct err *err)
{
	struct pool_moving *moving = context;
	char name[64];
	bool first = !*moving->last;
	struct export_spec spec = { .snapshot = first ? NULL : name,
				    .root = first ? name : NULL,
				    .since = first ? NULL : moving->last,
				    .since_is_older = true };

	int r = first ? 1 : has_new(moving, err);
	spec.snapshots = r > 0;
	if (r < 0 || take_snapshot(moving, name, err) < 0)
		return -err->code;
	fault_point("pool-move-snapshot");
	if (copy(moving, &spec, err) < 0 || (first && note_first(moving, name, err) < 0))
		return -err->code;
	fault_point("pool-move-copied");
	if (!first)
		snapshot_delete(moving->machine, moving->last, &(struct err){ 0 });
	strcpy(moving->last, name);
	return 0;
}

int pool_copy_running(struct pool_moving *moving, struct err *err)
{
	return moving_copy_rounds(copy_once, moving, &moving->took, err);
}

int pool_copy_last(struct pool_moving *moving, struct err *err)
{
	struct export_spec spec = { .since = *moving->last ? moving->last : NULL };

	int r = *moving->last ? has_new(moving, err) : 1;
	spec.snapshots = r > 0;
	if (r < 0 || copy(moving, &spec, err) < 0)
		return -err->code;
	return arrival_root(&moving->arrival) ? 0 : err_set(err, EBADMSG, "the copy has no root");
}
