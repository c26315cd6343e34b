/* SPDX-License-Identifier: GPL-2.0-or-later */
/* send: a machine to another host, by ssh; as an increment if both sides have a snapshot in common. */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/travel/outgoing.h"
#include "cmd/travel/send.h"
#include "cmd/travel/stream_file.h"
#include "cmd/travel/there.h"

#include <signal.h>
#include <string.h>

static const struct flag flag_keep_synced = {
	"keep-synced", 0, false, NULL, "leave a snapshot on both sides, for the next increment"
};
static const struct flag flag_send_snapshots = { "snapshots", 0, false, NULL,
						 "with its snapshots" };
static const struct flag flag_anew = { "anew", 0, false, NULL,
				       "from the beginning, also if an earlier send was cut" };
static const struct flag flag_part = {
	"part", 0, false, "SIZE", "bytes that the other side first writes to its disk, such as 1M"
};
static const struct flag flag_retries = {
	"retries", 0, false, "NUMBER", "how often a cut connection is made again; 6 if not given"
};
static const struct flag *const send_flags[] = {
	&flag_anew,           &flag_there,       &flag_compress,
	&flag_root_there,     &flag_keep_synced, &flag_network_there,
	&flag_leave_volumes,  &flag_part,        &flag_pool_there,
	&flag_rate,           &flag_retries,     &flag_set_there,
	&flag_send_snapshots, &flag_ssh,         &flag_threads,
	&flag_trust_there,    &flag_volumes_as,  NULL
};

static int greet(struct sending *sending, struct err *err)
{
	scoped_text struct text more = { 0 }, volumes = { 0 };
	const struct synced *synced = &sending->synced;

	text_add(&more, "resume %s\n", sending->anew ? "anew" : "yes");
	if (machine_export_volumes(sending->machine, &sending->spec, &volumes, err) < 0)
		return -err->code;
	offer_add_volumes(&volumes, &more);
	if (synced->stays && *synced->name)
		text_add(&more, "prefix %s\nkept %s\n", synced->prefix, synced->name);
	return offer_ask(&sending->far, sending->machine, sending->target.name, text_str(&more),
			 err);
}

/* The newest snapshot that both sides have. 1: the one that is to be sent is there already. */
static int choose_base(struct sending *sending, struct err *err)
{
	const struct offer *offer = &sending->offer;
	const char *host = sending->target.host;
	sending->spec.since = NULL;
	int r = offer_base(offer, sending->machine, sending->spec.snapshot, sending->since, err);

	if (r != 0 || !offer->there)
		return r;
	if (*sending->since) {
		sending->spec.since = sending->since;
		return 0;
	}
	return err_set(
		err, EEXIST,
		"host '%s' has machine '%s', and no snapshot in common with it that could be "
		"built on: delete it there, or send it under another name: %s:NAME",
		host, offer->name, host);
}

/* A far side that keeps no parts gets the root as it is at that moment, and none of its snapshots but what stays. */
static int take_whole(struct sending *sending, struct err *err)
{
	struct synced *synced = &sending->synced;

	if (!synced->stays)
		return 0;
	if (synced_take(synced, sending->machine, err) < 0)
		return -err->code;
	sending->spec.keep = synced->name;
	return 0;
}

static int transmit(struct sending *sending, struct err *err)
{
	struct machine *machine = sending->machine;
	struct synced *synced = &sending->synced;
	struct err failed = { 0 };
	int r = send_prepare(sending, err);

	if (r == 0 && !sending->parts)
		r = take_whole(sending, err);
	if (r != 0)
		return r;
	r = machine_export_check(machine, &sending->spec, err);
	if (r < 0) {
		synced_settle(synced, machine, false);
		return r;
	}
	bool sent = outgoing_stream(&sending->far, machine, &sending->spec, sending->rate, false,
				    &failed) == 0;
	sending->sent = sent;
	r = far_finish(&sending->far, sent, &failed, err);
	/* The other side knows only that no end came. */
	if (r < 0 && failed.code == ESTALE) {
		*err = failed;
		r = -ESTALE;
	}
	if (sending->far.at > sending->at)
		sending->retries = sending->retries_most, sending->at = sending->far.at;
	/*
	 * If all was sent and no answer came, the other side may have the snapshot, so that it stays here too; and so
	 * it does if the other side has parts of it.
	 */
	if (r == 0 || (!sent && !sending->at) || (err->code == EREMOTEIO && !sending->at))
		synced_settle(synced, machine, r == 0);
	return r;
}

static int connect_once(struct sending *sending, const struct far_spec *spec, struct err *err)
{
	const struct offer *offer = &sending->offer;

	sending->sent = false;
	if (far_open(&sending->far, sending->target.host, spec, err) < 0 ||
	    greet(sending, err) < 0 || offer_read(&sending->far, &sending->offer, err) < 0)
		return -err->code;
	int r = choose_base(sending, err);
	if (r <= 0)
		return r < 0 ? r : transmit(sending, err);
	print_note("host '%s' has snapshot '%s' of machine '%s' already: nothing is sent",
		   sending->target.host, sending->spec.snapshot, offer->name);
	snprintf(sending->far.done, sizeof sending->far.done, "%s", offer->name);
	return 0;
}

