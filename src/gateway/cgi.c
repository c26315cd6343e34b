/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pipes to and from a child that speaks CGI. */
#include "gateway/cgi.h"

#include "base/clock.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

enum { KILL_AFTER_MS = 3000 };

static void close_watch(struct cgi *cgi, struct watch *watch)
{
	watch_drop(cgi->gateway->epoll, watch);
	scoped_close_fd(&watch->fd);
}

static void free_if_done(struct cgi *cgi)
{
	if (cgi->process.pid > 0 || cgi->owner)
		return;
	for (struct cgi **at = &cgi->gateway->children; *at; at = &(*at)->next)
		if (*at == cgi) {
			*at = cgi->next;
			break;
		}
	close_watch(cgi, &cgi->input);
	close_watch(cgi, &cgi->output);
	free(cgi);
}

static void tell(struct cgi *cgi)
{
	if (cgi->owner)
		cgi->changed(cgi->owner);
}

/* Reads more of the head. It is over with the first byte that makes it whole or wrong. */
static void read_head(struct cgi *cgi)
{
	ssize_t n =
		read(cgi->output.fd, cgi->buffer + cgi->length, sizeof cgi->buffer - cgi->length);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		/* A child that has ended says no more, even if one of its own has the pipe. */
		if (cgi->process.pid <= 0)
			cgi->fault = -ECHILD;
		else
			watch_arm(cgi->gateway->epoll, &cgi->output, EPOLLIN);
		return;
	}
	if (n <= 0) {
		close_watch(cgi, &cgi->output);
		/* The cause is told by its end. */
		if (cgi->process.pid <= 0)
			cgi->fault = -ECHILD;
		return;
	}
	cgi->length += (size_t)n;
	long parsed = cgi_head_parse(cgi->buffer, cgi->length, &cgi->head);
	if (parsed > 0) {
		cgi->has_head = true;
		cgi->start = (size_t)parsed;
		cgi->length -= (size_t)parsed;
	} else if (parsed < 0 || cgi->length == sizeof cgi->buffer) {
		cgi->fault = -EPROTO;
	} else {
		watch_arm(cgi->gateway->epoll, &cgi->output, EPOLLIN);
	}
}

/* Bytes that nobody wants are read, so that a child which changes something does not die of a closed pipe. */
static void discard(struct cgi *cgi)
{
	ssize_t n = read(cgi->output.fd, cgi->buffer, sizeof cgi->buffer);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		watch_arm(cgi->gateway->epoll, &cgi->output, EPOLLIN);
	else
		close_watch(cgi, &cgi->output);
}

static void output_ready(struct watch *watch, uint32_t events)
{
	struct cgi *cgi = (struct cgi *)(void *)((char *)watch - offsetof(struct cgi, output));

	(void)events;
	if (!cgi->owner) {
		discard(cgi);
		return;
	}
	if (!cgi->has_head && !cgi->fault)
		read_head(cgi);
	tell(cgi);
}

static void input_ready(struct watch *watch, uint32_t events)
{
	struct cgi *cgi = (struct cgi *)(void *)((char *)watch - offsetof(struct cgi, input));

	(void)events;
	tell(cgi);
}

static void has_ended(struct process *process)
{
	struct cgi *cgi = (struct cgi *)(void *)((char *)process - offsetof(struct cgi, process));

	if (cgi->lasting)
		slots_give_back_lasting(&cgi->gateway->slots);
	else
		slots_give_back(&cgi->gateway->slots);
	cgi->deadline = 0;
	while (!cgi->has_head && !cgi->fault && cgi->output.fd >= 0)
		read_head(cgi);
	if (!cgi->has_head && !cgi->fault)
		cgi->fault = -ECHILD;
	tell(cgi);
	free_if_done(cgi);
}

/* Makes both pipes. Their far ends, for the child, are in fds. */
static int open_pipes(struct cgi *cgi, int body, int *in, int *out)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	*out = pair[1];
	cgi->output = (struct watch){ .fd = pair[0], .ready = output_ready };
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	if (body >= 0) {
		*in = fcntl(body, F_DUPFD_CLOEXEC, 3);
		return *in < 0 ? -errno : 0;
	}
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	*in = pair[0];
	cgi->input = (struct watch){ .fd = pair[1], .ready = input_ready };
	return fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int start(struct cgi *cgi, const struct cgi_spec *spec)
{
	const char *argv[] = { cgi->gateway->router, "api", "--cgi", NULL };
	scoped_fd int in = -1;
	scoped_fd int out = -1;
	int r = spec->env->failed ? -ENOMEM : open_pipes(cgi, spec->body, &in, &out);

	if (r < 0)
		return r;
	struct process_spec child = { .argv = argv,
				      .env = spec->env->words,
				      .fds = { in, out, -1 } };
	r = process_start(&cgi->gateway->processes, &cgi->process, &child);
	if (r < 0)
		return r;
	return watch_arm(cgi->gateway->epoll, &cgi->output, EPOLLIN);
}

