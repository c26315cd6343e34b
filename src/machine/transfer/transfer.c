/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/transfer/transfer.h"

#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"
#include "kern/spawn.h"
#include "machine/transfer/transfer_volumes.h"
#include "machine/transfer/tree.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/*
 * Milliseconds between two checks, without any progress, while a disk writes its cache, and until a machine has ended
 * whose process was killed.
 */
enum { LOOK = 200, STALL = 60000, SYNC_STALL = 600000, STOP_PATIENCE = 2000 };

enum { SEND, RECEIVE, SIDES };

struct work {
	struct transfer *transfer;
	struct side sides[SIDES];
	struct tree_report *reports; /* of each side, in shared memory */
	int sockets[SIDES];
	pid_t pids[SIDES];
	int pidfds[SIDES]; /* owned; -1: it has ended, or never began */
	int stream;        /* owned; standard input or output, or a device, if it takes part */
	bool to_stream;    /* the target is one */
	bool special; /* it is a FIFO or device that the user named, and not its standard output */
};

static bool is_stream(const struct machine *machine, const char *path)
{
	return !machine && strcmp(path, "-") == 0;
}

static int send_side(struct work *work, const struct tree_place *place, struct err *err)
{
	const struct transfer *transfer = work->transfer;
	const struct tree_source source = {
		.place = *place,
		.paths = transfer->sources,
		.count = transfer->count,
		.stream = is_stream(transfer->from, transfer->sources[0]) ? work->stream : -1,
		.archive = transfer->archive,
		.report = &work->reports[SEND],
		.receiver = &work->reports[RECEIVE],
	};

	return tree_send(&source, work->sockets[SEND], err);
}

static int receive_side(struct work *work, const struct tree_place *place, int proc_fd,
			struct err *err)
{
	const struct transfer *transfer = work->transfer;
	const struct tree_target target = {
		.place = *place,
		.path = transfer->target,
		.folder = transfer->count > 1,
		.parents = transfer->parents,
		.exact = transfer->exact,
		.sized = transfer->sized,
		.size = transfer->size,
		.archive = transfer->archive,
		.owner = transfer->owner,
		.group = transfer->group,
		.mode = transfer->mode,
		.stream = work->to_stream ? work->stream : -1,
		.proc_fd = proc_fd,
		.report = &work->reports[RECEIVE],
	};

	return tree_receive(&target, work->sockets[RECEIVE], err);
}

