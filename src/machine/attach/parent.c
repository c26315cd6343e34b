/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/attach/parent.h"

#include "base/scoped.h"
#include "keeper/protocol.h"
#include "kern/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum {
	STACK_SIZE = 128 << 10,
	/* Time for a command to end when its machine goes down, at most half of the stop's own time. */
	GRACE_MILLISECONDS = 10000,
	FAILED = 125,
};

/* The numbers of the descriptors that the parent waits on; all others are closed, above all the client's pipes. */
enum { ORDERS, KEEPER, COMMAND, WAITS };

/*
 * Data of the parent alone. It shares all other memory with the client, errno included: so after its birth it makes no
 * call that usually fails, and allocates no memory.
 */
struct mind {
	pid_t pid;
	bool terminal, detached;
	struct timespec end; /* end of its grace period; zeros: none */
	struct pollfd fds[WAITS];
};

/* The descriptors are not 0 to 2, which were in use when the client began. */
static bool place_descriptors(struct mind *mind, int orders, int keeper, int command)
{
	if (dup2(orders, ORDERS) < 0 || dup2(command, COMMAND) < 0)
		return false;
	if (keeper >= 0)
		mind->fds[KEEPER].fd = dup2(keeper, KEEPER);
	else
		close(KEEPER);
	return close_range(WAITS, ~0U, 0) == 0;
}

static void signal_command(int number)
{
	syscall(SYS_pidfd_send_signal, COMMAND, number, NULL, 0);
}

/*
 * The signal goes to the whole process group, such as the children of a shell script. Its pid cannot be used again
 * until it is waited for.
 */
static void signal_group(const struct mind *mind, int number)
{
	signal_command(number);
	kill(-mind->pid, number);
}

/* Reads signal numbers, one byte each; at the end of the file the client has gone. */
static void take_orders(struct mind *mind)
{
	unsigned char numbers[64];
	ssize_t n = read(ORDERS, numbers, sizeof numbers);

	for (ssize_t i = 0; i < n; i++)
		signal_command(numbers[i]);
	if (n > 0)
		return;
	mind->fds[ORDERS].fd = -1;
	if (!mind->detached)
		signal_group(mind, SIGKILL);
}

static void begin_grace(struct mind *mind, uint32_t seconds)
{
	uint64_t milliseconds = (uint64_t)seconds * 500;

	if (milliseconds > GRACE_MILLISECONDS)
		milliseconds = GRACE_MILLISECONDS;
	clock_gettime(CLOCK_MONOTONIC, &mind->end);
	mind->end.tv_sec += (time_t)(milliseconds / 1000);
	mind->end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	signal_group(mind, SIGTERM);
	/* An interactive shell only heeds this signal. */
	if (mind->terminal)
		signal_group(mind, SIGHUP);
	signal_group(mind, SIGCONT);
}

static void hear_keeper(struct mind *mind)
{
	struct protocol_message message;
	bool there = (mind->fds[KEEPER].revents & (POLLIN | POLLERR)) == POLLIN;
	ssize_t n = there ? recv(KEEPER, &message, sizeof message, 0) : 0;

	if (n <= 0)
		mind->fds[KEEPER].fd = -1;
	else if (n >= (ssize_t)offsetof(struct protocol_message, data) &&
		 message.type == SAY_HALTING && !mind->end.tv_sec)
		begin_grace(mind, message.value);
}

/* The time left, in milliseconds for poll. */
static int time_left(struct mind *mind)
{
	struct timespec now;

	if (!mind->end.tv_sec)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long left = (mind->end.tv_sec - now.tv_sec) * 1000 +
		    (mind->end.tv_nsec - now.tv_nsec) / 1000000;
	return left > 0 ? (int)left : 0;
}

static int mind_command(struct mind *mind)
{
	siginfo_t info = { 0 };

	while (!mind->fds[COMMAND].revents) {
		int ready = poll(mind->fds, WAITS, time_left(mind));
		if (ready == 0) {
			signal_group(mind, SIGKILL);
			mind->end.tv_sec += GRACE_MILLISECONDS / 1000;
		}
		if (ready <= 0)
			continue;
		if (mind->fds[ORDERS].revents)
			take_orders(mind);
		if (mind->fds[KEEPER].revents)
			hear_keeper(mind);
	}
	if (waitid(P_PID, (id_t)mind->pid, &info, WEXITED) < 0)
		return FAILED;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static bool pinned;

/* the client's CPU set, which is restored later. A host with more CPUs than fit is not busy. */
static void pin(cpu_set_t *ours)
{
	cpu_set_t here;
	int processor = sched_getcpu();

	CPU_ZERO(&here);
	if (processor < 0 || processor >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof *ours, ours) < 0)
		return;
	CPU_SET(processor, &here);
	pinned = sched_setaffinity(0, sizeof here, &here) == 0;
}

void parent_go_anywhere(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof all);
	if (pinned)
		sched_setaffinity(0, sizeof all, &all);
}

/* Runs as the process; its return value is the exit status. All signals are blocked. */
static int parent_main(void *context)
{
	/* A client that does not wait for its command closes its end when the command has begun. */
	const struct parent given = *(const struct parent *)context, *parent = &given;
	struct mind mind = {
		.terminal = parent->terminal,
		.detached = parent->detached,
		.fds = { { ORDERS, POLLIN, 0 }, { -1, POLLIN, 0 }, { COMMAND, POLLIN, 0 } },
	};
	int command = -1;

	/* Detached from the client's terminal and folder. */
	setsid();
	if (mind.detached && chdir("/") < 0)
		return FAILED;
	mind.pid = parent->birth(parent->context, &command);
	parent_go_anywhere();
	if (mind.pid < 0 || !place_descriptors(&mind, parent->taken, parent->keeper, command))
		return FAILED;
	return mind_command(&mind);
}

/*
 * Shares our memory, because a copy of it would cost as much as that for the command. Its stack is not on ours, because
 * we may be gone before a detached command is.
 */
static pid_t clone_parent(struct parent *parent)
{
	static char stack[STACK_SIZE] __attribute__((aligned(16)));
	sigset_t all, ours;
	cpu_set_t processors;

	pin(&processors);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &ours);
	pid_t pid = clone(parent_main, stack + sizeof stack, CLONE_VM | CLONE_PIDFD | SIGCHLD,
			  parent, &parent->pidfd);
	int code = errno;
	sigprocmask(SIG_SETMASK, &ours, NULL);
	if (pinned)
		sched_setaffinity(0, sizeof processors, &processors);
	return pid < 0 ? -code : pid;
}

int parent_start(struct parent *parent, struct err *err)
{
	int pipe[2];

	parent->pidfd = -1;
	if (pipe2(pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(err, errno, "pipe: %s", strerror(errno));
	parent->taken = pipe[0];
	parent->orders = pipe[1];
	pid_t pid = clone_parent(parent);
	close(pipe[0]);
	return pid < 0 ? err_set(err, -pid, "start a process: %s", strerror(-pid)) : 0;
}

void parent_signal(const struct parent *parent, int number)
{
	unsigned char order = (unsigned char)number;

	/* If so many signals are pending that there is no room for one more, the others are enough. */
	if (write(parent->orders, &order, 1) < 0)
		return;
}

int parent_wait(struct parent *parent)
{
	int status = spawn_wait(parent->pidfd);

	if (status < 0 || WIFEXITED(status))
		return status < 0 ? status : WEXITSTATUS(status);
	return -ECHILD;
}

void parent_close(struct parent *parent)
{
	scoped_close_fd(&parent->orders);
	scoped_close_fd(&parent->pidfd);
}