struct cgi *cgi_start(struct gateway *gateway, const struct cgi_spec *spec, struct err *err)
{
	struct cgi *cgi = calloc(1, sizeof *cgi);

	if (!cgi) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	cgi->gateway = gateway;
	cgi->input.fd = cgi->output.fd = -1;
	cgi->process.ended = has_ended;
	cgi->changed = spec->changed;
	cgi->owner = spec->owner;
	cgi->next = gateway->children;
	gateway->children = cgi;
	int r = start(cgi, spec);
	if (r >= 0)
		return cgi;
	err_set(err, -r, "start '%s': %s", gateway->router, strerror(-r));
	cgi->owner = NULL;
	if (cgi->process.pid > 0) {
		cgi_end(cgi);
		return NULL;
	}
	slots_give_back(&gateway->slots);
	free_if_done(cgi);
	return NULL;
}

ssize_t cgi_write(struct cgi *cgi, const char *bytes, size_t n)
{
	if (cgi->input.fd < 0)
		return -EPIPE;
	ssize_t done = write(cgi->input.fd, bytes, n);
	if (done >= 0)
		return done;
	if (errno != EAGAIN && errno != EINTR) {
		close_watch(cgi, &cgi->input);
		return -EPIPE;
	}
	watch_arm(cgi->gateway->epoll, &cgi->input, EPOLLOUT);
	return -EAGAIN;
}

void cgi_close_input(struct cgi *cgi)
{
	close_watch(cgi, &cgi->input);
}

/* The end of a body is good if the child says so. One that has promised success may not end in another way. */
static ssize_t judge_end(const struct cgi *cgi)
{
	int status = cgi->process.status;

	if (cgi->process.pid > 0)
		return -EAGAIN;
	if (WIFSIGNALED(status) || (cgi->head.status < 300 && WEXITSTATUS(status) != 0))
		return -EPIPE;
	return 0;
}

ssize_t cgi_read(struct cgi *cgi, char *out, size_t room)
{
	if (cgi->length > 0) {
		size_t n = cgi->length < room ? cgi->length : room;
		memcpy(out, cgi->buffer + cgi->start, n);
		cgi->start += n;
		cgi->length -= n;
		return (ssize_t)n;
	}
	if (cgi->output.fd < 0)
		return judge_end(cgi);
	ssize_t n = read(cgi->output.fd, out, room);
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && cgi->process.pid > 0) {
		watch_arm(cgi->gateway->epoll, &cgi->output, EPOLLIN);
		return -EAGAIN;
	}
	close_watch(cgi, &cgi->output);
	return judge_end(cgi);
}

int cgi_last(struct cgi *cgi)
{
	if (cgi->lasting || cgi->process.pid <= 0)
		return 0;
	if (!slots_take_lasting(&cgi->gateway->slots))
		return -EBUSY;
	cgi->lasting = true;
	slots_give_back(&cgi->gateway->slots);
	return 0;
}

void cgi_end(struct cgi *cgi)
{
	if (cgi->process.pid <= 0 || cgi->ends)
		return;
	cgi->ends = true;
	process_signal(&cgi->process, SIGTERM);
	/* It must see the signal before the end of its input, which would look like the end of a body. */
	close_watch(cgi, &cgi->input);
	cgi->deadline = clock_ms() + KILL_AFTER_MS;
}

void cgi_leave(struct cgi *cgi)
{
	cgi->owner = NULL;
	close_watch(cgi, &cgi->input);
	if (cgi->output.fd >= 0 && cgi->process.pid > 0)
		watch_arm(cgi->gateway->epoll, &cgi->output, EPOLLIN);
	if (!cgi->deadline && cgi->process.pid > 0)
		cgi->deadline = clock_ms() + (int64_t)cgi->gateway->limits.answer * 1000;
	free_if_done(cgi);
}

void cgi_tick(struct gateway *gateway, int64_t now, int64_t *next)
{
	for (struct cgi *cgi = gateway->children; cgi; cgi = cgi->next) {
		if (cgi->deadline && cgi->deadline <= now) {
			if (cgi->ends) {
				process_signal(&cgi->process, SIGKILL);
				cgi->deadline = now + KILL_AFTER_MS;
			} else {
				cgi_end(cgi);
			}
		}
		gateway_sooner(next, cgi->deadline);
	}
}
