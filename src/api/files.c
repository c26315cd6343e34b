/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of machines: read as octets, listed, and written, by the ways of pull, files and push. */
#include "api/change.h"
#include "api/look.h"
#include "api/router.h"
#include "api/verb.h"
#include "base/scoped.h"
#include "base/text.h"
#include "machine/transfer/file_look.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* The size that files claim which the kernel makes up. */
enum { PAGE = 4096 };

/* The machine, and the look at it, of a file that is the body. */
struct source {
	struct machine machine;
	struct file_look look;
};

static void release(void *p)
{
	struct source *source = p;

	file_look_close(&source->look);
	machine_close(&source->machine);
	free(source);
}

static const char *path_of(const struct exchange *exchange, struct err *err)
{
	const char *path = request_query(exchange->request, "path");

	if (path && *path == '/')
		return path;
	err_set(err, EINVAL,
		"query parameter 'path' is needed, and begins with '/': the path in the machine");
	return NULL;
}

static int check_snapshot(const char *name, struct err *err)
{
	const char *fault = name ? text_label_fault(name) : NULL;

	return fault ? err_set(err, EINVAL, "snapshot '%.80s' %s", name, fault) : 0;
}

static const char *type_name(uint32_t mode)
{
	return S_ISREG(mode) ? "file" : "folder";
}

/* The name behind the last slash, as in RFC 8187: it is the guest's, and may have anything. */
static void add_file_name(const char *path, struct text *out)
{
	const char *slash = strrchr(path, '/');

	text_add(out, "Content-Disposition: attachment; filename*=UTF-8''");
	text_add_percent(out, slash + 1);
	text_add(out, "\n");
}

static int describe(struct exchange *exchange, const struct tree_entry *self, const char *path,
		    struct err *err)
{
	struct text fields = { 0 };

	text_add(&fields,
		 "X-Berth-Type: %s\nX-Berth-Mode: %04o\nX-Berth-Uid: %u\nX-Berth-Gid: %u\n"
		 "X-Berth-Modified: %lld\n",
		 type_name(self->mode), self->mode & 07777, self->uid, self->gid,
		 (long long)self->seconds);
	if (S_ISREG(self->mode))
		add_file_name(path, &fields);
	exchange->response->octets.fields = fields.data;
	return exchange->response->octets.fields ? 0 : err_set(err, ENOMEM, "out of memory");
}

static void give_file(struct octets *octets, int file)
{
	struct stat st;

	octets->fd = file;
	if (fstat(file, &st) == 0 && st.st_size > 0 && (st.st_blocks > 0 || st.st_size > PAGE)) {
		octets->sized = true;
		octets->size = (uint64_t)st.st_size;
	}
}

static int list_folder(struct exchange *exchange, const char *machine, const char *snapshot,
		       const char *path, struct err *err)
{
	scoped_argv struct argv argv = { 0 };

	verb_begin(exchange->call, &argv);
	argv_add(&argv, "files");
	argv_add(&argv, "--json");
	argv_add(&argv, "--");
	argv_add(&argv, "%s%s%s:%s", machine, snapshot ? "@" : "", snapshot ? snapshot : "", path);
	json_t *value = look_words(exchange, &argv, err);
	if (!value)
		return -err->code;
	response_succeed(exchange->response, value);
	return 0;
}

static int open_source(struct exchange *exchange, const char *path, struct source **out,
		       struct err *err)
{
	const char *snapshot = request_query(exchange->request, "snapshot");
	struct source *source = calloc(1, sizeof *source);

	if (!source)
		return err_set(err, ENOMEM, "out of memory");
	*out = source;
	exchange->response->octets.source = source;
	exchange->response->octets.release = release;
	if (machine_look(&source->machine, &exchange->call->dirs,
			 match_name(&exchange->match, "machine"), err) < 0)
		return -err->code;
	return file_look_open(&source->look, &source->machine, snapshot, path, NULL, NULL, err);
}

