/* SPDX-License-Identifier: GPL-2.0-or-later */
/* volume export and import: volumes for data as streams. */
#include "cmd/machine/volume.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/travel/stream_file.h"

static const struct flag flag_data_too = { "force", 'f', false, NULL,
					   "let an increment replace the data of its volume" };
static const struct flag flag_new_uuid = { "new-identity", 0, false, NULL,
					   "give it a uuid of its own" };
static const struct flag flag_trust_data = { "trust", 0, false, NULL, "mount its file system" };
static const struct flag *const export_flags[] = { &flag_blocks,  &flag_compress,
						   &flag_replace, &flag_freeze,
						   &flag_since,   &flag_stream_snapshots,
						   &flag_threads, NULL };
static const struct flag *const import_flags[] = { &flag_data_too, &flag_new_uuid, &flag_pool,
						   &flag_trust_data, NULL };

struct job {
	const struct call *call;
	const char *name;
	char *pool; /* owned */
};

static int check(void *context, const struct export_spec *spec, struct err *err)
{
	const struct job *job = context;

	return data_export_check(&job->call->dirs, job->name, spec, err);
}

static int write_it(void *context, const struct export_spec *spec, struct err *err)
{
	const struct job *job = context;

	return data_export(&job->call->dirs, job->name, spec, err);
}

static int run_export(struct call *call, struct err *err)
{
	scoped_free char *name = NULL;
	struct export_spec spec;

	int r = stream_file_flags(call, &spec, &name, err);
	if (r != 0)
		return r;
	scoped_free char *doing = text_format("exporting volume '%s'", name);
	struct job exported = { .call = call, .name = name };
	const struct stream_job job = {
		.doing = doing, .check = check, .write = write_it, .context = &exported
	};
	return stream_file_write(call, &job, &spec, err);
}

/* The pool of a new volume, which is made for it if there is none. */
static int place(void *context, const struct text *settings, const char **pool, struct err *err)
{
	struct job *job = context;

	(void)settings;
	int r = pool_wanted(job->call, &job->pool, err);
	*pool = job->pool;
	return r == 0 ? 0 : -err->code;
}

static int read_in(void *context, const struct import_spec *spec, char made[64], struct text *notes,
		   struct err *err)
{
	const struct job *job = context;

	return data_import(&job->call->dirs, spec, made, notes, err);
}

static int run_import(struct call *call, struct err *err)
{
	struct job imported = { .call = call };
	const struct import_spec spec = {
		.name = call->count > 1 ? call->words[1] : NULL,
		.new_identity = call_has(call, &flag_new_uuid),
		.trust = call_has(call, &flag_trust_data),
		.force = call_has(call, &flag_data_too),
		.place = place,
		.place_context = &imported,
	};

	int r = spec.name ? name_check(spec.name, err) : 0;
	if (r != 0)
		return r;
	scoped_free char *doing = spec.name ? text_format("importing volume '%s'", spec.name)
					    : text_format("importing a volume");
	const struct stream_job job = {
		.doing = doing, .kind = "volume", .read = read_in, .context = &imported
	};
	r = stream_file_read(call, &job, &spec, err);
	free(imported.pool);
	return r;
}

const struct command volume_verb_export = {
	.group = "volume",
	.name = "export",
	.args = "VOLUME[@SNAP] [FILE]",
	.help = "Write a volume, in use or not, into a file or a pipe",
	.flags = export_flags,
	.min = 1,
	.max = 2,
	.first = WORD_VOLUME,
	.rest = WORD_FILE,
	.run = run_export,
};

const struct command volume_verb_import = {
	.group = "volume",
	.name = "import",
	.args = "[FILE] [NAME]",
	.help = "Make a volume of what export wrote, or bring one up to date",
	.flags = import_flags,
	.max = 2,
	.first = WORD_FILE,
	.run = run_import,
};
