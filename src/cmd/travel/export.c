/* SPDX-License-Identifier: GPL-2.0-or-later */
/* export and import: machines as streams. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/travel/placement.h"
#include "cmd/travel/stream_file.h"

#include <unistd.h>

static const struct flag flag_volumes = { "volumes", 0, false, NULL,
					  "with the volumes that it may write to" };
static const struct flag *const export_flags[] = {
	&flag_blocks,           &flag_compress, &flag_replace, &flag_freeze, &flag_since,
	&flag_stream_snapshots, &flag_threads,  &flag_volumes, NULL
};

static const struct flag flag_root_too = { "force", 'f', false, NULL,
					   "let an increment replace the root of its machine" };
static const struct flag flag_new_identity = {
	"new-identity", 0, false, NULL, "give it a uuid and an identity of its own, as to a clone"
};
static const struct flag flag_trust = {
	"trust", 0, false, NULL,
	"keep settings that open it to this host, and mount its file system"
};
static const struct flag *const import_flags[] = { &flag_root_too,
						   &flag_network,
						   &flag_new_identity,
						   &flag_stream_no_volumes,
						   &flag_pool,
						   &flag_set,
						   &flag_trust,
						   &flag_volumes_as,
						   NULL };

/* ---- export */

static int check(void *context, const struct export_spec *spec, struct err *err)
{
	return machine_export_check(context, spec, err);
}

static int write_it(void *context, const struct export_spec *spec, struct err *err)
{
	return machine_export(context, spec, err);
}

static int run_export(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free char *name = NULL;
	struct export_spec spec;

	int r = stream_file_flags(call, &spec, &name, err);
	spec.volumes = call_has(call, &flag_volumes);
	if (r == 0)
		r = open_named(&machine, call, name, err);
	if (r != 0)
		return r;
	scoped_free char *doing = text_format("exporting machine '%s'", name);
	const struct stream_job job = {
		.doing = doing, .check = check, .write = write_it, .context = &machine
	};
	r = stream_file_write(call, &job, &spec, err);
	if (r == 0)
		tell_left_volumes(&machine, "the export", spec.volumes);
	return r;
}

/* ---- import */

static int read_in(void *context, const struct import_spec *spec, char made[64], struct text *notes,
		   struct err *err)
{
	const struct call *call = context;

	return machine_import(&call->dirs, spec, made, notes, err);
}

static int check_order(const struct call *call, struct err *err)
{
	const char *file = call->words[0], *name = call->count > 1 ? call->words[1] : NULL;

	if (!name || !text_label_fault(name) || access(file, F_OK) == 0 || access(name, F_OK) < 0)
		return 0;
	err_set(err, EINVAL, "the file comes before the name: berth import %.200s %.80s", name,
		file);
	return EXIT_USAGE;
}

static int run_import(struct call *call, struct err *err)
{
	scoped_settings struct words words = { 0 };
	struct placement placement = { 0 };
	struct import_spec spec = {
		.name = call->count > 1 ? call->words[1] : NULL,
		.new_identity = call_has(call, &flag_new_identity),
		.trust = call_has(call, &flag_trust),
		.force = call_has(call, &flag_root_too),
		.no_volumes = call_has(call, &flag_stream_no_volumes),
		.volumes_as = call_value(call, &flag_volumes_as),
	};

	int r = check_order(call, err);
	if (r == 0)
		r = placement_begin(&placement, call, &words, &spec, err);
	if (r == 0 && spec.volumes_as)
		r = name_check(spec.volumes_as, err);
	if (r != 0)
		return r;
	scoped_free char *doing = spec.name ? text_format("importing machine '%s'", spec.name)
					    : text_format("importing a machine");
	const struct stream_job job = {
		.doing = doing, .kind = "machine", .read = read_in, .context = call
	};
	r = stream_file_read(call, &job, &spec, err);
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
