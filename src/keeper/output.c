/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of the guest to its console. The keeper takes it at once, so that the guest never waits, and gives it to the
 * ring, to console.log, and to the clients. input.c has the input of clients.
 */
#include "keeper/keeper.h"

#include "base/scoped.h"
#include "base/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

static int open_log(struct keeper *keeper)
{
	struct stat st;

	keeper->log =
		open(keeper->plan.log,
		     O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (keeper->log < 0)
		return -errno;
	keeper->log_bytes = fstat(keeper->log, &st) == 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

int output_open(struct keeper *keeper)
{
	int r = ring_open(&keeper->ring, (size_t)keeper->plan.scrollback);

	return r < 0 ? r : open_log(keeper);
}

/* A full disk costs log lines, never the guest. */
static void rotate_log(struct keeper *keeper)
{
	scoped_free char *older = text_format("%s.1", keeper->plan.log);

	if (!older || rename(keeper->plan.log, older) < 0)
		return;
	scoped_close_fd(&keeper->log);
	open_log(keeper);
}

static void write_log(struct keeper *keeper, const char *data, size_t n)
{
	if (keeper->log_bytes + n > keeper->plan.log_size && keeper->log_bytes > 0)
		rotate_log(keeper);
	ssize_t done = keeper->log >= 0 ? write(keeper->log, data, n) : -1;
	if (done > 0)
		keeper->log_bytes += (uint64_t)done;
}

/* The second is that of busybox init and of finit. Each is shorter than struct keeper's tail. */
static const char *const prompts[] = { "login:", "activate this console" };

/* An init that sends no READY=1 counts as booted when a login prompt appears. */
static void look_for_prompt(struct keeper *keeper, const char *data, size_t n)
{
	char seam[2 * sizeof keeper->tail];
	size_t keep = sizeof keeper->tail;
	size_t head = n < keep ? n : keep;

	memcpy(seam, keeper->tail, keep);
	memcpy(seam + keep, data, head);
	for (size_t i = 0; i < sizeof prompts / sizeof *prompts; i++) {
		size_t length = strlen(prompts[i]);
		if (memmem(data, n, prompts[i], length) ||
		    memmem(seam, keep + head, prompts[i], length))
			keeper_set_booted(keeper);
	}
	if (n >= keep) {
		memcpy(keeper->tail, data + n - keep, keep);
	} else {
		memmove(keeper->tail, keeper->tail + n, keep - n);
		memcpy(keeper->tail + keep - n, data, n);
	}
}

/* Bytes taken; 0 when there is nothing now, or the other end is closed. */
static ssize_t take_output(struct keeper *keeper)
{
	char chunk[8192];
	ssize_t n = read(keeper->console.fd, chunk, sizeof chunk);

	if (n <= 0)
		return 0;
	ring_add(&keeper->ring, chunk, (size_t)n);
	write_log(keeper, chunk, (size_t)n);
	if (!keeper->booted && !keeper->plan.notifies)
		look_for_prompt(keeper, chunk, (size_t)n);
	return n;
}

/*
 * The console is watched edge-triggered: while no process has it open (a getty between two lives, after a vhangup), it
 * stays hung up and would wake the loop without end. So all output is taken at an edge, in portions, so that a flood
 * leaves time for the other sources.
 */
void output_ready(struct keeper *keeper, struct source *source)
{
	(void)source;
	requests_type(keeper);
	for (int i = 0; i < 16; i++) {
		if (take_output(keeper) == 0)
			return;
		clients_send_output(keeper);
	}
	input_watch_console(keeper);
}

void output_drain(struct keeper *keeper)
{
	/* Bounded: a process of another namespace could hold the slave and go on writing. */
	for (int i = 0; i < 1024 && take_output(keeper) > 0; i++)
		clients_send_output(keeper);
}
