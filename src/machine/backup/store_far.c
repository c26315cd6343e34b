/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Backups on another host: a session with berth there. A request is a line; lines answer it, the last of which is
 * "done" or "fault CODE SENTENCE". Contents go in pieces behind a line. Nothing that comes is believed: the files are
 * streams and texts that have sums, and names are checked as those of a folder here.
 */
#include "machine/backup/store_ops.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum {
	ANSWER_SECONDS = 120,
	STALL_SECONDS = 60,
	DAY_SECONDS = 86400,
	/* A line for each file, and one every few seconds while work goes on. */
	LINES_MAX = STORE_FILES_MAX + DAY_SECONDS,
	CODES = 256,
};

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static int code_of(const char *name)
{
	for (int code = 1; code < CODES; code++) {
		const char *known = strerrorname_np(code);
		if (known && strcmp(known, name) == 0)
			return code;
	}
	return EREMOTEIO;
}

static int fault(const struct far *far, const char *value, struct err *err)
{
	size_t n = strcspn(value, " ");
	char name[32];

	snprintf(name, sizeof name, "%.*s", n < 31 ? (int)n : 31, value);
	return err_set(err, code_of(name), "host '%s': %.900s", far->host,
		       value + n + (value[n] == ' '));
}

/* A server that sends lines for ever is left. */
static int check_end(struct store *store, struct err *err)
{
	if (++store->answers <= LINES_MAX &&
	    clock_ms() - store->asked < (int64_t)DAY_SECONDS * 1000)
		return 0;
	return err_set(err, ETIMEDOUT, "host '%s' does not come to the end of its answer",
		       store->far.host);
}

/* A line of an answer: 1; 0: it is done; or -code. */
static int next_line(struct store *store, char key[32], char value[WIRE_LINE], struct err *err)
{
	struct far *far = &store->far;

	for (;;) {
		int r = far_read(far, key, value, err);
		if (r < 0 || check_end(store, err) < 0)
			return -err->code;
		far->wire.lines = 0;
		if (r == 0)
			return err_set(err, EBADMSG,
				       "host '%s' answers with something else than berth's words",
				       far->host);
		far->wire.seconds = STORE_QUIET_SECONDS;
		if (strcmp(key, "alive") == 0)
			continue;
		far->wire.seconds = ANSWER_SECONDS;
		if (strcmp(key, "fault") == 0)
			return fault(far, value, err);
		return strcmp(key, "done") == 0 ? 0 : 1;
	}
}

static int ask(struct store *store, struct err *err, const char *form, ...)
	__attribute__((format(printf, 3, 4)));
static int ask(struct store *store, struct err *err, const char *form, ...)
{
	char bytes[WIRE_LINE];
	va_list words;

	va_start(words, form);
	int n = vsnprintf(bytes, sizeof bytes, form, words);
	va_end(words);
	if (n < 0 || n >= WIRE_LINE)
		return err_set(err, ENAMETOOLONG, "the path is too long");
	const struct text line = { .data = bytes, .length = (size_t)n };
	store->asked = clock_ms();
	store->answers = 0;
	return far_write(&store->far, &line, err);
}

/* The rest of an answer whose lines are not needed. */
static int finish(struct store *store, struct err *err)
{
	char key[32], value[WIRE_LINE];
	int r;

	while ((r = next_line(store, key, value, err)) > 0)
		;
	return r;
}

int store_connect(struct store *store, const struct store_spec *spec, struct err *err)
{
	scoped_text struct text words = { 0 };
	char key[32], value[WIRE_LINE];

	text_add_quoted(&words, store->folder);
	const struct far_spec far = { .ssh = spec->ssh,
				      .berth = spec->berth,
				      .verb = "backup serve",
				      .words = text_str(&words) };
	if (words.failed)
		return no_memory(err);
	/* A connection that ends is told by the write that fails. */
	signal(SIGPIPE, SIG_IGN);
	if (far_open(&store->far, store->host, &far, err) < 0)
		return -err->code;
	fcntl(store->far.to, F_SETFL, O_NONBLOCK);
	if (ask(store, err, STORE_GREETING "\n") < 0)
		return -err->code;
	int r = next_line(store, key, value, err);
	if (r < 0)
		return r;
	if (r == 0 || strcmp(key, "berth-backups") != 0 || strcmp(value, "1") != 0)
		return err_set(err, EPROTO,
			       "host '%s': its berth is of another version, or its shell prints "
			       "words of its own",
			       store->host);
	return finish(store, err);
}

static bool take_file(const char *value, struct store_file *file)
{
	char text[WIRE_LINE];
	char *rest = text;

	snprintf(text, sizeof text, "%s", value);
	const char *kind = strsep(&rest, " "), *size = strsep(&rest, " "),
		   *changed = strsep(&rest, " ");
	*file = (struct store_file){ .folder = strcmp(kind, "folder") == 0 };
	return rest && text_to_u64(size, 0, INT64_MAX, &file->size) == 0 &&
	       text_to_u64(changed, 0, UINT64_MAX, &file->changed) == 0 && !strchr(rest, '/') &&
	       text_print(file->name, sizeof file->name, "%s", rest) >= 0;
}

/* The whole answer is read, also if visit needs no more, or if it asks something itself. */
static int far_each(struct store *store, const char *path, store_visit *visit, void *context,
		    struct err *err)
{
	scoped_free struct store_file *list = NULL;
	char key[32], value[WIRE_LINE];
	size_t count = 0;
	int r = ask(store, err, "each %s\n", path);

