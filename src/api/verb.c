/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/verb.h"

#include "base/file.h"
#include "base/scoped.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

enum { OUTPUT_MAX = 64 << 20, SENTENCES_MAX = 1 << 20, NOTES_MAX = 200, ERRNO_MAX = 133 };

void verb_result_free(struct verb_result *result)
{
	free(result->out);
	json_decref(result->notes);
	*result = (struct verb_result){ 0 };
}

void verb_begin(const struct call *call, struct argv *argv)
{
	argv_add(argv, "berth");
	if (call->dirs.root)
		argv_add(argv, "--root=%s", call->dirs.root);
}

/* The standard descriptors of this process while a verb has others. */
struct standard_fds {
	int fds[3];
};

static void put_back(struct standard_fds *aside)
{
	for (int i = 0; i < 3; i++) {
		if (aside->fds[i] >= 0) {
			dup2(aside->fds[i], i);
			close(aside->fds[i]);
		}
	}
}

static int set_aside(struct standard_fds *aside, const int replacing[3])
{
	for (int i = 0; i < 3; i++)
		aside->fds[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 3; i++) {
		if (aside->fds[i] < 0 || dup2(replacing[i], i) < 0)
			return -errno;
	}
	return 0;
}

int verb_code_of(const char *name)
{
	for (int code = 1; name && code <= ERRNO_MAX; code++) {
		const char *known = strerrorname_np(code);
		if (known && strcmp(known, name) == 0)
			return code;
	}
	return EIO;
}

static void add_note(json_t *notes, const char *sentence)
{
	if (sentence && *sentence && json_array_size(notes) < NOTES_MAX)
		json_array_append_new(notes, json_text(sentence));
}

void verb_take_sentences(char *lines, struct err *err, json_t *notes)
{
	for (char *line; (line = strsep(&lines, "\n"));) {
		json_t *object = *line == '{' ? json_loads(line, 0, NULL) : NULL;
		const char *fault = json_string_value(json_object_get(object, "error"));
		if (fault && !err->code)
			err_set(err,
				verb_code_of(json_string_value(json_object_get(object, "code"))),
				"%s", fault);
		else if (fault)
			add_note(notes, fault);
		else if (object)
			add_note(notes, json_string_value(json_object_get(object, "note")));
		else
			add_note(notes, line);
		json_decref(object);
	}
}

/* Reads what was written into a file in memory. */
static int collect(int fd, size_t most, char **out, size_t *length, struct err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_set(err, errno, "read the output of a verb: %s", strerror(errno));
	ssize_t n = file_read_opened(fd, most, out);
	if (n < 0)
		return err_set(err, (int)-n, "read the output of a verb: %s", file_why((int)n));
	*length = (size_t)n;
	return 0;
}

int verb_line(const struct call *call, const struct argv *argv, struct err *err)
{
	struct err lost = { 0 };
	int r = call->run_line((int)argv->count, argv->words, err);

	if (output_end(&lost) < 0 && !err->code) {
		*err = lost;
		return EXIT_FAILED;
	}
	return r < 0 ? EXIT_FAILED : r;
}

int verb_run(const struct call *call, const struct argv *argv, int input,
	     struct verb_result *result, struct err *err)
{
	scoped_fd int out = memfd_create("berth-out", MFD_CLOEXEC);
	scoped_fd int errors = memfd_create("berth-sentences", MFD_CLOEXEC);
	scoped_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct standard_fds aside;
	scoped_free char *lines = NULL;
	size_t length = 0;

	result->notes = json_array();
	if (out < 0 || errors < 0 || null < 0 || !result->notes || argv->failed)
		return err_set(err, errno ? errno : ENOMEM, "prepare the output of a verb: %s",
			       strerror(errno ? errno : ENOMEM));
	fflush(stdout);
	print_sentences_as_json();
	int r = set_aside(&aside, (const int[3]){ input ? input : null, out, errors });
	if (r == 0)
		result->code = verb_line(call, argv, &result->err);
	put_back(&aside);
	if (r < 0)
		return err_set(err, -r, "prepare the output of a verb: %s", strerror(-r));
	r = collect(out, OUTPUT_MAX, &result->out, &result->length, err);
	if (r == 0)
		r = collect(errors, SENTENCES_MAX, &lines, &length, err);
	if (r == 0)
		verb_take_sentences(lines, &result->err, result->notes);
	return r;
}

json_t *verb_json(const struct verb_result *result)
{
	if (result->code != 0 && result->code != EXIT_FAILED)
		return NULL;
	return result->length ? json_loadb(result->out, result->length, JSON_DECODE_ANY, NULL)
			      : NULL;
}

int verb_fault(const struct verb_result *result, struct err *err)
{
	if (result->err.code)
		*err = result->err;
	else
		err_set(err, EIO, "the command ended with %d and said nothing", result->code);
	if (result->code != EXIT_USAGE)
		return 0;
	/* The cause of a wrong use is the use, whatever is not there or may not be for it. */
	err->code = EINVAL;
	return 400;
}
