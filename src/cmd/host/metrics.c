/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics: what Prometheus wants to know of the machines, pools and networks of the host. */
#include "cmd/host/metrics.h"

#include "base/outfile.h"
#include "cmd/cli/output.h"
#include "cmd/cli/verbs.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const struct flag flag_output = { "output", 'o', false, "FILE",
					 "replace this file as a whole, instead of printing" };
static const struct flag *const metrics_flags[] = { &flag_output, NULL };

/* A reader of the file sees the old contents or the new ones, whole. */
static int write_file(const char *path, const struct text *text, struct err *err)
{
	const struct outfile_spec spec = {
		.path = path, .what = "metrics", .mode = 0644, .force = true
	};
	scoped_outfile struct outfile out = { .fd = -1 };

	if (outfile_open(&out, &spec, err) < 0)
		return -err->code;
	ssize_t n = write(out.fd, text->data, text->length);
	if (n != (ssize_t)text->length)
		return err_set(err, n < 0 ? errno : ENOSPC, "write '%s': %s", path,
			       n < 0 ? strerror(errno) : "the disk is full");
	return outfile_keep(&out, err);
}

static int run_metrics(struct call *call, struct err *err)
{
	__attribute__((cleanup(metrics_free))) struct metrics metrics = { .dirs = &call->dirs };
	scoped_text struct text out = { 0 };

	metric_add(&metrics, METRIC_BUILD_INFO, 1,
		   (const struct metric_label[]){ { "version", BERTH_VERSION }, { 0 } });
	if (metrics_add_machines(&metrics, err) < 0 || metrics_add_host(&metrics, err) < 0)
		return -err->code;
	metrics_text(&metrics, &out);
	if (out.failed)
		return err_set(err, ENOMEM, "out of memory");
	if (call_has(call, &flag_output))
		return write_file(call_value(call, &flag_output), &out, err);
	output_text(text_str(&out));
	return 0;
}

const struct command command_metrics = {
	.traits = COMMAND_LOOKS,
	.name = "metrics",
	.args = "",
	.help = "Print what Prometheus wants to know of the host's machines",
	.flags = metrics_flags,
	.run = run_metrics,
};
