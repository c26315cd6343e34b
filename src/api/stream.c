/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/stream.h"

#include "api/access.h"
#include "api/verb.h"
#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum {
	PIECE = 1 << 16,
	OCTETS_MOST = 64 << 20, /* bytes of a file without a size, such as those of /proc */
	LINE_MOST = 1 << 20,    /* of JSON; what is longer is passed on in pieces */
	FIRST_WAIT_MS = 250,    /* how long a stream that waits may fail before its head is sent */
	ALIVE_WAIT_MS =
		15000, /* after so long without an event a comment shows that the stream lives */
	RIGHT_WAIT_MS =
		5000, /* how long a right that was taken away may still keep a stream open */
};

/* The verb that writes, and what was read of it. */
struct source {
	pid_t pid;
	int out, sentences;
	struct text line; /* the beginning of a line, of events */
	const struct dirs *dirs;
};

void stream_frame(const char *line, struct text *out)
{
	json_t *event = json_loads(line, 0, NULL);
	json_t *number = json_object_get(event, "seq");

	if (json_is_integer(number))
		text_add(out, "id: %" JSON_INTEGER_FORMAT "\n", json_integer_value(number));
	json_decref(event);
	text_add(out, "data: %s\n\n", line);
}

/* Runs in the child. */
static void write_all(const struct call *call, const struct stream *stream, const int fds[3],
		      int parent)
{
	struct err err = { 0 };

	signal(SIGPIPE, SIG_DFL);
	if (child_tie(parent, SIGTERM) < 0)
		_exit(EXIT_FAILED);
	for (int i = 0; i < 3; i++) {
		if (dup2(fds[i], i) < 0)
			_exit(EXIT_FAILED);
	}
	print_sentences_as_json();
	int code = verb_line(call, &stream->argv, &err);
	if (err.code)
		print_error(&err);
	fflush(stderr);
	_exit(code);
}

static int source_open(const struct call *call, const struct stream *stream, struct source *source,
		       struct err *err)
{
	scoped_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	scoped_fd int parent = child_parent();
	int pipes[2] = { -1, -1 };

	source->sentences = memfd_create("berth-sentences", MFD_CLOEXEC);
	if (null < 0 || parent < 0 || source->sentences < 0 || pipe2(pipes, O_CLOEXEC) < 0)
		return err_set(err, errno, "prepare the output of a verb: %s", strerror(errno));
	source->out = pipes[0];
	fflush(stdout);
	source->pid = fork();
	if (source->pid == 0)
		write_all(call, stream, (const int[3]){ null, pipes[1], source->sentences },
			  parent);
	close(pipes[1]);
	return source->pid < 0 ? err_set(err, errno, "fork: %s", strerror(errno)) : 0;
}

/* Waits for the verb. Its failure as err with the status of HTTP, 0 if it was none. */
static int source_end(struct source *source, struct err *err)
{
	scoped_free char *lines = NULL;
	json_t *notes = json_array();
	int status = child_wait(source->pid), http = 0;

	source->pid = 0;
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		json_decref(notes);
		return 0;
	}
	if (lseek(source->sentences, 0, SEEK_SET) == 0 &&
	    file_read_opened(source->sentences, LINE_MOST, &lines) > 0)
		verb_take_sentences(lines, err, notes);
	json_decref(notes);
	if (!err->code)
		err_set(err, EIO, "the command failed and said nothing");
	http = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_USAGE
		       ? 400
		       : response_status_of(err->code);
	return http;
}

static void source_close(struct source *source)
{
	if (source->pid > 0) {
		kill(source->pid, SIGTERM);
		child_wait(source->pid);
	}
	scoped_close_fd(&source->out);
	scoped_close_fd(&source->sentences);
	text_free(&source->line);
}

/* A line of an event, unless its machine is none of the user's any more. */
static void take_line(const struct source *source, const struct stream *stream, struct text *out)
{
	const char *line = text_str(&source->line);

	if (stream->user && !*stream->machine) {
		json_t *event = json_loads(line, 0, NULL);
		const char *machine = json_string_value(json_object_get(event, "machine"));
		bool lasts = access_lasts(source->dirs, stream->user, machine ? machine : "");
		json_decref(event);
		if (!lasts)
			return;
	}
	if (stream->framed)
		stream_frame(line, out);
	else
		text_add(out, "%s\n", line);
}

/* Passes on the whole lines among the bytes, each as an event, and keeps the rest. */
static void take_lines(struct source *source, const struct stream *stream, const char *bytes,
		       size_t n, struct text *out)
{
	while (n > 0) {
		const char *end = memchr(bytes, '\n', n);
		size_t part = end ? (size_t)(end - bytes) : n;
		text_add_bytes(&source->line, bytes, part);
		if (!end && source->line.length < LINE_MOST)
			return;
		take_line(source, stream, out);
		text_free(&source->line);
		bytes += part + (end != NULL);
		n -= part + (end != NULL);
	}
}