	while (r >= 0 && (r = next_line(store, key, value, err)) > 0) {
		struct store_file *more = reallocarray(list, count + 1, sizeof *list);
		if (!more || count >= STORE_FILES_MAX)
			return err_set(err, more ? E2BIG : ENOMEM, "host '%s': too many files",
				       store->host);
		list = more;
		count += take_file(value, &list[count]);
	}
	for (size_t i = 0; r == 0 && i < count; i++)
		r = visit(context, &list[i]);
	return r;
}

static int far_fetch(struct store *store, const char *path, struct pump *pump, struct err *err)
{
	const struct pump_spec spec = { .fd = store->far.from,
					.seconds = STORE_QUIET_SECONDS,
					.framed = true };
	char key[32], value[WIRE_LINE];

	*pump = (struct pump){ .fd = -1 };
	if (ask(store, err, "fetch %s\n", path) < 0)
		return -err->code;
	int r = next_line(store, key, value, err);
	if (r <= 0)
		return r < 0 ? r : err_set(err, EBADMSG, "host '%s' sends no file", store->host);
	r = pump_from(pump, &spec);
	return r < 0 ? err_set(err, -r, "start a process: %s", strerror(-r)) : 0;
}

static int far_replace(struct store *store, const char *path, const char *text, size_t n,
		       struct err *err)
{
	scoped_fd int fd = file_memory("text", text);
	const struct wire_end from = { .fd = fd };
	const struct wire_end to = { .fd = store->far.to,
				     .seconds = STALL_SECONDS,
				     .framed = true };

	(void)n;
	if (fd < 0)
		return err_set(err, -fd, "make a file in memory: %s", strerror(-fd));
	if (ask(store, err, "replace %s\n", path) < 0)
		return -err->code;
	/* The other side has said why it takes no more. */
	wire_pass(&from, &to, 0);
	return finish(store, err);
}

static int far_remove(struct store *store, const char *path, struct err *err)
{
	return ask(store, err, "remove %s\n", path) < 0 ? -err->code : finish(store, err);
}

static int far_lock(struct store *store, const char *path, unsigned seconds, struct err *err)
{
	return ask(store, err, "lock %s %u\n", path, seconds) < 0 ? -err->code : finish(store, err);
}

static void far_unlock(struct store *store)
{
	struct err ignored = { 0 };

	if (ask(store, &ignored, "unlock\n") == 0)
		finish(store, &ignored);
}

static int far_content(struct store *store, const char *path, char content[UUID_TEXT],
		       struct err *err)
{
	char key[32], value[WIRE_LINE];

	if (ask(store, err, "content %s\n", path) < 0)
		return -err->code;
	int r = next_line(store, key, value, err);
	if (r <= 0)
		return r < 0 ? r
			     : err_set(err, EBADMSG, "host '%s' knows no contents", store->host);
	text_print(content, UUID_TEXT, "%s", value);
	return finish(store, err);
}

/* A line of the file, then the verdict. */
static int take_verdict(struct store *store, struct store_file *file, struct err *err)
{
	char key[32], value[WIRE_LINE];
	int r;

	while ((r = next_line(store, key, value, err)) > 0) {
		if (strcmp(key, "file") == 0)
			take_file(value, file);
	}
	return r;
}

static int far_check(struct store *store, const char *path, const char *sum,
		     struct store_file *file, struct err *err)
{
	store->far.wire.seconds = STORE_QUIET_SECONDS;
	return ask(store, err, "check %s %s\n", path, sum ? sum : "-") < 0
		       ? -err->code
		       : take_verdict(store, file, err);
}

static int far_begin(struct store *store, const char *path, struct store_writing *writing,
		     struct err *err)
{
	const struct pump_spec spec = { .fd = store->far.to,
					.seconds = STALL_SECONDS,
					.framed = true };

	if (ask(store, err, "put %s\n", path) < 0)
		return -err->code;
	int r = pump_to(&writing->pump, &spec);
	if (r < 0)
		return err_set(err, -r, "start a process: %s", strerror(-r));
	writing->fd = writing->pump.fd;
	return 0;
}

/* The sentence of the other side is the cause of a stream that it did not take. */
static int far_end(struct store *store, struct store_writing *writing, struct err *err)
{
	int r = pump_end(&writing->pump);

	writing->fd = -1;
	store->far.wire.seconds = r < 0 ? ANSWER_SECONDS : STORE_QUIET_SECONDS;
	return finish(store, err);
}

static int far_keep(struct store *store, struct store_writing *writing, const char *sum,
		    struct store_file *file, struct err *err)
{
	(void)writing;
	store->far.wire.seconds = STORE_QUIET_SECONDS;
	return ask(store, err, "keep %s\n", sum ? sum : "-") < 0 ? -err->code
								 : take_verdict(store, file, err);
}

static void far_drop(struct store *store, struct store_writing *writing, struct err *failed)
{
	struct err cause = { 0 };
	bool open = writing->fd >= 0;

	if (open && far_end(store, writing, &cause) < 0) {
		if (failed && (failed->code == EPIPE || failed->code == EIO))
			*failed = cause;
		return;
	}
	if (failed && failed->code && ask(store, &cause, "drop\n") == 0)
		finish(store, &cause);
}

const struct store_ops store_far = {
	.each = far_each,
	.fetch = far_fetch,
	.replace = far_replace,
	.remove = far_remove,
	.lock = far_lock,
	.unlock = far_unlock,
	.content = far_content,
	.check = far_check,
	.begin = far_begin,
	.end = far_end,
	.keep = far_keep,
	.drop = far_drop,
};
