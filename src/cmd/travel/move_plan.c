/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dry run of a move: the rate is measured with bytes that the other side forgets, what the machine writes by its
 * cgroup.
 */
#include "cmd/travel/move.h"

#include "base/clock.h"
#include "base/scoped.h"
#include "cmd/cli/estimate.h"
#include "cmd/travel/outgoing.h"
#include "machine/life/life.h"
#include "machine/life/run_state.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	PROBE_MILLISECONDS = 2000,
	STALL_SECONDS = 60,
	PROBE_PIECE = 64 << 10,
	PROBE_MAX = 256 << 20,
};

/* Bytes a second that go through, in *rate. */
static int measure_rate(struct moving *moving, uint64_t *rate, struct err *err)
{
	const struct pump_spec far_end = {
		.fd = moving->far.to, .rate = moving->rate, .seconds = STALL_SECONDS, .framed = true
	};
	static char bytes[PROBE_PIECE];
	scoped_text struct text line = { 0 };
	struct pump pump;
	uint64_t sent = 0;

	text_add(&line, "probe\n");
	/* Bytes that ssh cannot compress. */
	if (line.failed || getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return err_set(err, ENOMEM, "out of memory");
	if (far_write(&moving->far, &line, err) < 0)
		return -err->code;
	int64_t began = clock_ms();
	int r = pump_to(&pump, &far_end);
	if (r < 0)
		return err_set(err, -r, "start a process: %s", strerror(-r));
	while (sent < PROBE_MAX && clock_ms() - began < PROBE_MILLISECONDS) {
		ssize_t n = write(pump.fd, bytes, sizeof bytes);
		if (n < 0)
			break;
		sent += (uint64_t)n;
	}
	r = pump_end(&pump);
	if (far_answer(&moving->far, STALL_SECONDS, err) < 0)
		return -err->code;
	int64_t took = clock_ms() - began;
	*rate = sent * 1000 / (uint64_t)(took > 0 ? took : 1);
	return r < 0 || *rate == 0 ? err_set(err, EIO, "host '%s': the rate could not be measured",
					     moving->far.host)
				   : 0;
}

static void tell_last(uint64_t size, uint64_t writes, uint64_t rate)
{
	char written[32];

	text_human_size(writes, written, sizeof written);
	if (writes >= rate)
		printf("last copy: not bounded, because the machine writes %s a second, as much as "
		       "goes through\n",
		       written);
	else
		estimate_last(size, writes, rate);
}

static void tell_volume(const struct machine *machine, const char *name, bool goes)
{
	char size[32];

	text_human_size(outgoing_volume_size(machine->dirs, name), size, sizeof size);
	printf("volume: '%s', %s, %s\n", name, size, goes ? "goes with it" : "stays here");
}

int move_plan(struct moving *moving, struct err *err)
{
	struct machine *machine = moving->machine;
	const bool volumes = !moving->mark.volumes_stay;
	uint64_t rate = 0, size = outgoing_size(machine, volumes);
	bool running = run_alive(machine);
	char text[32];

	if (measure_rate(moving, &rate, err) < 0)
		return -err->code;
	text_human_size(rate, text, sizeof text);
	printf("machine: '%s', as '%s' on host '%s'\n", machine->name, moving->offer.name,
	       moving->target.host);
	for (const struct section *at = machine->config.volumes; at; at = at->next)
		tell_volume(machine, at->name, volumes);
	printf("rate: %s a second\n", text);
	if (*moving->last)
		printf("first copy: what has changed since snapshot '%s'\n", moving->last);
	else
		estimate_copy("first copy", size, rate);
	uint64_t writes = running ? estimate_writes(machine) : 0;
	if (!running)
		printf("stands still: it is stopped\n");
	else if (writes == MACHINE_USAGE_UNKNOWN)
		printf("stands still: not known, because nothing counts what the machine writes\n");
	else
		tell_last(*moving->last ? 0 : size, writes, rate);
	return 0;
}
