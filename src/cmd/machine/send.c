/* SPDX-License-Identifier: GPL-2.0-or-later */
/* send: a machine to another host, by ssh; as an increment if both sides have a snapshot in common. */
#include "cmd/cli/verbs.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/uuid.h"
#include "cmd/cli/common.h"
#include "cmd/cli/print.h"
#include "cmd/cli/progress.h"
#include "cmd/machine/far.h"
#include "machine/manage/travel.h"
#include "machine/state/content.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum { STALL_SECONDS = 60, COMMON_MAX = 4096, SETTINGS_MAX = 4096 };

static const struct flag flag_there = { "berth", 0, false, "COMMAND",
					"berth's command there, such as 'sudo berth'" };
static const struct flag flag_send_compress = { "compress", 0, false, "METHOD",
						"lz4, zstd or none; lz4 if not given" };
static const struct flag flag_root_there = { "force", 'f', false, NULL,
					     "let the root of the machine there give way" };
static const struct flag flag_keep_synced = {
	"keep-synced", 0, false, NULL, "leave a snapshot on both sides, for the next increment"
};
static const struct flag flag_network_there = { "network", 0, false, "NETWORK",
						"network for its eth0 there" };
static const struct flag flag_pool_there = { "pool", 0, false, "POOL", "pool to keep it in there" };
static const struct flag flag_rate = { "rate", 0, false, "SIZE",
				       "most bytes a second, such as 10M" };
static const struct flag flag_set_there = { "set", 's', false, "KEY=VALUE",
					    "set a key of a new machine there, as create does" };
static const struct flag flag_send_snapshots = { "snapshots", 0, false, NULL,
						 "with its snapshots" };
static const struct flag flag_ssh = { "ssh", 'e', false, "COMMAND",
				      "the command that reaches the host, such as 'ssh -p 2222'" };
static const struct flag flag_trust_there = {
	"trust", 0, false, NULL, "let it keep settings that open it to the host there"
};
static const struct flag *const send_flags[] = {
	&flag_there,          &flag_send_compress, &flag_root_there,  &flag_keep_synced,
	&flag_network_there,  &flag_pool_there,    &flag_rate,        &flag_set_there,
	&flag_send_snapshots, &flag_ssh,           &flag_trust_there, NULL
};

struct sending {
	struct call *call;
	struct machine *machine; /* borrowed */
	struct target target;    /* owned */
	struct export_spec spec;
	struct far far;
	uint64_t rate;
	char prefix[64], synced[64]; /* of snapshots for this target; "": none is left */
	bool taken;                  /* the snapshot synced was taken by this command */
	bool there;                  /* the machine is there */
	char since[64];
	char name[64]; /* of the machine there, existing or new, as the other side says */
	bool is_there; /* and so is the snapshot that was asked for: nothing is to be sent */
	char (*offered)[UUID_TEXT]; /* owned: contents of snapshots that are there */
	size_t offers;
};

/* ---- Both sides */

/* A word for a shell on the other side, whatever is in it. */
static void add_quoted(struct text *words, const char *option, const char *value)
{
	text_add(words, "'%s", option);
	for (const char *c = value; *c; c++)
		text_add(words, *c == '\'' ? "'\\''" : "%c", *c);
	text_add(words, "' ");
}

/* Words for a shell on the other side; labels need no quotes. */
static int make_words(const struct call *call, struct text *words, struct err *err)
{
	const struct flag *const labels[] = { &flag_network_there, &flag_pool_there };

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		const char *value = call_value(call, labels[i]);
		if (value && *value && text_label_fault(value)) {
			err_set(err, EINVAL, "--%s cannot be '%.80s': it %s", labels[i]->name,
				value, text_label_fault(value));
			return EXIT_USAGE;
		}
		if (value)
			text_add(words, "--%s=%s ", labels[i]->name, value);
	}
	for (size_t i = 0; i < call->given_count; i++) {
		if (call->given[i].flag == &flag_set_there)
			add_quoted(words, "--set=", call->given[i].value);
	}
	if (call_has(call, &flag_root_there))
		text_add(words, "--force ");
	if (call_has(call, &flag_trust_there))
		text_add(words, "--trust ");
	return words->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* Adds the settings, so that the other side can refuse them before the contents come. Too long a line stays out with all others. */
