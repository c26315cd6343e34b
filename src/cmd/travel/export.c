/* SPDX-License-Identifier: GPL-2.0-or-later */
/* export and import: machines as streams. */
#include "cmd/cli/verbs.h"

#include "base/clock.h"
#include "base/outfile.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/output.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/travel/placement.h"
#include "machine/manage/travel.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const struct flag flag_blocks = {
	"blocks", 0, false, NULL, "of a thin pool: the blocks of its file system, not its files"
};
static const struct flag flag_compress = { "compress", 0, false, "METHOD",
					   "lz4, zstd or none; lz4 if not given" };
static const struct flag flag_since = { "since", 0, false, "SNAP",
					"only what has changed since that snapshot" };
static const struct flag flag_snapshots = { "snapshots", 0, false, NULL,
					    "with its snapshots, or those since --since" };
static const struct flag *const export_flags[] = { &flag_blocks, &flag_compress, &flag_replace,
						   &flag_freeze, &flag_since,    &flag_snapshots,
						   NULL };

static const struct flag flag_root_too = { "force", 'f', false, NULL,
					   "let an increment replace the root of its machine" };
static const struct flag flag_new_identity = {
	"new-identity", 0, false, NULL, "give it a uuid and an identity of its own, as to a clone"
};
static const struct flag flag_trust = {
	"trust", 0, false, NULL,
	"keep settings that open it to this host, and mount its file system"
};
static const struct flag *const import_flags[] = {
	&flag_root_too, &flag_network, &flag_new_identity, &flag_pool, &flag_set, &flag_trust, NULL
};

static void show(void *context, uint64_t bytes)
{
	progress_show_bytes(context, bytes);
}

static void show_nothing(void)
{
	if (progress_is_shown())
		progress_write("%s", "");
}

/* ---- export */

static int write_out(struct machine *machine, const struct export_spec *given, const char *path,
		     bool force, struct err *err)
{
	struct export_spec spec = *given;
	scoped_outfile struct outfile out = { .fd = -1 };
	scoped_free char *doing = text_format("exporting machine '%s'", machine->name);
	const struct outfile_spec file = {
		.path = path, .what = "a stream", .mode = 0600, .force = force
	};
	struct progress_bytes shown = { .doing = doing, .began = clock_ms() };

	if (!doing)
		return err_set(err, ENOMEM, "out of memory");
	if (machine_export_check(machine, &spec, err) < 0 || outfile_open(&out, &file, err) < 0)
		return -err->code;
	spec.fd = out.fd;
	spec.tick = progress_is_shown() ? show : NULL;
	spec.tick_context = &shown;
	int r = machine_export(machine, &spec, err);
	show_nothing();
	if (r < 0 || outfile_keep(&out, err) < 0)
		return -err->code;
	tell_left_volumes(machine, "the export");
	return 0;
}

static int check_codec(const struct call *call, struct export_spec *spec, struct err *err)
{
	const char *name = call_value(call, &flag_compress);
	int codec = name ? stream_codec_of(name) : STREAM_LZ4;

	if (codec < 0) {
		err_set(err, EINVAL, "--compress cannot be '%.40s': it is lz4, zstd or none", name);
		return EXIT_USAGE;
	}
	spec->codec = (enum stream_codec)codec;
	return 0;
}

static int run_export(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	char *snapshot;
	scoped_free char *name = name_split(call->words[0], &snapshot, err);
	struct export_spec spec = {
		.since = call_value(call, &flag_since),
		.snapshots = call_has(call, &flag_snapshots),
		.blocks = call_has(call, &flag_blocks),
		.quiet = call_has(call, &flag_freeze),
	};

	if (!name)
		return -err->code;
	spec.snapshot = snapshot;
	int r = name_check(name, err);
	if (r == 0 && snapshot)
		r = name_check(snapshot, err);
	if (r == 0 && spec.since)
		r = name_check(spec.since, err);
	if (r == 0)
		r = check_codec(call, &spec, err);
	if (r == 0)
		r = open_named(&machine, call, name, err);
	return r != 0 ? r
		      : write_out(&machine, &spec, call->count > 1 ? call->words[1] : "-",
				  call_has(call, &flag_replace), err);
}

/* ---- import */

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

static int read_in(const struct call *call, const struct import_spec *given, const char *path,
		   struct err *err)
{
	struct import_spec spec = *given;
	scoped_text struct text notes = { 0 };
	scoped_free char *doing =
		text_format("importing %s%s%s", spec.name ? "machine '" : "a machine",
			    spec.name ? spec.name : "", spec.name ? "'" : "");
	struct progress_bytes shown = { .doing = doing, .began = clock_ms() };
	char made[64];

	if (!doing)
		return err_set(err, ENOMEM, "out of memory");
	spec.tick = progress_is_shown() ? show : NULL;
	spec.tick_context = &shown;
	int r = machine_import(&call->dirs, &spec, made, &notes, err);
	show_nothing();
	if (r < 0)
		return err_wrap(err, "stream '%s'", path);
	char *rest = notes.data;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (*line)
			print_note("%s", line);
	}
	if (!spec.name)
		output_print_made("machine", made);
	return 0;
}

static int run_import(struct call *call, struct err *err)
{
	const char *path = call->count > 0 ? call->words[0] : "-";
	scoped_settings struct words words = { 0 };
	struct placement placement = { 0 };
	struct import_spec spec = {
		.name = call->count > 1 ? call->words[1] : NULL,
		.new_identity = call_has(call, &flag_new_identity),
		.trust = call_has(call, &flag_trust),
		.force = call_has(call, &flag_root_too),
	};

	int r = placement_begin(&placement, call, &words, &spec, err);
	if (r != 0)
		return r;
	scoped_fd int fd = open_stream(path, err);
	if (fd < 0)
		return fd;
	spec.fd = fd;
	r = read_in(call, &spec, path, err);
	free(placement.pool);
	return r;
}

const struct command command_export = {
	.name = "export",
	.args = "MACHINE[@SNAP] [FILE]",
	.help = "Write a machine, running or not, into a file or a pipe",
	.flags = export_flags,
	.min = 1,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_FILE,
	.run = run_export,
};

const struct command command_import = {
	.name = "import",
	.args = "[FILE] [NAME]",
	.help = "Make a machine of what export wrote, or bring one up to date",
	.flags = import_flags,
	.max = 2,
	.first = WORD_FILE,
	.run = run_import,
};
