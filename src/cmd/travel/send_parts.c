/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A send that was cut goes on behind the last part that the other side has on its disk. Both sides name the whole of
 * what is sent by a sum, the plan; another plan begins anew.
 */
#include "cmd/travel/send.h"

#include "base/scoped.h"
#include "cmd/cli/progress.h"
#include "machine/manage/halfway.h"
#include "machine/manage/manage.h"

#include <poll.h>
#include <string.h>

enum {
	PART_FIRST = 16 << 20, /* bytes; later ones take some seconds each */
	PART_SECONDS = 2,      /* of the rate that is allowed */
	WAIT_FIRST = 2,        /* seconds */
	WAIT_LONGEST = 64,
	SECOND = 1000, /* milliseconds */
};

/* The snapshot with that name is the one that is sent. */
static void use(struct sending *sending, const char *name)
{
	struct synced *synced = &sending->synced;

	if (name != synced->name)
		snprintf(synced->name, sizeof synced->name, "%s", name);
	synced->taken = true;
	sending->spec.root = synced->name;
	if (synced->stays)
		sending->spec.keep = synced->name;
}

/* Whether the other side has parts of what is to be sent. */
static int is_known(struct sending *sending, bool *known, struct err *err)
{
	if (machine_export_plan(sending->machine, &sending->spec, sending->plan, err) < 0)
		return -err->code;
	*known = *sending->offer.plan && strcmp(sending->plan, sending->offer.plan) == 0;
	return 0;
}

static int take(struct sending *sending, struct err *err)
{
	const bool both = sending->spec.volumes && sending->machine->config.volumes;
	int r = sending->synced.stays || both ? 1 : machine_export_copies(sending->machine, err);

	if (r <= 0)
		return r;
	if (synced_take(&sending->synced, sending->machine, err) < 0)
		return -err->code;
	use(sending, sending->synced.name);
	return 0;
}

/* A snapshot that an earlier command has left is used if the other side has parts of it; else it goes. */
static int choose_snapshot(struct sending *sending, bool *known, struct err *err)
{
	struct synced *synced = &sending->synced;
	const struct export_spec before = sending->spec;
	char left[64], greeted[64];
	struct err useless = { 0 };

	strcpy(greeted, synced->name);
	if (synced_left(synced, sending->machine, &sending->offer, left, err) < 0)
		return -err->code;
	if (*left) {
		use(sending, left);
		/* A snapshot that was taken without a volume cannot be sent, and is of no use. */
		if (is_known(sending, known, &useless) < 0)
			*known = false;
		if (*known)
			return synced->stays && strcmp(left, greeted) != 0 ? SEND_AGAIN : 0;
		synced_settle(synced, sending->machine, false);
		synced->taken = false;
		sending->spec = before;
		sending->spec.root = NULL;
		strcpy(synced->name, greeted);
	}
	return take(sending, err) < 0 ? -err->code : is_known(sending, known, err);
}

/* Bytes of the first part. */
static uint64_t first_part(const struct sending *sending)
{
	const uint64_t allowed = sending->rate * PART_SECONDS;

	if (sending->part)
		return sending->part;
	if (!allowed || allowed > PART_FIRST)
		return PART_FIRST;
	return allowed < SEND_PART_LEAST ? SEND_PART_LEAST : allowed;
}

static void begin_behind(struct sending *sending)
{
	const struct offer *offer = &sending->offer;

	sending->behind = (struct export_point){
		.sum = offer->sum,
		.volumes = offer->volumes,
		.point = offer->point,
		.bytes = offer->bytes,
	};
	sending->spec.behind = &sending->behind;
	sending->at = offer->bytes;
}

int send_prepare(struct sending *sending, struct err *err)
{
	bool known = false;
	int r;

	sending->parts = sending->offer.parts;
	sending->spec.behind = NULL;
	if (!sending->parts)
		return 0;
	if (sending->offer.busy)
		return err_set(err, EAGAIN,
			       "host '%s' still holds an earlier connection of this send, which it "
			       "gives up after two minutes: send it again then",
			       sending->target.host);
	sending->at = 0;
	r = *sending->synced.prefix ? choose_snapshot(sending, &known, err)
				    : is_known(sending, &known, err);
	if (r != 0)
		return r;
	sending->spec.plan = sending->plan;
	sending->spec.limit = first_part(sending);
	if (known && *sending->offer.sum && !sending->anew)
		begin_behind(sending);
	/* From now on a cut is followed by a try that goes on. */
	sending->anew = false;
	return 0;
}

/* ---- After a cut */

static bool is_cut(const struct sending *sending, const struct err *err)
{
	return (err->code == EREMOTEIO && sending->far.cut) || err->code == ECONNRESET ||
	       err->code == EPIPE || err->code == ETIMEDOUT || err->code == EAGAIN;
}

bool send_waits(struct sending *sending, struct err *err)
{
	unsigned seconds = WAIT_FIRST;

	/* Its root was written to since its first parts: they are of no use. */
	if (err->code == ESTALE && sending->spec.behind && sending->retries) {
		sending->retries--;
		sending->anew = true;
		return true;
	}
	if (!is_cut(sending, err) || (!sending->at && err->code != EAGAIN) || !sending->retries)
		return false;
	for (unsigned i = sending->retries--; i < sending->retries_most && seconds < WAIT_LONGEST;
	     i++)
		seconds *= 2;
	for (; seconds > 0; seconds--) {
		if (progress_is_shown())
			progress_write("%s: trying again in %u s", err->text, seconds);
		poll(NULL, 0, SECOND);
	}
	if (progress_is_shown())
		progress_write("%s", "");
	return true;
}

int send_tell_rest(const struct sending *sending, struct err *err)
{
	const struct err why = *err;
	char size[32];

	if (!sending->at || (sending->sent && !sending->far.cut))
		return -err->code;
	text_human_size(sending->at, size, sizeof size);
	*err = (struct err){ 0 };
	return err_set(
		err, why.code,
		"%s; %s of it stay there, and within %d days the same command goes on behind "
		"them",
		why.text, size, HALFWAY_DAYS);
}
