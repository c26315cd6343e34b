/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for the end of a run, for a command that represents the machine to a supervisor. */
#include "machine/life/control.h"
#include "machine/life/life.h"
#include "machine/state/machine.h"

#include "base/scoped.h"

#include <poll.h>
#include <string.h>

/* 1: the keeper has sent something; 0: it has not, but a signal may have been passed on to it. */
static int wait_either(struct machine *machine, int socket, int stop_fd, bool *asked,
		       struct err *err)
{
	struct pollfd fds[2] = {
		{ .fd = socket, .events = POLLIN },
		{ .fd = stop_fd, .events = POLLIN },
	};
	unsigned char drained[1024];

	if (poll(fds, 2, -1) < 0)
		return errno == EINTR ? 0 : err_set(err, errno, "poll: %s", strerror(errno));
	if (fds[0].revents)
		return 1;
	if (read(stop_fd, drained, sizeof drained) < 0)
		return err_set(err, errno, "read a signal: %s", strerror(errno));
	int r = protocol_send(socket, *asked ? ASK_KILL : ASK_HALT,
			      (uint32_t)machine->config.stop_timeout, NULL, 0, -1);
	*asked = true;
	/* A keeper that has just gone is reported by its own last message. */
	return r < 0 && r != -EPIPE && r != -ECONNRESET
		       ? err_set(err, -r, "machine '%s': its keeper does not answer", machine->name)
		       : 0;
}

int machine_follow(struct machine *machine, int stop_fd, struct err *err)
{
	struct protocol_message message = { 0 };
	scoped_fd int socket = control_connect(machine, err);
	bool asked = false;

	if (socket < 0)
		return socket;
	int r = protocol_send(socket, ASK_BOOTED, 0, NULL, 0, -1);
	if (r < 0)
		return err_set(err, -r, "machine '%s': its keeper does not answer", machine->name);
	while (r == 0 && message.type != SAY_ENDED) {
		r = wait_either(machine, socket, stop_fd, &asked, err);
		if (r > 0)
			r = control_wait(machine, socket, &message, -1, err);
	}
	if (r < 0)
		return r;
	if (message.value == ENDED_FAILED)
		return err_set(err, ECHILD, "machine '%s' has failed: %.200s", machine->name,
			       message.data);
	while (protocol_receive(socket, &message, NULL) > 0)
		;
	return 0;
}
