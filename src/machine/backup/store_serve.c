/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other side of store_far.c: a folder of this host for a berth that has connected. */
#include "machine/backup/store_ops.h"

#include "base/child.h"
#include "base/file.h"
#include "base/scoped.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALIVE_SECONDS = 5, WORK_SECONDS = 86400, WORDS = 4, LOCK_SECONDS_MAX = 60 };

struct serving {
	struct store store;
	struct store_writing writing;
	bool writes; /* a file is being written */
};

struct request {
	const char *name;
	size_t words; /* behind it; the first is a path */
	int (*serve)(struct serving *serving, char **words, struct err *err);
};

/* Labels, dates and uuids, in one folder at most; a dot begins only the names of berth's own files. */
static bool is_path(const char *path)
{
	const char *slash = strchr(path, '/');

	for (const char *c = path; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("-._/", *c))
			return false;
	}
	return strlen(path) < 2 * STORE_NAME && *path != '/' && !strstr(path, "..") &&
	       (!slash || (*path != '.' && !strchr(slash + 1, '/')));
}

static bool is_sum(const char *word)
{
	return strcmp(word, "-") == 0 ||
	       (strlen(word) == STORE_SUM - 1 && strspn(word, "0123456789abcdef") == STORE_SUM - 1);
}

/* ---- Long work */

struct shared {
	struct err err;
};

/* In a process of its own, while lines tell the other side that it goes on. */
static int run_alive(int (*work)(void *context, struct err *err), void *context, struct err *err)
{
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	scoped_fd int parent = child_parent();
	int status = -ETIMEDOUT;

	if (shared == MAP_FAILED || parent < 0)
		return err_set(err, ENOMEM, "out of memory");
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		if (child_tie(parent, SIGKILL) < 0)
			_exit(EXIT_FAILURE);
		work(context, &shared->err);
		_exit(EXIT_SUCCESS);
	}
	for (unsigned waited = 0; pid > 0 && status == -ETIMEDOUT; waited += ALIVE_SECONDS) {
		status = child_wait_within(pid, ALIVE_SECONDS);
		if (status != -ETIMEDOUT)
			break;
		printf("alive\n");
		if (fflush(stdout) != 0 || waited > WORK_SECONDS) {
			kill(pid, SIGKILL);
			status = child_wait(pid);
		}
	}
	if (shared->err.code)
		*err = shared->err;
	else if (status != 0)
		err_set(err, EIO, "the process that reads it has failed");
	munmap(shared, sizeof *shared);
	return -err->code;
}

/* ---- Requests */

static void print_file(const struct store_file *file)
{
	printf("file %s %" PRIu64 " %" PRIu64 " %s\n", file->folder ? "folder" : "file", file->size,
	       file->changed, *file->name ? file->name : "-");
}

static int visit(void *context, const struct store_file *file)
{
	(void)context;
	if (is_path(file->name))
		print_file(file);
	return 0;
}

static int serve_each(struct serving *serving, char **words, struct err *err)
{
	return store_each(&serving->store, words[0], visit, NULL, err);
}

/* A connection that is broken in the middle of a file has no next request. */
static int broken(int r, struct err *err)
{
	return err_set(err, ECONNABORTED, "the connection is broken: %s", strerror(-r));
}

static int serve_fetch(struct serving *serving, char **words, struct err *err)
{
	const struct wire_end to = { .fd = STDOUT_FILENO,
				     .seconds = STORE_QUIET_SECONDS,
				     .framed = true };
	struct pump pump;

	if (store_fetch(&serving->store, words[0], &pump, err) < 0)
		return -err->code;
	scoped_fd int fd = pump.fd;
	const struct wire_end from = { .fd = fd };
	printf("bytes\n");
	fflush(stdout);
	int r = wire_pass(&from, &to, 0);
	return r < 0 ? broken(r, err) : 1;
}

static int take_bytes(int fd, struct err *err)
{
	const struct wire_end from = { .fd = STDIN_FILENO,
				       .seconds = STORE_QUIET_SECONDS,
				       .framed = true };
	const struct wire_end to = { .fd = fd };
	int r = wire_pass(&from, &to, 0);

	if (r == -ECONNRESET || r == -ETIMEDOUT)
		return broken(r, err);
	return r < 0 ? err_set(err, -r, "write: %s",
			       r == -ENOSPC ? "the disk is full" : strerror(-r))
		     : 0;
}

static int serve_replace(struct serving *serving, char **words, struct err *err)
{
	scoped_fd int fd = memfd_create("text", MFD_CLOEXEC);
	scoped_free char *text = NULL;

	if (fd < 0 || ftruncate(fd, 0) < 0)
		return err_set(err, errno, "make a file in memory: %s", strerror(errno));
	if (take_bytes(fd, err) < 0)
		return -err->code;
	lseek(fd, 0, SEEK_SET);
	ssize_t n = file_read_opened(fd, STORE_TEXT_MAX, &text);
	return n < 0 ? err_set(err, (int)-n, "take a text: %s", file_why((int)n))
		     : store_replace(&serving->store, words[0], text, (size_t)n, err);
}

static int serve_remove(struct serving *serving, char **words, struct err *err)
{
	return store_remove(&serving->store, words[0], err);
}

static int serve_lock(struct serving *serving, char **words, struct err *err)
{
	uint64_t seconds;

	if (text_to_u64(words[1], 0, LOCK_SECONDS_MAX, &seconds) < 0)
		return err_set(err, EINVAL, "no time");
	return store_lock(&serving->store, words[0], (unsigned)seconds, err);
}