static void add_settings(const struct machine *machine, struct text *words)
{
	scoped_text struct text lines = { 0 };
	scoped_free char *path = text_format("%s/machine.conf", machine->folder);
	scoped_free char *text = NULL;
	unsigned count = 0;

	if (!path || file_read(AT_FDCWD, path, CONFIG_FILE_MAX, &text) < 0)
		return;
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (strlen(line) + sizeof WIRE_SETTING >= WIRE_LINE || ++count > SETTINGS_MAX)
			return;
		for (char *c = line; *c; c++)
			*c = (char)(*c == '\t' ? ' ' : *c);
		text_add(&lines, WIRE_SETTING "%s\n", line);
	}
	text_add(words, "%s", text_str(&lines));
}

static int greet(struct sending *sending, struct err *err)
{
	struct text *words = &(struct text){ 0 };
	const struct machine *machine = sending->machine;

	text_add(words, WIRE_SENDER "\nuuid %s\nname %s\n", machine->config.uuid, machine->name);
	if (sending->target.name)
		text_add(words, "to %s\n", sending->target.name);
	if (*sending->synced)
		text_add(words, "prefix %s\nkept %s\n", sending->prefix, sending->synced);
	add_settings(machine, words);
	text_add(words, "\n");
	/* A program that has ended already has said why; the offer tells. */
	ssize_t n = words->failed ? -1 : write(sending->far.to, words->data, words->length);
	int code = words->failed ? ENOMEM : errno;
	text_free(words);
	return n < 0 && code != EPIPE ? err_set(err, code, "write to host '%s': %s",
						sending->target.host, strerror(code))
				      : 0;
}

static int note_offer(struct sending *sending, const char *content, struct err *err)
{
	if (sending->offers >= COMMON_MAX || strlen(content) != UUID_TEXT - 1)
		return 0;
	char(*list)[UUID_TEXT] = reallocarray(sending->offered, sending->offers + 1, sizeof *list);
	if (!list)
		return err_set(err, ENOMEM, "out of memory");
	sending->offered = list;
	memcpy(list[sending->offers++], content, UUID_TEXT);
	return 0;
}

static int read_offer(struct sending *sending, struct err *err)
{
	char key[32], value[WIRE_LINE];
	bool greeted = false;
	int r;

	while ((r = far_read(&sending->far, key, value, err)) > 0) {
		if (!greeted && (strcmp(key, "berth-receive") != 0 || strcmp(value, "1") != 0))
			return err_set(
				err, EPROTO,
				"host '%s': its berth is of another version, or its shell prints "
				"words of its own",
				sending->target.host);
		greeted = true;
		if (strcmp(key, "name") == 0 && !text_label_fault(value))
			snprintf(sending->name, sizeof sending->name, "%.63s", value);
		if (strcmp(key, "machine") == 0)
			sending->there = strcmp(value, "yes") == 0;
		if (strcmp(key, "snapshot") == 0 && note_offer(sending, value, err) < 0)
			return -err->code;
	}
	return r == 0 && !greeted
		       ? err_set(err, EPROTO, "host '%s' offers nothing", sending->target.host)
		       : r;
}

static bool is_offered(const struct sending *sending, const char *content)
{
	for (size_t i = 0; i < sending->offers; i++) {
		if (strcmp(sending->offered[i], content) == 0)
			return true;
	}
	return false;
}

