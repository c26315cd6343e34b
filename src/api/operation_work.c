/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process of an operation: runs the verb, and writes down how it ended. */
#include "api/operation.h"

#include "api/operation_files.h"
#include "api/response.h"
#include "api/verb.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "machine/state/operation_counts.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum { OUTPUT_MAX = 64 << 20, WORKING_MAX = 256 };

/* "berth start -- web", as it can be typed. */
static void add_command(const struct argv *argv, struct text *out)
{
	for (size_t i = 0; i < argv->count; i++) {
		const char *word = argv->words[i];
		if (i == 1 && text_starts(word, "--root="))
			continue;
		text_add(out, "%s", i ? " " : "");
		if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123"
					  "456789-_./=:,@+") == strlen(word))
			text_add(out, "%s", word);
		else
			text_add_quoted(out, word);
	}
}

static json_t *new_record(const struct argv *argv, const char *user, const char *id)
{
	scoped_text struct text command = { 0 };

	add_command(argv, &command);
	json_t *record = json_members((const struct json_member[]){
		{ "id", json_string(id) },
		{ "name", json_string(id) },
		{ "command", json_text(text_str(&command)) },
		{ "user", json_text(user ? user : "root") },
		{ "created", json_integer(time(NULL)) },
		{ "ended", json_null() },
		{ "result", json_null() },
		{ 0 },
	});
	if (record)
		operation_end_record(record, OPERATION_RUNNING, "", 0, 0, json_array());
	return record;
}

static int write_record(const struct dirs *dirs, const char *id, const json_t *record,
			struct err *err)
{
	scoped_free char *path = operation_path(dirs, id, "operation.json");
	scoped_free char *text = json_dumps(record, JSON_COMPACT);

	if (!path || !text)
		return err_set(err, ENOMEM, "out of memory");
	return file_replace(path, text, strlen(text), 0600, err);
}

static int open_output(const struct dirs *dirs, const char *id, const char *name)
{
	scoped_free char *path = operation_path(dirs, id, name);

	return path ? open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600) : -1;
}

/* Takes the lock and the standard descriptors. -errno. */
static int settle(const struct dirs *dirs, const char *id, int *ready)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fds[4] = { open("/dev/null", O_RDONLY | O_CLOEXEC), open_output(dirs, id, "output"),
		       open_output(dirs, id, "sentences"), open_output(dirs, id, "lock") };

	for (int i = 0; i < 4; i++) {
		if (fds[i] < 0)
			return -errno;
	}
	if (setsid() < 0 || fcntl(fds[3], F_SETLK, &lock) < 0)
		return -errno;
	for (int i = 0; i < 3; i++) {
		if (dup2(fds[i], i) < 0)
			return -errno;
	}
	/* Nothing of the request's stays open: neither its server's pipes nor its body. The lock is the highest. */
	int lowest = fds[3] < *ready ? fds[3] : *ready, highest = fds[3] < *ready ? *ready : fds[3];
	close_range(3, (unsigned)lowest - 1, 0);
	if (highest > lowest + 1)
		close_range((unsigned)lowest + 1, (unsigned)highest - 1, 0);
	close_range((unsigned)highest + 1, ~0U, 0);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	return 0;
}

/* The words of a verb, "snapshot take", out of its command line. */
static void verb_of(const struct argv *argv, char verb[OPERATION_VERB])
{
	size_t used = 0;

	*verb = '\0';
	for (size_t i = 1; i < argv->count && strcmp(argv->words[i], "--") != 0; i++) {
		if (argv->words[i][0] == '-')
			continue;
		used += (size_t)snprintf(verb + used, OPERATION_VERB - used, "%s%s",
					 used ? " " : "", argv->words[i]);
		if (used >= OPERATION_VERB)
			break;
	}
}

/* A count that is lost changes nothing about what was done. */
static void count_end(const struct dirs *dirs, const struct argv *argv,
		      const struct verb_result *result, int64_t begun)
{
	char verb[OPERATION_VERB];

	verb_of(argv, verb);
	operation_counts_add(dirs, verb, result->code ? "failure" : "success",
			     (uint64_t)(clock_ms() - begun) * 1000);
}