static int check_right(const struct source *source, const struct stream *stream, struct err *err)
{
	const char *user = stream->user, *machine = stream->machine;

	if (!user ||
	    (*machine ? access_lasts(source->dirs, user, machine) : access_any(source->dirs, user)))
		return 0;
	return err_set(err, EPERM, "user '%.60s' has no right on %s%s%s any more", user,
		       *machine ? "machine '" : "any machine", machine, *machine ? "'" : "");
}

static int pass_on(struct source *source, const struct stream *stream, const char *bytes, size_t n,
		   struct err *err)
{
	scoped_text struct text events = { 0 };

	if (*stream->machine && check_right(source, stream, err) < 0)
		return -err->code;
	if (stream->framed || (stream->user && !*stream->machine)) {
		take_lines(source, stream, bytes, n, &events);
		bytes = text_str(&events);
		n = events.length;
	}
	int r = file_write_all(STDOUT_FILENO, bytes, n, -1);
	return r < 0 ? err_set(err, -r, "write the response: %s", strerror(-r)) : 0;
}

/* 1: there is something to read, or the end; 0: the time is over, or -code: the reader is gone. */
static int wait_for_bytes(const struct source *source, int ms, struct err *err)
{
	struct pollfd fds[2] = { { .fd = source->out, .events = POLLIN }, { .fd = STDOUT_FILENO } };
	int n;

	do
		n = poll(fds, 2, ms);
	while (n < 0 && errno == EINTR);
	if (n < 0 || fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
		return err_set(err, EPIPE, "the client is gone");
	return n > 0;
}

static int copy_all(struct source *source, struct response *response,
		    void (*head)(const struct response *), bool *begun, struct err *err)
{
	const struct stream *stream = &response->stream;
	scoped_free char *piece = malloc(PIECE);

	for (;;) {
		int ms = !*begun && stream->waits ? FIRST_WAIT_MS
			 : stream->user           ? RIGHT_WAIT_MS
			 : stream->framed         ? ALIVE_WAIT_MS
						  : -1;
		int r = piece ? wait_for_bytes(source, ms, err)
			      : err_set(err, ENOMEM, "out of memory");
		if (r < 0)
			return r;
		ssize_t n = r ? read(source->out, piece, PIECE) : 0;
		if (r && n == 0)
			return 0;
		if (n < 0)
			return err_set(err, errno, "read the output of a verb: %s",
				       strerror(errno));
		if (!*begun)
			head(response);
		else if (!r && stream->framed && file_write_all(STDOUT_FILENO, ":\n\n", 3, -1) < 0)
			return err_set(err, EPIPE, "the client is gone");
		if (!r && check_right(source, stream, err) < 0)
			return -err->code;
		*begun = true;
		if (n > 0 && pass_on(source, stream, piece, (size_t)n, err) < 0)
			return -err->code;
	}
}

int stream_octets(const struct octets *octets, struct err *err)
{
	scoped_free char *piece = malloc(PIECE);
	uint64_t most = octets->sized ? octets->size : OCTETS_MOST, done = 0;

	while (piece && (done < most || !octets->sized)) {
		size_t room = octets->sized && most - done < PIECE ? (size_t)(most - done) : PIECE;
		ssize_t n = read(octets->fd, piece, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno, "read the file: %s", strerror(errno));
		if (n == 0)
			break;
		done += (uint64_t)n;
		if (done > most)
			return err_set(err, EFBIG,
				       "the file tells no size, and has more than 64 MiB");
		int r = file_write_all(STDOUT_FILENO, piece, (size_t)n, -1);
		if (r < 0)
			return err_set(err, -r, "write the response: %s", strerror(-r));
	}
	if (!piece)
		return err_set(err, ENOMEM, "out of memory");
	return octets->sized && done < most
		       ? err_set(err, ESTALE, "the file became shorter while it was read")
		       : 0;
}

int stream_serve(const struct call *call, struct response *response,
		 void (*head)(const struct response *), struct err *err)
{
	struct source source = { .out = -1, .sentences = -1, .dirs = &call->dirs };
	struct err fault = { 0 };
	bool begun = false;

	int r = source_open(call, &response->stream, &source, err);
	if (r == 0)
		r = copy_all(&source, response, head, &begun, err);
	int status = r == 0 ? source_end(&source, &fault) : 0;
	source_close(&source);
	if (r < 0)
		return r;
	if (!begun && status) {
		response_fail(response, status, &fault);
		return 0;
	}
	if (!begun)
		head(response);
	if (status) {
		*err = fault;
		return -err->code;
	}
	return 1;
}
