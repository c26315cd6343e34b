/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One process enters the machine, as that of a copy does, and sends what it finds to this one. */
#include "machine/transfer/file_look.h"

#include "base/child.h"
#include "base/scoped.h"
#include "kern/spawn.h"
#include "machine/transfer/tree_show.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Milliseconds without an entry after which it is given up, and until a killed process has ended. */
enum { STALL = 30000, END_PATIENCE = 2000 };

struct looking {
	struct file_look *look;
	const char *path;
	file_look_visit *visit;
	void *context;
	struct err *fault; /* of the process in the machine, in shared memory */
	int sockets[2];    /* owned: ours, and that of the process */
	pid_t pid;
	int pidfd; /* owned; -1: there is no process */
};

static __attribute__((noreturn)) void run_side(struct looking *looking, int parent)
{
	struct tree_place place;

	if (child_tie(parent, SIGTERM) < 0)
		_exit(EXIT_FAILURE);
	close(looking->sockets[0]);
	/* Entering ends the tie, as every change of ids does. */
	if (side_enter(&looking->look->side, &place, looking->fault) == 0 &&
	    child_tie(parent, SIGTERM) == 0)
		tree_show(&place, looking->path, looking->visit ? FILE_LOOK_ENTRIES : 0,
			  looking->sockets[1], looking->fault);
	_exit(looking->fault->code ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start(struct looking *looking, struct err *err)
{
	scoped_fd int ourselves = child_parent();

	if (ourselves < 0)
		return err_set(err, -ourselves, "start a process: %s", strerror(-ourselves));
	if (tree_pair(looking->sockets, err) < 0)
		return -err->code;
	looking->pid = side_fork(&looking->look->side, &looking->pidfd, err);
	if (looking->pid == 0)
		run_side(looking, ourselves);
	scoped_close_fd(&looking->sockets[1]);
	return looking->pid < 0 ? -err->code : 0;
}

/* 1: an entry, and *fd; 0: the process has ended; or -errno. */
static int receive(const struct looking *looking, struct tree_entry *entry, int *fd)
{
	struct pollfd ready = { .fd = looking->sockets[0], .events = POLLIN };
	int n;

	do
		n = poll(&ready, 1, STALL);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? -ETIMEDOUT : -errno;
	return tree_entry_receive(looking->sockets[0], entry, fd);
}

/* The first entry is that of the path itself. 0: all were received; or -errno. */
static int receive_all(struct looking *looking)
{
	static struct tree_entry entry;
	struct file_look *look = looking->look;
	bool first = true;

	for (;; first = false) {
		scoped_fd int fd = -1;
		int r = receive(looking, &entry, &fd);
		if (r <= 0)
			return r < 0 ? r : -ECHILD;
		if (entry.type == TREE_END) {
			look->more = entry.size > 0;
			return first ? -EPROTO : 0;
		}
		if (first != (entry.type == TREE_FILE) && entry.type != TREE_SHOWN)
			return -EPROTO;
		if (first) {
			look->self = entry;
			look->file = take_fd(&fd);
			if (entry.type == TREE_FILE)
				look->self.mode |= S_IFREG;
			continue;
		}
		r = looking->visit ? looking->visit(looking->context, &entry) : -EPROTO;
		if (r < 0)
			return r;
	}
}

/* Ends the process, which is killed unless it is at its end. One that SIGKILL does not end is left behind. */
static void end(struct looking *looking, bool whole)
{
	struct pollfd gone = { .fd = looking->pidfd, .events = POLLIN };

	if (looking->pidfd < 0)
		return;
	scoped_close_fd(&looking->sockets[0]);
	if (!whole && poll(&gone, 1, END_PATIENCE) == 0)
		kill(looking->pid, SIGKILL);
	if (poll(&gone, 1, END_PATIENCE) > 0)
		spawn_wait(looking->pidfd);
	scoped_close_fd(&looking->pidfd);
}

static int tell(const struct looking *looking, int r, struct err *err)
{
	const char *name = looking->look->side.machine->name;

	if (looking->fault->code)
		*err = *looking->fault;
	else if (r == -ETIMEDOUT)
		err_set(err, ETIMEDOUT,
			"nothing was heard of '%s' in machine '%s' for half a minute; a file "
			"system there does not answer, or the machine was paused",
			looking->path, name);
	else if (r == -ECHILD)
		err_set(err, ECHILD,
			"the look at '%s' in machine '%s' has ended early; the machine was "
			"stopped, or its memory is short",
			looking->path, name);
	else
		err_set(err, -r, "look at '%s' in machine '%s': %s", looking->path, name,
			strerror(-r));
	return -err->code;
}

static int look_inside(struct looking *looking, struct err *err)
{
	int r = start(looking, err);

	if (r < 0)
		return r;
	r = receive_all(looking);
	end(looking, r == 0);
	return r < 0 ? tell(looking, r, err) : 0;
}

int file_look_open(struct file_look *look, struct machine *machine, const char *snapshot,
		   const char *path, file_look_visit *visit, void *context, struct err *err)
{
	struct looking looking = {
		.look = look,
		.path = path,
		.visit = visit,
		.context = context,
		.sockets = { -1, -1 },
		.pidfd = -1,
	};

	look->file = -1;
	look->more = false;
	int r = snapshot ? side_open_snapshot(&look->side, machine, snapshot, err)
			 : side_open(&look->side, machine, true, err);
	if (r < 0 || side_check_volumes(&look->side, path, err) < 0)
		return -err->code;
	looking.fault = mmap(NULL, sizeof *looking.fault, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (looking.fault == MAP_FAILED)
		return err_set(err, errno, "allocate memory: %s", strerror(errno));
	r = look_inside(&looking, err);
	scoped_close_fd(&looking.sockets[0]);
	munmap(looking.fault, sizeof *looking.fault);
	return r;
}

void file_look_close(struct file_look *look)
{
	/* One that was never opened has no side. */
	if (!look->side.machine)
		return;
	scoped_close_fd(&look->file);
	side_close(&look->side);
	look->side.machine = NULL;
}