static int connect_and_send(struct sending *sending, const struct far_spec *spec, struct err *err)
{
	int r;

	while ((r = connect_once(sending, spec, err)) != 0) {
		/* If all was sent, the other side may be at work on it, unless it says that no end came. */
		if (r < 0 && ((sending->sent && !sending->far.cut) || !send_waits(sending, err)))
			break;
		*err = (struct err){ 0 };
		far_close(&sending->far);
	}
	return r < 0 ? send_tell_rest(sending, err) : r;
}

/* ---- The verb */

/* Volumes have come only if the snapshot was taken with them. */
static void tell_left(const struct sending *sending)
{
	const struct export_spec *spec = &sending->spec;
	scoped_text struct text volumes = { 0 };

	if (spec->volumes && spec->snapshot &&
	    machine_export_volumes(sending->machine, spec, &volumes, &(struct err){ 0 }) == 0 &&
	    !volumes.length)
		tell_left_volumes(sending->machine, "what was sent", false);
	else
		tell_left_volumes(sending->machine, "what was sent", spec->volumes);
}

static bool has_volume(void *context, const char *uuid)
{
	const struct sending *sending = context;

	return sending->offer.there && offer_has_volume(&sending->offer, uuid);
}

static bool has_content(void *context, const char *content)
{
	const struct sending *sending = context;

	return sending->offer.there && offer_has(&sending->offer, content);
}

static int send_machine(struct sending *sending, const char *words, struct err *err)
{
	const struct call *call = sending->call;
	const struct far_spec spec = {
		.ssh = call_value(call, &flag_ssh),
		.berth = call_value(call, &flag_there),
		.words = words,
	};

	if (machine_check(sending->machine, err) < 0 ||
	    machine_export_check(sending->machine, &sending->spec, err) < 0)
		return -err->code;
	const struct export_reader reader = { .has_volume = has_volume,
					      .has_content = has_content,
					      .context = sending,
					      .name = sending->target.host };
	sending->spec.reader = &reader;
	bool stays = call_has(call, &flag_keep_synced);
	if (stays && sending->spec.snapshot)
		sending->spec.keep = sending->spec.snapshot;
	if (!sending->spec.snapshot &&
	    synced_name(&sending->synced, sending->machine, &sending->target, stays, err) < 0)
		return -err->code;
	signal(SIGPIPE, SIG_IGN);
	int r = connect_and_send(sending, &spec, err);
	print_notes(&sending->far.notes);
	if (r == 0) {
		tell_left(sending);
		printf("%s\n", sending->far.done);
	}
	far_close(&sending->far);
	return r;
}

static int take_part(const struct call *call, uint64_t *part, struct err *err)
{
	const char *given = call_value(call, &flag_part);

	if (!given ||
	    (text_to_size(given, part) == 0 && *part >= SEND_PART_LEAST && *part <= SEND_PART_MOST))
		return 0;
	err_set(err, EINVAL, "--part cannot be '%.40s': it is bytes, from 64K to 1G, such as 1M",
		given);
	return EXIT_USAGE;
}

static int take_retries(const struct call *call, struct sending *sending, struct err *err)
{
	const char *given = call_value(call, &flag_retries);
	uint64_t wished = SEND_RETRIES;

	if (given && text_to_u64(given, 0, SEND_RETRIES_MOST, &wished) < 0) {
		err_set(err, EINVAL, "--retries cannot be '%.40s': it is a number from 0 to %d",
			given, SEND_RETRIES_MOST);
		return EXIT_USAGE;
	}
	sending->retries_most = sending->retries = (unsigned)wished;
	return 0;
}

static int run_send(struct call *call, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	char *snapshot;
	scoped_free char *name = name_split(call->words[0], &snapshot, err);
	scoped_text struct text words = { 0 };
	struct sending sending = { .call = call,
				   .machine = &machine,
				   .far = { .to = -1, .from = -1 } };

	if (!name)
		return -err->code;
	sending.spec.snapshot = snapshot;
	sending.spec.verb = "send";
	sending.anew = call_has(call, &flag_anew);
	sending.spec.snapshots = call_has(call, &flag_send_snapshots);
	sending.spec.volumes = !call_has(call, &flag_leave_volumes);
	sending.spec.volumes_anew = true;
	sending.synced.how = sending.spec.volumes ? SNAPSHOT_VOLUMES : 0;
	int r = name_check(name, err);
	if (r == 0 && snapshot)
		r = name_check(snapshot, err);
	if (r == 0)
		r = there_speed(call, &sending.rate, &sending.spec.press, err);
	if (r == 0)
		r = take_part(call, &sending.part, err);
	if (r == 0)
		r = take_retries(call, &sending, err);
	if (r == 0)
		r = there_words(call, &words, err);
	if (r == 0 && target_parse(call->words[1], &sending.target, err) < 0)
		r = EXIT_USAGE;
	if (r == 0)
		r = open_named(&machine, call, name, err);
	if (r == 0)
		r = send_machine(&sending, text_str(&words), err);
	offer_free(&sending.offer);
	target_free(&sending.target);
	return r;
}

const struct command command_send = {
	.name = "send",
	.args = "MACHINE[@SNAP] [USER@]HOST[:NAME]",
	.help = "Send a machine, running or not, to another host by ssh",
	.flags = send_flags,
	.min = 2,
	.max = 2,
	.first = WORD_MACHINE,
	.run = run_send,
};