static int serve_unlock(struct serving *serving, char **words, struct err *err)
{
	(void)words;
	(void)err;
	store_unlock(&serving->store);
	return 0;
}

static int serve_content(struct serving *serving, char **words, struct err *err)
{
	char content[UUID_TEXT];

	if (store_content(&serving->store, words[0], content, err) < 0)
		return -err->code;
	printf("content %s\n", content);
	return 0;
}

static int serve_check(struct serving *serving, char **words, struct err *err)
{
	struct store_file file = { .size = 0 };

	if (!is_sum(words[1]))
		return err_set(err, EINVAL, "no sum");
	int r = store_check(&serving->store, words[0], *words[1] == '-' ? NULL : words[1], &file,
			    err);
	if (file.changed)
		print_file(&file);
	return r;
}

static void drop(struct serving *serving)
{
	if (serving->writes)
		store_drop(&serving->store, &serving->writing, NULL);
	serving->writes = false;
}

/* A file that cannot be taken ends the session, since its bytes are under way. */
static int serve_put(struct serving *serving, char **words, struct err *err)
{
	drop(serving);
	serving->writes = true;
	if (store_begin(&serving->store, words[0], &serving->writing, err) < 0 ||
	    take_bytes(serving->writing.fd, err) < 0 ||
	    store_end(&serving->store, &serving->writing, err) < 0)
		return -err->code;
	return 0;
}

static int serve_keep(struct serving *serving, char **words, struct err *err)
{
	struct store_file file = { .size = 0 };

	if (!serving->writes || !is_sum(words[0]))
		return err_set(err, EINVAL, "there is no file to keep");
	int r = store_keep(&serving->store, &serving->writing, *words[0] == '-' ? NULL : words[0],
			   &file, err);
	if (r == 0)
		print_file(&file);
	drop(serving);
	return r;
}

static int serve_drop(struct serving *serving, char **words, struct err *err)
{
	(void)words;
	(void)err;
	drop(serving);
	return 0;
}

static const struct request requests[] = {
	{ "each", 1, serve_each },       { "fetch", 1, serve_fetch },
	{ "replace", 1, serve_replace }, { "remove", 1, serve_remove },
	{ "lock", 2, serve_lock },       { "unlock", 0, serve_unlock },
	{ "content", 1, serve_content }, { "check", 2, serve_check },
	{ "put", 1, serve_put },         { "keep", 1, serve_keep },
	{ "drop", 0, serve_drop },
};

/* ---- The session */

static int refuse(struct err *err)
{
	return err_set(err, EPROTO,
		       "the other side is another version of berth, or no berth at all");
}

static int serve_one(struct serving *serving, char *line, const struct request **served,
		     struct err *err)
{
	char *words[WORDS] = { NULL };
	size_t count = 0;

	for (char *word; count < WORDS && (word = strsep(&line, " "));)
		words[count++] = word;
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		*served = &requests[i];
		if (strcmp(words[0], requests[i].name) != 0)
			continue;
		bool has_path = requests[i].words && requests[i].serve != serve_keep;
		/* The folder itself can only be listed. */
		bool is_empty = count > 1 && !*words[1] && requests[i].serve != serve_each;
		if (count != requests[i].words + 1 ||
		    (has_path && (is_empty || !is_path(words[1]))))
			return refuse(err);
		return requests[i].serve(serving, words + 1, err);
	}
	return refuse(err);
}

/* Whether the session goes on after an answer. */
static bool answer(const struct request *served, int r, const struct err *err)
{
	if (r >= 0) {
		if (r == 0)
			printf("done\n");
		return fflush(stdout) == 0;
	}
	const char *name = strerrorname_np(err->code);
	printf("fault %s %s\n", name ? name : "EIO", err->text);
	return fflush(stdout) == 0 && served->serve != serve_put &&
	       served->serve != serve_replace && err->code != ECONNABORTED && err->code != EPROTO;
}

static int serve(struct serving *serving, struct err *err)
{
	struct wire wire = { .fd = STDIN_FILENO, .seconds = STORE_QUIET_SECONDS };
	const struct request *served;
	char line[WIRE_LINE];
	int r;

	r = wire_read(&wire, line);
	if (r <= 0 || strcmp(line, STORE_GREETING) != 0)
		return refuse(err);
	printf(STORE_GREETING "\ndone\n");
	for (bool on = fflush(stdout) == 0; on && (r = wire_read(&wire, line)) > 0;) {
		struct err fault = { 0 };
		wire.lines = 0;
		r = serve_one(serving, line, &served, &fault);
		for (char *c = fault.text; *c; c++)
			*c = (char)(*c == '\n' ? ' ' : *c);
		on = answer(served, r, &fault);
	}
	drop(serving);
	return 0;
}

int store_serve(const char *folder, struct err *err)
{
	const struct store_spec spec = { .target = folder, .what = "keep backups in" };
	struct serving serving = { .writes = false };

	signal(SIGPIPE, SIG_IGN);
	int r = store_open(&serving.store, &spec, err);
	serving.store.work = run_alive;
	if (r == 0)
		r = serve(&serving, err);
	if (r < 0)
		printf("fault %s %s\n", strerrorname_np(err->code), err->text);
	store_close(&serving.store);
	return r;
}
