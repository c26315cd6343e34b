/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/travel/outgoing.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "cmd/cli/progress.h"
#include "machine/data/data.h"
#include "storage/storage.h"

#include <string.h>

enum { STALL_SECONDS = 60 };

struct shown {
	struct progress_bytes bytes;
	struct far *far;
	uint64_t before; /* bytes that the other side has from earlier streams */
	bool hears;
};

static void show(void *context, uint64_t bytes)
{
	struct shown *shown = context;

	/* The messages of the other side are read, so that they do not fill the pipe. */
	if (shown->hears)
		far_hear(shown->far);
	if (progress_is_shown())
		progress_show_bytes(&shown->bytes, shown->before + bytes);
}

static uint64_t size_in(const struct dirs *dirs, const char *pool_name, const char *kind,
			const char *name)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	char volume[VOLUME_NAME_MAX + 1];
	struct err ignored = { 0 };
	uint64_t used = 0;

	text_print(volume, sizeof volume, "%s.%s", kind, name);
	return pool_view(&pool, dirs, pool_name, &ignored) < 0 ||
			       volume_measure(&pool, volume, &used, &ignored) < 0
		       ? 0
		       : used;
}

uint64_t outgoing_volume_size(const struct dirs *dirs, const char *name)
{
	struct volume_config config = { 0 };
	uint64_t used = 0;

	if (data_open(dirs, name, &config, &(struct err){ 0 }) == 0)
		used = size_in(dirs, config.pool, "data", name);
	config_free(&volume_schema, &config);
	return used;
}

uint64_t outgoing_size(const struct machine *machine, bool volumes)
{
	uint64_t used = size_in(machine->dirs, machine->config.pool, "machine", machine->name);

	for (const struct section *at = machine->config.volumes; volumes && at; at = at->next)
		used += outgoing_volume_size(machine->dirs, at->name);
	return used;
}

int outgoing_stream(struct far *far, struct machine *machine, const struct export_spec *given,
		    uint64_t rate, bool framed, struct err *err)
{
	const struct pump_spec far_end = {
		.fd = far->to, .rate = rate, .seconds = STALL_SECONDS, .framed = framed
	};
	scoped_free char *doing = text_format("sending machine '%s'", machine->name);
	struct shown shown = { .bytes = { .doing = doing, .began = clock_ms() },
			       .far = far,
			       .hears = given->limit > 0,
			       .before = given->behind ? given->behind->bytes : 0 };
	struct export_spec spec = *given;
	struct pump pump;

	if (!doing)
		return err_set(err, ENOMEM, "out of memory");
	/* It is known only of a root that is sent as a whole. */
	if (progress_is_shown() && !spec.since && !spec.snapshots)
		shown.bytes.total = outgoing_size(machine, spec.volumes);
	int r = pump_to(&pump, &far_end);
	if (r < 0)
		return err_set(err, -r, "start a process: %s", strerror(-r));
	/* Only the process has the far end now, so that its end is the end of the stream. */
	if (!framed)
		scoped_close_fd(&far->to);
	spec.fd = pump.fd;
	spec.tick = progress_is_shown() || spec.limit ? show : NULL;
	spec.tick_context = &shown;
	r = machine_export(machine, &spec, err);
	if (pump_end(&pump) < 0 && r == 0)
		r = err_set(err, EPIPE, "host '%s' takes no more: the connection is broken",
			    far->host);
	if (progress_is_shown())
		progress_write("%s", "");
	return r;
}
