/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/control.h"

#include "base/scoped.h"
#include "machine/life/clean.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"
#include "machine/state/move.h"
#include "machine/state/private.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>

enum { ANSWER_MILLISECONDS = 5000, KEEPER_TRIES = 10000 };

static int connect_once(struct machine *machine)
{
	scoped_fd int run = open(machine->run, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return run < 0 ? -errno : protocol_connect(run);
}

int control_refuse_down(const struct machine *machine, struct err *err)
{
	struct err moved = { 0 };

	/* A machine that belongs to another host must not be started here. */
	if (move_check(machine, &moved) < 0)
		return err_set(err, ENOENT, "%s", moved.text);
	return err_set(err, ENOENT, "machine '%s' is not running; start it with: berth start %s",
		       machine->name, machine->name);
}

int control_connect(struct machine *machine, struct err *err)
{
	int fd = connect_once(machine);

	if (fd >= 0)
		return fd;
	if (run_alive(machine))
		return err_set(err, -fd, "machine '%s' is about to start or to end; try again",
			       machine->name);
	return control_refuse_down(machine, err);
}

/* The error for a keeper of another version: a machine keeps the keeper that it was started by. */
static int refuse_version(const struct machine *machine, struct err *err)
{
	return err_set(
		err, EPROTO,
		"machine '%s': its keeper is of another version of berth, and accepts only exec, "
		"shell and stop from this one; all works again after: berth restart %s",
		machine->name, machine->name);
}

/* Whether an answer to a request is one that this version knows. */
static bool is_known(const struct protocol_message *message)
{
	if (message->type == SAY_REFUSED)
		return message->value != EPROTO;
	return protocol_lasts(message->type) || message->type == SAY_BOOTED ||
	       message->type == SAY_OUTPUT;
}

int control_wait(struct machine *machine, int socket, struct protocol_message *message,
		 int milliseconds, struct err *err)
{
	struct pollfd ready = { .fd = socket, .events = POLLIN };
	int r;

	do
		r = poll(&ready, 1, milliseconds);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return err_set(err, ETIMEDOUT, "machine '%s': no answer in time", machine->name);
	r = protocol_receive(socket, message, NULL);
	if (r < 0)
		return err_set(err, -r, "machine '%s': its keeper cannot be understood: %s",
			       machine->name, strerror(-r));
	if (r == 0)
		return err_set(err, ECONNRESET, "machine '%s': its keeper was killed",
			       machine->name);
	if (!is_known(message))
		return refuse_version(machine, err);
	if (message->type == SAY_REFUSED)
		return err_set(err, (int)message->value, "machine '%s': %.200s", machine->name,
			       message->data);
	return 0;
}

int control_ask_guest(struct machine *machine, struct err *err)
{
	scoped_fd int socket = control_connect(machine, err);
	int r = socket < 0 ? socket : protocol_send(socket, ASK_GUEST, 0, NULL, 0, -1);

	if (r < 0 && socket >= 0)
		return err_set(err, -r, "machine '%s': its keeper does not answer", machine->name);
	return r < 0 ? r : take_fd(&socket);
}

int control_take_guest(struct machine *machine, int socket, struct err *err)
{
	struct protocol_message message;
	struct pollfd ready = { .fd = socket, .events = POLLIN };
	int pidfd = -1, r = 0;

	/* A keeper that is cleaning up after its guest no longer answers. */
	if (poll(&ready, 1, ANSWER_MILLISECONDS) > 0)
		r = protocol_receive(socket, &message, &pidfd);
	if (r > 0 && message.type == SAY_REFUSED)
		return err_set(err, (int)message.value, "machine '%s': %.200s", machine->name,
			       message.data);
	if (r <= 0 || pidfd < 0)
		return err_set(err, r < 0 ? -r : ECONNRESET,
			       "machine '%s': its keeper does not answer", machine->name);
	return pidfd;
}

int control_guest(struct machine *machine, struct err *err)
{
	scoped_fd int socket = control_ask_guest(machine, err);

	return socket < 0 ? socket : control_take_guest(machine, socket, err);
}

void control_tell_volumes(struct machine *machine)
{
	scoped_fd int socket = connect_once(machine);

	/* A keeper of an earlier version refuses it. */
	if (socket >= 0)
		protocol_send(socket, TELL_VOLUMES, 0, NULL, 0, -1);
}

/* Waits for a guest that was asked to halt; its keeper kills it when the time is over. */
static bool goes_down(struct machine *machine, int guest)
{
	scoped_free char *mark = text_format("%s/halting", machine->run);
	struct pollfd end = { .fd = guest, .events = POLLIN };

	if (guest < 0 || !mark || access(mark, F_OK) < 0)
		return false;
	poll(&end, 1, ANSWER_MILLISECONDS);
	return true;
}

int control_lock_unless_running(struct machine *machine, struct err *err)
{
	/* The request is sent without the machine's lock, because a keeper's clean-up needs the lock. */
	struct timespec pause = { .tv_nsec = 2000000 };

	for (int tries = 0; tries < KEEPER_TRIES; tries++) {
		scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);
		if (lock < 0 || !run_alive(machine))
			return take_fd(&lock);
		scoped_close_fd(&lock);
		scoped_fd int pidfd = control_guest(machine, &(struct err){ 0 });
		if (goes_down(machine, pidfd))
			tries = 0;
		else if (pidfd >= 0 || pidfd == -EAGAIN)
			return -EALREADY;
		nanosleep(&pause, NULL);
	}
	return err_set(err, EBUSY,
		       "machine '%s' neither runs nor ends; end it with: berth stop --force %s",
		       machine->name, machine->name);
}

