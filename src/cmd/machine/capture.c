/* SPDX-License-Identifier: GPL-2.0-or-later */
/* capture: the packets of a machine, as a file of pcap. */
#include "cmd/cli/verbs.h"

#include "base/outfile.h"
#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/interrupt.h"
#include "cmd/cli/print.h"
#include "machine/attach/capture.h"

#include <inttypes.h>
#include <string.h>

static const struct flag flag_count = { "count", 0, false, "PACKETS", "end after so many packets" };
static const struct flag flag_duration = { "duration", 0, false, "TIME",
					   "end after that time, such as 90s or 5m" };
static const struct flag flag_filter = { "filter", 0, false, "EXPRESSION",
					 "only packets that match, such as 'port 80'" };
static const struct flag flag_output = { "output", 'o', false, "FILE",
					 "file to write, else standard output" };
static const struct flag flag_snaplen = { "snaplen", 0, false, "BYTES",
					  "only so much of each packet" };
static const struct flag *const capture_flags[] = { &flag_count,   &flag_duration, &flag_filter,
						    &flag_replace, &flag_output,   &flag_snaplen,
						    NULL };

static void tell(const char *machine, const char *event)
{
	print_note("machine '%s' %s", machine, event);
}

static void tell_result(const struct capture_result *result)
{
	char dropped[96] = "";

	if (result->dropped)
		snprintf(dropped, sizeof dropped,
			 ", and %" PRIu64 " dropped, since they were not written in time",
			 result->dropped);
	print_note("%" PRIu64 " packet%s captured%s%s", result->captured,
		   result->captured == 1 ? "" : "s", dropped,
		   result->end == CAPTURE_GONE      ? "; the machine has ended"
		   : result->end == CAPTURE_REMOVED ? "; the machine has this nic no more"
		   : result->end == CAPTURE_CLOSED  ? "; nobody reads them any more"
						    : "");
}

static int read_flags(const struct call *call, struct machine_capture *wish, struct err *err)
{
	uint64_t snaplen;

	wish->filter = call_value(call, &flag_filter) ?: "";
	int r = call_number(call, &flag_count, 1, INT64_MAX, 0, &wish->count, err);
	if (r == 0)
		r = call_number(call, &flag_snaplen, 1, CAPTURE_SNAPLEN, CAPTURE_SNAPLEN, &snaplen,
				err);
	if (r == 0)
		r = call_seconds(call, &flag_duration, 0, &wish->seconds, err);
	if (r == 0)
		wish->snaplen = (unsigned)snaplen;
	return r;
}

/* The output could not be written; what came before is kept. */
static int fail_lost(const struct capture_result *result, const struct outfile *out,
		     struct err *err)
{
	return err_set(err, result->failure,
		       "write to %s%s%s: %s; the capture has ended, with %" PRIu64
		       " whole packet%s written",
		       out->path ? "'" : "", out->path ? out->path : "the output",
		       out->path ? "'" : "", strerror(result->failure), result->captured,
		       result->captured == 1 ? "" : "s");
}

static int capture_into(struct machine *machine, struct machine_capture *wish, struct outfile *out,
			struct err *err)
{
	struct capture_result result = { 0 };

	wish->out = out->fd;
	int r = machine_capture(machine, wish, &result, err);
	if (r == -EINVAL) {
		struct err why = *err;
		*err = (struct err){ 0 };
		err_set(err, EINVAL, "--filter cannot be '%.100s': %.200s; see pcap-filter(7)",
			wish->filter, why.text);
		return EXIT_USAGE;
	}
	if (r == 0)
		r = outfile_keep(out, err);
	if (r == 0 && result.end == CAPTURE_LOST)
		return fail_lost(&result, out, err);
	if (r == 0)
		tell_result(&result);
	return r;
}

static int run_capture(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_outfile struct outfile out = { .fd = -1 };
	struct machine_capture wish = { .nic = call->count > 1 ? call->words[1] : NULL,
					.tell = tell };
	const char *path = call_value(call, &flag_output);
	const struct outfile_spec file = { .path = path ? path : "-",
					   .what = "packets",
					   .mode = 0600,
					   .force = call_has(call, &flag_replace) };

	int r = read_flags(call, &wish, err);
	if (r == 0)
		r = open_named(&machine, call, call->words[0], err);
	if (r == 0)
		r = machine_check(&machine, err);
	if (r == 0)
		r = machine_capture_check(&machine, &wish, err);
	if (r == 0)
		r = outfile_open(&out, &file, err);
	if (r != 0)
		return r;
	scoped_fd int signals = interrupt_descriptor(0, err);
	wish.stop_fd = signals;
	return signals < 0 ? signals : capture_into(&machine, &wish, &out, err);
}

const struct command command_capture = {
	.traits = COMMAND_LOOKS,
	.name = "capture",
	.args = "MACHINE [NIC]",
	.help = "Write the packets that a machine sends and receives, for wireshark or tcpdump",
	.flags = capture_flags,
	.min = 1,
	.max = 2,
	.first = WORD_MACHINE,
	.rest = WORD_NIC,
	.run = run_capture,
};