static int read_path(struct exchange *exchange, struct err *err)
{
	const char *path = path_of(exchange, err);
	const char *snapshot = request_query(exchange->request, "snapshot");
	struct source *source = NULL;

	if (!path || check_snapshot(snapshot, err) < 0 ||
	    open_source(exchange, path, &source, err) < 0)
		return -err->code;
	const struct tree_entry *self = &source->look.self;
	if (!S_ISREG(self->mode) && !S_ISDIR(self->mode))
		return err_set(err, EMEDIUMTYPE,
			       "'%.200s' in machine '%s' is no file and no folder: a device, a "
			       "FIFO or a socket",
			       path, source->machine.name);
	if (describe(exchange, self, path, err) < 0)
		return -err->code;
	if (S_ISDIR(self->mode)) {
		/* The verb takes the machine's lock itself. */
		file_look_close(&source->look);
		return list_folder(exchange, source->machine.name, snapshot, path, err);
	}
	give_file(&exchange->response->octets, source->look.file);
	exchange->response->status = 200;
	return 0;
}

static bool is_octets(const char *type)
{
	static const char octets[] = "application/octet-stream";

	return !type || !*type ||
	       (strncasecmp(type, octets, sizeof octets - 1) == 0 &&
		strchr(" ;", type[sizeof octets - 1]) != NULL);
}

/* A refusal with a status of its own. */
static int refuse(struct exchange *exchange, int status, struct err *err)
{
	response_fail(exchange->response, status, err);
	*err = (struct err){ 0 };
	return 0;
}

/* A body that was forgotten is no empty file. 0, or -code with the status for it. */
static int check_body(const struct incoming *incoming, int *status, struct err *err)
{
	if (!is_octets(incoming->type)) {
		*status = 415;
		return err_set(err, EINVAL,
			       "a file of type '%.60s' is not taken; use application/octet-stream",
			       incoming->type);
	}
	if (incoming->fd < 0 && incoming->length != 0) {
		*status = 411;
		return err_set(
			err, EINVAL,
			"the request has no body; an empty one, with 'Content-Length: 0', makes an "
			"empty file");
	}
	return 0;
}

/* A body whose size is known is whole only if all of it comes. */
static int write_path(struct exchange *exchange, struct err *err)
{
	const struct incoming *incoming = exchange->incoming;
	const char *path = path_of(exchange, err);
	bool none = incoming->fd < 0;
	int status = 0;
	scoped_argv struct argv argv = { 0 };

	if (!path)
		return -err->code;
	if (check_body(incoming, &status, err) < 0)
		return refuse(exchange, status, err);
	verb_begin(exchange->call, &argv);
	if (match_verb(&exchange->match, exchange->request, exchange->match.route->verb, NULL,
		       &argv, err) < 0)
		return -err->code;
	if (!none && incoming->length != SIZE_MAX)
		argv_add(&argv, "--size=%zu", incoming->length);
	argv_add(&argv, "--");
	argv_add(&argv, "-");
	argv_add(&argv, "%s:%s", match_name(&exchange->match, "machine"), path);
	int r = change_run(exchange, &argv, none ? 0 : incoming->fd, err);
	return r < 0 ? r : 0;
}

static const struct query read_queries[] = { { .name = "path" }, { .name = "snapshot" }, { 0 } };
static const struct query write_queries[] = {
	{ .name = "mode", .flag = "--mode=" },
	{ .name = "owner", .flag = "--owner=" },
	{ .name = "parents", .flag = "--parents" },
	{ .name = "path" },
	{ 0 },
};

const struct route file_routes[] = {
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/files",
	  .needs = NEEDS_USE,
	  .queries = read_queries,
	  .run = read_path },
	{ .method = "PUT",
	  .path = "/1.0/machines/{machine}/files",
	  .needs = NEEDS_USE,
	  .verb = "push --no-target-directory",
	  .queries = write_queries,
	  .octets = true,
	  .run = write_path },
	{ .method = "POST",
	  .path = "/1.0/machines/{machine}/files",
	  .needs = NEEDS_USE,
	  .verb = "push --no-target-directory",
	  .queries = write_queries,
	  .octets = true,
	  .run = write_path },
	{ 0 },
};