static __attribute__((noreturn)) void run_side(struct work *work, int which, int parent)
{
	struct err *err = &work->reports[which].err;
	struct tree_place place;

	if (child_tie(parent, SIGTERM) < 0)
		_exit(EXIT_FAILURE);
	/* A reader that has ended is told by the write. */
	signal(SIGPIPE, SIG_IGN);
	close(work->sockets[!which]);
	/* The machine's /proc does not know this process. */
	int proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (side_enter(&work->sides[which], &place, err) == 0) {
		/* Entering has ended that, as every change of ids does. */
		if (child_tie(parent, SIGTERM) < 0)
			_exit(EXIT_FAILURE);
		if (which == SEND)
			send_side(work, &place, err);
		else
			receive_side(work, &place, proc_fd, err);
	}
	_exit(err->code ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start_side(struct work *work, int which, struct err *err)
{
	scoped_fd int ourselves = child_parent();

	if (ourselves < 0)
		return err_set(err, -ourselves, "start a process: %s", strerror(-ourselves));
	work->pids[which] = side_fork(&work->sides[which], &work->pidfds[which], err);
	if (work->pids[which] == 0)
		run_side(work, which, ourselves);
	return work->pids[which] < 0 ? -err->code : 0;
}

static void tell_progress(const struct work *work)
{
	const struct transfer *transfer = work->transfer;

	if (transfer->tick)
		transfer->tick(transfer->context, work->reports[RECEIVE].bytes,
			       work->reports[RECEIVE].entries);
}

/* Whether anything has moved since the last call. */
static bool has_moved(const struct work *work, uint64_t *last)
{
	uint64_t now = work->reports[RECEIVE].bytes + work->reports[RECEIVE].entries +
		       work->reports[SEND].left_out;
	bool moved = now != *last;

	*last = now;
	return moved;
}

/* The user's own terminal or pipe may delay a transfer for as long as it likes, until all of it was read. */
static bool is_stalled(const struct work *work, int64_t since)
{
	bool syncing = work->reports[RECEIVE].syncing;

	return (work->stream < 0 || work->special || syncing) &&
	       clock_ms() - since > (syncing ? SYNC_STALL : STALL);
}

static void kill_sides(struct work *work)
{
	for (int i = 0; i < SIDES; i++) {
		if (work->pidfds[i] >= 0)
			kill(work->pids[i], SIGKILL);
	}
}

/* The cause of a side that was killed: its machine ended, or memory is short. */
static void tell_killed(const struct side *side, struct err *err)
{
	struct pollfd end = { .fd = side->pidfd, .events = POLLIN };

	if (side->pidfd >= 0 && poll(&end, 1, STOP_PATIENCE) > 0)
		err_set(err, ECHILD,
			"machine '%s' was stopped or rebooted meanwhile; copy again when it runs",
			side->machine->name);
	else
		err_set(err, ECHILD,
			"the process that copies was killed; if memory is short, limits.memory of "
			"the machine may be too small");
}

/* Reaps the sides that have ended; returns the number of the others. */
static int reap_sides(struct work *work, const struct pollfd *ends)
{
	int left = 0;

	for (int i = 0; i < SIDES; i++) {
		if (work->pidfds[i] >= 0 && ends[i].revents) {
			int status = spawn_wait(work->pidfds[i]);
			struct err *err = &work->reports[i].err;
			if (status != 0 && !err->code)
				tell_killed(&work->sides[i], err);
			scoped_close_fd(&work->pidfds[i]);
		}
		left += work->pidfds[i] >= 0;
	}
	return left;
}

/* Waits until both have ended. A process that SIGKILL does not end, because a disk hangs, is left behind. */
static int wait_sides(struct work *work, struct err *err)
{
	uint64_t last = 0;
	int64_t since = clock_ms();

	for (bool killed = false;;) {
		struct pollfd ends[SIDES] = { { .fd = work->pidfds[SEND], .events = POLLIN },
					      { .fd = work->pidfds[RECEIVE], .events = POLLIN } };
		poll(ends, SIDES, LOOK);
		if (reap_sides(work, ends) == 0)
			return -err->code;
		tell_progress(work);
		if (has_moved(work, &last))
			since = clock_ms();
		if (!killed && is_stalled(work, since)) {
			err_set(err, ETIMEDOUT,
				"nothing has moved for a minute, and it is given up; %s keeps it "
				"waiting",
				work->special ? "the FIFO or device, which nobody reads,"
					      : "a file system that does not answer, or a machine "
						"that was paused,");
			kill_sides(work);
			killed = true;
			since = clock_ms();
		} else if (killed && clock_ms() - since > LOOK * 5) {
			return -err->code;
		}
	}
}

/* The failure that is the cause of the other one. EPIPE: the other side has ended, or the reader of a stream has. */
static void take_error(const struct work *work, struct err *err)
{
	const struct err *sent = &work->reports[SEND].err, *received = &work->reports[RECEIVE].err;
	bool sender_first = sent->code && sent->code != EPIPE;
	bool receiver_first = received->code && (received->code != EPIPE || !sender_first);
	const struct err *why = receiver_first || !sent->code ? received : sent;

	if (!err->code && why->code)
		*err = *why;
	uint64_t entries = work->reports[RECEIVE].entries;
	if (err->code && entries > 1) {
		struct err whole = { 0 };
		err_set(&whole, err->code, "%.900s; %llu entries were copied before", err->text,
			(unsigned long long)entries - 1);
		*err = whole;
	}
}

static void take_results(const struct work *work)
{
	struct transfer *transfer = work->transfer;

	transfer->bytes = work->reports[RECEIVE].bytes;
	transfer->entries = work->reports[RECEIVE].entries;
	for (int i = 0; i < SIDES; i++) {
		transfer->left_out += work->reports[i].left_out;
		if (work->reports[i].left_out && !transfer->first_left_out)
			transfer->first_left_out = strdup(work->reports[i].first_left_out);
	}
}

/*
 * A device or FIFO of this host, such as /dev/null, is written into. All programs would lose it if the copy took its
 * place.
 */
static int open_special(struct work *work, struct err *err)
{
	const char *path = work->transfer->target;
	struct stat st;

	if (work->transfer->to || stat(path, &st) < 0 || S_ISDIR(st.st_mode) ||
	    (S_ISREG(st.st_mode) && !file_is_descriptor(path)))
		return 0;
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		return err_set(err, EINVAL, "'%s' is a %s, which is not written to; name a file",
			       path, S_ISBLK(st.st_mode) ? "disk" : "socket");
	work->stream = file_open_special(path);
	if (work->stream == -ENXIO)
		return err_set(err, ENXIO, "write '%s': no program reads from it", path);
	if (work->stream < 0)
		return err_set(err, -work->stream, "write '%s': %s", path, strerror(-work->stream));
	work->to_stream = true;
	work->special = true;
	return 0;
}

static int open_sides(struct work *work, struct err *err)
{
	struct side *from = &work->sides[SEND];
	struct transfer *transfer = work->transfer;
	bool from_stream = is_stream(transfer->from, transfer->sources[0]);
	int stream = from_stream ? STDIN_FILENO : STDOUT_FILENO;

	work->to_stream = !from_stream && is_stream(transfer->to, transfer->target);
	if (transfer->stream_fd > 0)
		stream = transfer->stream_fd;
	if ((from_stream || work->to_stream) &&
	    (work->stream = fcntl(stream, F_DUPFD_CLOEXEC, 3)) < 0)
		return err_set(err, errno, "use standard input or output: %s", strerror(errno));
	if (!from_stream && !work->to_stream && open_special(work, err) < 0)
		return -err->code;
	if ((transfer->snapshot ? side_open_snapshot(from, transfer->from, transfer->snapshot, err)
				: side_open(from, transfer->from, true, err)) < 0 ||
	    side_open(&work->sides[RECEIVE], transfer->to, false, err) < 0 ||
	    transfer_check_sources(transfer, from, &work->reports[SEND], err) < 0 ||
	    transfer_check_target(transfer, &work->sides[RECEIVE], err) < 0)
		return -err->code;
	return tree_pair(work->sockets, err);
}

static int run_sides(struct work *work, struct err *err)
{
	int r = start_side(work, RECEIVE, err);

	scoped_close_fd(&work->sockets[RECEIVE]);
	if (r == 0)
		r = start_side(work, SEND, err);
	scoped_close_fd(&work->sockets[SEND]);
	/* A side that has begun ends when no process holds the other socket. */
	wait_sides(work, err);
	if (r == 0)
		take_error(work, err);
	return -err->code;
}

int machine_transfer(struct transfer *transfer, struct err *err)
{
	size_t room = SIDES * sizeof(struct tree_report);
	struct work work = {
		.transfer = transfer,
		.sockets = { -1, -1 },
		.pidfds = { -1, -1 },
		.stream = -1,
		.sides = { { .pidfd = -1, .lock = -1, .root_fd = -1 },
			   { .pidfd = -1, .lock = -1, .root_fd = -1 } },
	};
	void *shared = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return err_set(err, errno, "allocate memory: %s", strerror(errno));
	work.reports = shared;
	if (open_sides(&work, err) == 0)
		run_sides(&work, err);
	take_results(&work);
	for (int i = 0; i < SIDES; i++) {
		scoped_close_fd(&work.sockets[i]);
		scoped_close_fd(&work.pidfds[i]);
		side_close(&work.sides[i]);
	}
	scoped_close_fd(&work.stream);
	munmap(shared, room);
	return -err->code;
}