/* The newest snapshot that both sides have, and that is not the one to be sent. */
static int choose_base(struct sending *sending, struct err *err)
{
	scoped_free struct snapshot_entry *list = NULL;
	const char *until = sending->spec.snapshot;
	struct content content;
	size_t count = 0;

	if (!sending->there)
		return 0;
	if (snapshot_list(sending->machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count && !sending->is_there; i++) {
		bool is_last = until && strcmp(list[i].name, until) == 0;
		bool known = content_find(sending->machine, list[i].name, list[i].volume_made,
					  &content, &(struct err){ 0 }) == 0 &&
			     is_offered(sending, content.files);
		sending->is_there = known && is_last;
		if (is_last)
			break;
		if (known)
			snprintf(sending->since, sizeof sending->since, "%s", list[i].name);
	}
	if (sending->is_there)
		return 0;
	if (*sending->since) {
		sending->spec.since = sending->since;
		return 0;
	}
	return err_set(
		err, EEXIST,
		"host '%s' has machine '%s', and no snapshot in common with it that could be "
		"built on: delete it there, or send it under another name: %s:NAME",
		sending->target.host, sending->name, sending->target.host);
}

/* ---- The snapshot that stays */

/* The host of a target as part of a name: synced-HOST-, cut, with a sum of the whole target. */
static void name_prefix(char prefix[64], const struct target *target, const char *where)
{
	const char *at = strrchr(target->host, '@');
	char host[24] = "";
	size_t n = 0;

	for (const char *c = at ? at + 1 : target->host; *c && n + 1 < sizeof host; c++) {
		bool fits = isalnum((unsigned char)*c);
		if (fits || (n > 0 && host[n - 1] != '-'))
			host[n++] = (char)(fits ? tolower((unsigned char)*c) : '-');
	}
	n -= n > 0 && host[n - 1] == '-';
	snprintf(prefix, 64, "synced-%.*s%s%08x-", (int)n, host, n ? "-" : "",
		 (unsigned)text_hash(where));
}

/* Each target has its own, so that the increments of one need nothing of another. */
static int name_synced(struct sending *sending, struct err *err)
{
	const struct target *target = &sending->target;
	scoped_free char *where =
		text_format("%s:%s", target->host, target->name ? target->name : "");
	time_t now = time(NULL);
	struct tm tm;
	char when[32];

	if (!where || !gmtime_r(&now, &tm) || !strftime(when, sizeof when, "%Y%m%d-%H%M%S", &tm))
		return err_set(err, ENOMEM, "out of memory");
	name_prefix(sending->prefix, target, where);
	/* An earlier send of the same second has the first name. */
	for (unsigned n = 1; n < 100; n++) {
		char number[8] = "";
		struct err absent = { 0 };
		if (n > 1)
			snprintf(number, sizeof number, "-%u", n);
		if (text_print(sending->synced, sizeof sending->synced, "%s%s%s", sending->prefix,
			       when, number) < 0)
			return err_set(err, EOVERFLOW, "the name of the snapshot is too long");
		if (snapshot_exists(sending->machine, sending->synced, &absent) < 0)
			return 0;
	}
	return err_set(err, EEXIST, "there are too many snapshots '%s%s'", sending->prefix, when);
}

static int take_synced(struct sending *sending, struct err *err)
{
	if (!*sending->synced)
		return 0;
	if (snapshot_take(sending->machine, sending->synced, err) < 0)
		return -err->code;
	sending->taken = true;
	sending->spec.keep = sending->synced;
	return 0;
}

/* arrived: the snapshot is the new common one, and those of earlier sends go; else it goes itself. */
static void settle_synced(struct sending *sending, bool arrived)
{
	scoped_free struct snapshot_entry *list = NULL;
	struct err ignored = { 0 };
	size_t count = 0;

	if (!sending->taken || snapshot_list(sending->machine, &list, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		bool is_new = strcmp(list[i].name, sending->synced) == 0;
		if (text_starts(list[i].name, sending->prefix) && is_new != arrived)
			snapshot_delete(sending->machine, list[i].name, &(struct err){ 0 });
	}
}

/* ---- The stream */

static void show(void *context, uint64_t bytes)
{
	progress_show_bytes(context, bytes);
}

/* The size of the whole stream, in bytes. It is known only of a root that is sent as a whole; else 0. */
static uint64_t estimate(const struct sending *sending)
{
	scoped_pool struct pool pool = { .use_fd = -1 };
	char volume[VOLUME_NAME_MAX + 1];
	struct err ignored = { 0 };
	uint64_t used = 0;

	if (sending->spec.since || sending->spec.snapshots || !progress_is_shown() ||
	    pool_open(&pool, sending->machine->dirs, sending->machine->config.pool, &ignored) < 0)
		return 0;
	text_print(volume, sizeof volume, "machine.%s", sending->machine->name);
	return volume_measure(&pool, volume, &used, &ignored) < 0 ? 0 : used;
}

static int stream(struct sending *sending, struct err *err)
{
	const struct pump_spec far_end = { .fd = sending->far.to,
					   .rate = sending->rate,
					   .seconds = STALL_SECONDS };
	scoped_free char *doing = text_format("sending machine '%s'", sending->machine->name);
	struct progress_bytes shown = { .doing = doing, .began = clock_ms() };
	struct pump pump;

	if (!doing)
		return err_set(err, ENOMEM, "out of memory");
	shown.total = estimate(sending);
	int r = pump_to(&pump, &far_end);
	if (r < 0)
		return err_set(err, -r, "start a process: %s", strerror(-r));
	/* Only the process has the far end now, so that its end is the end of the stream. */
	scoped_close_fd(&sending->far.to);
	sending->spec.fd = pump.fd;
	sending->spec.tick = progress_is_shown() ? show : NULL;
	sending->spec.tick_context = &shown;
	r = machine_export(sending->machine, &sending->spec, err);
	if (pump_end(&pump) < 0 && r == 0)
		r = err_set(err, EPIPE, "host '%s' takes no more: the connection is broken",
			    sending->target.host);
	if (progress_is_shown())
		progress_write("%s", "");
	return r;
}

static int transmit(struct sending *sending, struct err *err)
{
	struct err failed = { 0 };

	if (take_synced(sending, err) < 0)
		return -err->code;
	int r = machine_export_check(sending->machine, &sending->spec, err);
	if (r < 0) {
		settle_synced(sending, false);
		return r;
	}
	bool sent = stream(sending, &failed) == 0;
	r = far_finish(&sending->far, sent, &failed, err);
	/* If all was sent and no answer came, the other side may have the snapshot, so that it stays here too. */
	if (r == 0 || !sent || err->code == EREMOTEIO)
		settle_synced(sending, r == 0);
	return r;
}

static int connect_and_send(struct sending *sending, const struct far_spec *spec, struct err *err)
{
	if (far_open(&sending->far, sending->target.host, spec, err) < 0 ||
	    greet(sending, err) < 0 || read_offer(sending, err) < 0 ||
	    choose_base(sending, err) < 0)
		return -err->code;
	if (!sending->is_there)
		return transmit(sending, err);
	print_note("host '%s' has snapshot '%s' of machine '%s' already: nothing is sent",
		   sending->target.host, sending->spec.snapshot, sending->name);
	snprintf(sending->far.done, sizeof sending->far.done, "%s", sending->name);
	return 0;
}

/* ---- The verb */

static int read_flags(struct sending *sending, struct err *err)
{
	const struct call *call = sending->call;
	const char *rate = call_value(call, &flag_rate);
	const char *method = call_value(call, &flag_send_compress);
	int codec = method ? stream_codec_of(method) : STREAM_LZ4;

	if (codec < 0)
		err_set(err, EINVAL, "--compress cannot be '%.40s': it is lz4, zstd or none",
			method);
	else if (rate && (text_to_size(rate, &sending->rate) < 0 || sending->rate < 1024))
		err_set(err, EINVAL,
			"--rate cannot be '%.40s': it is bytes a second, 1K or more, such as 10M",
			rate);
	if (err->code)
		return EXIT_USAGE;
	sending->spec.verb = "send";
	sending->spec.codec = (enum stream_codec)codec;
	sending->spec.snapshots = call_has(call, &flag_send_snapshots);
	return 0;
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
	if (call_has(call, &flag_keep_synced)) {
		if (sending->spec.snapshot)
			sending->spec.keep = sending->spec.snapshot;
		else if (name_synced(sending, err) < 0)
			return -err->code;
	}
	signal(SIGPIPE, SIG_IGN);
	int r = connect_and_send(sending, &spec, err);
	print_notes(&sending->far.notes);
	if (r == 0)
		printf("%s\n", sending->far.done);
	far_close(&sending->far);
	return r;
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
	int r = name_check(name, err);
	if (r == 0 && snapshot)
		r = name_check(snapshot, err);
	if (r == 0)
		r = read_flags(&sending, err);
	if (r == 0)
		r = make_words(call, &words, err);
	if (r == 0 && target_parse(call->words[1], &sending.target, err) < 0)
		r = EXIT_USAGE;
	if (r == 0)
		r = open_named(&machine, call, name, err);
	if (r == 0)
		r = send_machine(&sending, text_str(&words), err);
	free(sending.offered);
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
