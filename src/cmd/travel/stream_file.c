/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/travel/stream_file.h"

#include "base/clock.h"
#include "base/outfile.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

const struct flag flag_blocks = { "blocks", 0, false, NULL,
				  "of a thin pool: the blocks of its file system, not its files" };
const struct flag flag_compress = { "compress", 0, false, "METHOD[:LEVEL]",
				    "lz4, zstd or none; lz4 if not given" };
const struct flag flag_since = { "since", 0, false, "SNAP",
				 "only what has changed since that snapshot" };
const struct flag flag_stream_snapshots = { "snapshots", 0, false, NULL,
					    "with its snapshots, or those since --since" };
const struct flag flag_threads = { "threads", 0, false, "NUMBER",
				   "compress in so many processes at once; 1 if not given" };

const struct flag flag_stream_no_volumes = { "no-volumes", 0, false, NULL,
					     "leave out the volumes that are in it" };
const struct flag flag_volumes_as = { "volumes-as", 0, false, "PREFIX",
				      "give its volumes names that begin so: PREFIX-NAME" };

static void show(void *context, uint64_t bytes)
{
	progress_show_bytes(context, bytes);
}

static void show_nothing(void)
{
	if (progress_is_shown())
		progress_write("%s", "");
}

/* ---- Out */

int stream_press_wanted(const struct call *call, struct stream_press *press, struct err *err)
{
	const char *method = call_value(call, &flag_compress);
	const char *threads = call_value(call, &flag_threads);
	uint64_t number = 1;

	*press = (struct stream_press){ .codec = STREAM_LZ4 };
	if (method && stream_press_of(method, press) < 0)
		err_set(err, EINVAL,
			"--compress cannot be '%.40s': it is lz4, zstd or none, or with a level, "
			"lz4:1 to lz4:12 or zstd:1 to zstd:19",
			method);
	else if (threads && text_to_u64(threads, 1, STREAM_THREADS_MAX, &number) < 0)
		err_set(err, EINVAL, "--threads cannot be '%.40s': it is a number from 1 to %d",
			threads, STREAM_THREADS_MAX);
	press->threads = (unsigned)number;
	return err->code ? EXIT_USAGE : 0;
}

int stream_file_flags(const struct call *call, struct export_spec *spec, char **name,
		      struct err *err)
{
	char *snapshot;

	*name = name_split(call->words[0], &snapshot, err);
	if (!*name)
		return -err->code;
	*spec = (struct export_spec){
		.snapshot = snapshot,
		.since = call_value(call, &flag_since),
		.snapshots = call_has(call, &flag_stream_snapshots),
		.blocks = call_has(call, &flag_blocks),
		.quiet = call_has(call, &flag_freeze),
	};
	int r = name_check(*name, err);
	if (r == 0 && snapshot)
		r = name_check(snapshot, err);
	if (r == 0 && spec->since)
		r = name_check(spec->since, err);
	return r == 0 ? stream_press_wanted(call, &spec->press, err) : r;
}

int stream_file_write(const struct call *call, const struct stream_job *job,
		      const struct export_spec *given, struct err *err)
{
	struct export_spec spec = *given;
	scoped_outfile struct outfile out = { .fd = -1 };
	const struct outfile_spec file = { .path = call->count > 1 ? call->words[1] : "-",
					   .what = "a stream",
					   .mode = 0600,
					   .force = call_has(call, &flag_replace) };
	struct progress_bytes shown = { .doing = job->doing, .began = clock_ms() };

	if (!job->doing)
		return err_set(err, ENOMEM, "out of memory");
	if (job->check(job->context, &spec, err) < 0 || outfile_open(&out, &file, err) < 0)
		return -err->code;
	spec.fd = out.fd;
	spec.tick = progress_is_shown() ? show : NULL;
	spec.tick_context = &shown;
	int r = job->write(job->context, &spec, err);
	show_nothing();
	return r < 0 ? r : outfile_keep(&out, err);
}

/* ---- In */

static int open_stream(const char *path, struct err *err)
{
	struct stat st;
	scoped_fd int fd = strcmp(path, "-") == 0
				   ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				   : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "'%s' is a folder, not a stream", path);
	if (isatty(fd))
		return err_set(err, EINVAL,
			       "there is no stream: %s is a terminal; name a file, or let a pipe "
			       "bring it",
			       strcmp(path, "-") == 0 ? "standard input" : path);
	if (strcmp(path, "-") != 0 && fcntl(fd, F_SETFL, 0) < 0)
		return err_set(err, errno, "open '%s': %s", path, strerror(errno));
	return take_fd(&fd);
}

int stream_file_read(const struct call *call, const struct stream_job *job,
		     const struct import_spec *given, struct err *err)
{
	const char *path = call->count > 0 ? call->words[0] : "-";
	struct import_spec spec = *given;
	scoped_text struct text notes = { 0 };
	struct progress_bytes shown = { .doing = job->doing, .began = clock_ms() };
	scoped_fd int fd = open_stream(path, err);
	char made[64];

	if (fd < 0)
		return fd;
	if (!job->doing)
		return err_set(err, ENOMEM, "out of memory");
	spec.fd = fd;
	spec.tick = progress_is_shown() ? show : NULL;
	spec.tick_context = &shown;
	int r = job->read(job->context, &spec, made, &notes, err);
	show_nothing();
	if (r < 0)
		return err_wrap(err, "stream '%s'", path);
	print_notes(&notes);
	if (!spec.name)
		output_print_made(job->kind, made);
	return 0;
}