static int lock_ended(struct machine *machine, bool *running, struct err *err)
{
	scoped_fd int lock = machine_lock(machine, LOCK_SECONDS, err);

	*running = lock >= 0 && run_alive(machine);
	if (!*running || !run_has_finished(machine))
		return take_fd(&lock);
	/* The clean-up needs the lock, and has not come to it. */
	scoped_close_fd(&lock);
	int r = control_lock_unless_running(machine, err);
	*running = r == -EALREADY;
	return *running ? machine_lock(machine, LOCK_SECONDS, err) : r;
}

int control_lock_ended(struct machine *machine, bool *running, struct err *err)
{
	scoped_fd int lock = lock_ended(machine, running, err);

	/* A clean-up that was killed while it was waited for has left the run. */
	if (lock >= 0 && !*running && access(machine->run, F_OK) == 0 &&
	    run_clean_dead(machine, err) < 0)
		return -err->code;
	return take_fd(&lock);
}

int machine_own(struct machine *machine, struct err *err)
{
	scoped_fd int socket = control_connect(machine, err);
	int r = socket < 0 ? 0 : protocol_send(socket, ASK_OWN, 0, NULL, 0, -1);

	if (r < 0)
		return err_set(err, -r, "machine '%s': its keeper does not answer", machine->name);
	return socket < 0 ? -err->code : take_fd(&socket);
}

int machine_wait_booted(struct machine *machine, unsigned seconds, struct err *err)
{
	struct protocol_message message;
	scoped_fd int socket = control_connect(machine, err);

	if (socket < 0)
		return socket;
	int r = protocol_send(socket, ASK_BOOTED, 0, NULL, 0, -1);
	if (r < 0)
		return err_set(err, -r, "machine '%s': its keeper does not answer", machine->name);
	r = control_wait(machine, socket, &message, (int)seconds * 1000, err);
	if (r == -ETIMEDOUT) {
		*err = (struct err){ 0 };
		return err_set(
			err, ETIMEDOUT,
			"machine '%s' runs, but has not booted within %u s; look at it with: "
			"berth console %s",
			machine->name, seconds, machine->name);
	}
	if (r < 0)
		return r;
	if (message.type == SAY_ENDED)
		return err_set(
			err, ECANCELED,
			"machine '%s' ended before it had booted: %.100s; see: berth logs %s",
			machine->name, message.data, machine->name);
	return 0;
}