static void write_end(const struct dirs *dirs, const char *id, json_t *record,
		      struct verb_result *result)
{
	struct err lost = { 0 };
	int http = result->code ? verb_fault(result, &result->err) : 0;
	int how = !result->code                      ? OPERATION_DONE
		  : operation_is_cancelled(dirs, id) ? OPERATION_CANCELLED
						     : OPERATION_FAILED;

	json_object_set_new(record, "ended", json_integer(time(NULL)));
	json_t *value = verb_json(result);
	json_object_set_new(record, "result", value ? value : json_null());
	operation_end_record(record, how, result->err.text, result->err.code, http, result->notes);
	result->notes = NULL;
	/* A process that has ended without a word is what others see then. */
	if (write_record(dirs, id, record, &lost) < 0)
		print_error(&lost);
}

static void work(const struct call *call, const struct argv *argv, const char *id, json_t *record,
		 int ready)
{
	struct verb_result result = { .notes = json_array() };
	struct err lost = { 0 };
	scoped_free char *lines = NULL;
	int64_t begun = clock_ms();
	ssize_t n;

	if (settle(&call->dirs, id, &ready) < 0 || write(ready, "", 1) != 1)
		_exit(EXIT_FAILED);
	close(ready);
	print_sentences_as_json();
	fault_point("operation-begun");
	result.code = call->run_line((int)argv->count, argv->words, &result.err);
	if (output_end(&lost) < 0 && !result.err.code) {
		result.err = lost;
		result.code = EXIT_FAILED;
	}
	result.code = result.code < 0 ? EXIT_FAILED : result.code;
	fault_point("operation-worked");
	count_end(&call->dirs, argv, &result, begun);
	fflush(stderr);
	if (lseek(STDOUT_FILENO, 0, SEEK_SET) == 0 &&
	    (n = file_read_opened(STDOUT_FILENO, OUTPUT_MAX, &result.out)) > 0)
		result.length = (size_t)n;
	if (lseek(STDERR_FILENO, 0, SEEK_SET) == 0 &&
	    file_read_opened(STDERR_FILENO, OUTPUT_MAX, &lines) > 0)
		verb_take_sentences(lines, &result.err, result.notes);
	write_end(&call->dirs, id, record, &result);
	_exit(result.code);
}

/* The folder with the record: an operation that nobody works on yet. */
static int make_folder(const struct dirs *dirs, const char *id, const json_t *record,
		       struct err *err)
{
	scoped_free char *folder = dirs_run_path(dirs, "operations/%s", id);

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	if (file_make_dirs(folder, 0700, err) < 0)
		return -err->code;
	return write_record(dirs, id, record, err);
}

int operation_begin(const struct call *call, const struct argv *argv, const char *user,
		    char id[UUID_TEXT], struct err *err)
{
	int pipes[2] = { -1, -1 };
	char byte;

	if (operation_forget_old(&call->dirs) >= WORKING_MAX)
		return err_set(err, EAGAIN,
			       "%d operations are at work already: wait until some have ended",
			       WORKING_MAX);
	int r = uuid_draw(id);
	if (r < 0)
		return err_set(err, -r, "draw a number: %s", strerror(-r));
	json_t *record = new_record(argv, user, id);
	if (!record)
		return err_set(err, ENOMEM, "out of memory");
	if (make_folder(&call->dirs, id, record, err) < 0 || pipe2(pipes, O_CLOEXEC) < 0) {
		json_decref(record);
		return err->code ? -err->code
				 : err_set(err, errno, "begin an operation: %s", strerror(errno));
	}
	fflush(stdout);
	r = child_detach(-1);
	if (r == 0)
		work(call, argv, id, record, pipes[1]);
	close(pipes[1]);
	json_decref(record);
	ssize_t n = r > 0 ? read(pipes[0], &byte, 1) : -1;
	close(pipes[0]);
	return n == 1 ? 0 : err_set(err, EIO, "begin an operation: its process ended at once");
}
