/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template export: a template as a file that other tools read. */
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/template/template.h"
#include "image/source/export.h"
#include "image/template/template.h"

#include <errno.h>
#include <string.h>

static const struct flag flag_format = {
	"format", 0, false, "FORMAT", "tar, lxc (of LXC, LXD and Incus) or oci; tar if not given"
};
static const struct flag flag_compression = {
	"compression", 0, false, "KIND",
	"none, gzip, xz or zstd; if not given, as the name of the file ends"
};
static const struct flag *const export_flags[] = { &flag_compression, &flag_replace, &flag_format,
						   NULL };

static int write_shown(struct call *call, struct export *export, struct err *err)
{
	scoped_text struct text notes = { 0 };
	struct progress progress = { 0 };

	progress_begin(&progress, "exporting '%s'", export->template);
	int r = export_write(export, &call->dirs, &notes, err);
	progress_end(&progress);
	if (r == 0)
		print_notes(&notes);
	return r;
}

static int run_export(struct call *call, struct err *err)
{
	scoped_export struct export export = {
		.template = call->words[0],
		.file = call->count > 1 ? call->words[1] : NULL,
		.format = call_value(call, &flag_format),
		.compression = call_value(call, &flag_compression),
		.force = call_has(call, &flag_replace),
	};
	struct template_config config = { 0 };
	int r = name_check(export.template, err);

	if (r == 0)
		r = template_open(&call->dirs, export.template, &config, err);
	config_free(&template_schema, &config);
	if (r != 0)
		return r;
	r = export_begin(&export, err);
	if (r == -EINVAL)
		return EXIT_USAGE;
	return r < 0 ? r : write_shown(call, &export, err);
}

const struct command template_export_verb = {
	.group = "template",
	.name = "export",
	.args = "TEMPLATE [FILE]",
	.help = "Write a template as a tar, an image of LXC or Incus, or an OCI image (-: standard "
		"output)",
	.flags = export_flags,
	.min = 1,
	.max = 2,
	.first = WORD_TEMPLATE,
	.rest = WORD_FILE,
	.run = run_export,
};
