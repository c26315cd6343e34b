/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving side of send: it reads which machine comes, offers the snapshots that it has of it, and makes the machine
 * of the stream that follows, or brings it up to date. Its answers are lines on standard output.
 */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "base/uuid.h"
#include "cmd/cli/common.h"
#include "cmd/machine/wire.h"
#include "machine/manage/travel.h"
#include "machine/state/content.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { GREETING_SECONDS = 60, QUIET_SECONDS = 600 };

static const struct flag flag_receive_force = {
	"force", 'f', false, NULL, "let an increment replace the root of its machine"
};
static const struct flag flag_receive_trust = { "trust", 0, false, NULL,
						"keep settings that open it to this host" };
static const struct flag *const receive_flags[] = { &flag_receive_force, &flag_network,
						    &flag_pool,          &flag_set,
						    &flag_receive_trust, NULL };

/* The first words of the sender. */
struct greeting {
	char uuid[UUID_TEXT];
	char name[64];             /* of the machine there */
	char to[64];               /* the name that it is to have here; "": that of the sender */
	char prefix[64], kept[64]; /* snapshots of earlier sends begin so; the one that comes */
	struct text settings;      /* owned: its machine.conf; "": not told */
};

/* ---- What comes */

static void take_word(const char *line, const char *key, char *out, size_t room)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) == 0 && line[n] == ' ')
		text_print(out, room, "%s", line + n + 1);
}

static int check_greeting(const struct greeting *greeting, struct err *err)
{
	bool good = strlen(greeting->uuid) == UUID_TEXT - 1 && !text_label_fault(greeting->name) &&
		    (!*greeting->to || !text_label_fault(greeting->to)) &&
		    (!*greeting->kept || (!text_label_fault(greeting->kept) && *greeting->prefix &&
					  text_starts(greeting->kept, greeting->prefix)));

	return good ? 0 : err_set(err, EBADMSG, "the sender does not say which machine comes");
}

static int read_greeting(struct greeting *greeting, struct err *err)
{
	struct wire wire = { .fd = STDIN_FILENO, .seconds = GREETING_SECONDS };
	char line[WIRE_LINE];

	*greeting = (struct greeting){ 0 };
	int r = wire_read(&wire, line);
	if (r <= 0 || strcmp(line, WIRE_SENDER) != 0)
		return err_set(err, EPROTO,
			       "the sender is another version of berth, or no berth at all");
	while ((r = wire_read(&wire, line)) > 0 && *line) {
		take_word(line, "uuid", greeting->uuid, sizeof greeting->uuid);
		take_word(line, "name", greeting->name, sizeof greeting->name);
		take_word(line, "to", greeting->to, sizeof greeting->to);
		take_word(line, "prefix", greeting->prefix, sizeof greeting->prefix);
		take_word(line, "kept", greeting->kept, sizeof greeting->kept);
		if (text_starts(line, WIRE_SETTING))
			text_add(&greeting->settings, "%s\n", line + strlen(WIRE_SETTING));
	}
	if (greeting->settings.failed)
		return err_set(err, ENOMEM, "out of memory");
	return r <= 0 ? err_set(err, EPROTO, "the sender ended before it said which machine comes")
		      : check_greeting(greeting, err);
}

/* ---- What is here */

/* The name that the machine has or gets here. *there: it is the sender's machine, which can be brought up to date. */
static int choose_name(const struct dirs *dirs, const struct greeting *greeting, char name[64],
		       bool *there, struct err *err)
{
	char found[64];
	scoped_machine struct machine machine = { 0 };

	int r = machine_with_uuid(dirs, greeting->uuid, found, err);
	if (r < 0)
		return r;
	/* Under another name here, it is the same machine, unless a name was asked for. */
	if (*greeting->to)
		snprintf(name, 64, "%s", greeting->to);
	else
		snprintf(name, 64, "%s", *found ? found : greeting->name);
	*there = strcmp(found, name) == 0;
	if (*there || machine_look(&machine, dirs, name, &(struct err){ 0 }) < 0)
		return 0;
	return err_set(
		err, EEXIST,
		"another machine has the name '%s' there; send it under a free one: HOST:NAME",
		name);
}

static int offer_snapshots(const struct dirs *dirs, const char *name, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free struct snapshot_entry *list = NULL;
	struct content content;
	size_t count = 0;

	if (machine_look(&machine, dirs, name, err) < 0 ||
	    snapshot_list(&machine, &list, &count, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (content_find(&machine, list[i].name, list[i].volume_made, &content,
				 &(struct err){ 0 }) == 0)
			printf("snapshot %s\n", content.files);
	}
	return 0;
}

static int offer(const struct dirs *dirs, const char *name, bool there, struct err *err)
{
	printf(WIRE_RECEIVER "\nname %s\nmachine %s\n", name, there ? "yes" : "no");
	if (there && offer_snapshots(dirs, name, err) < 0)
		return -err->code;
	printf("\n");
	return fflush(stdout) == 0 ? 0 : err_set(err, EIO, "write the offer: %s", strerror(errno));
}

/* ---- The machine */

/* Snapshots that earlier sends to this host have left are no bases any more. */
static void drop_synced(const struct dirs *dirs, const char *name, const struct greeting *greeting)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free struct snapshot_entry *list = NULL;
	struct err ignored = { 0 };
	size_t count = 0;

	if (!*greeting->kept || machine_open(&machine, dirs, name, &ignored) < 0 ||
	    snapshot_list(&machine, &list, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (text_starts(list[i].name, greeting->prefix) &&
		    strcmp(list[i].name, greeting->kept) != 0)
			snapshot_delete(&machine, list[i].name, &(struct err){ 0 });
	}
}

static void print_answer(struct text *notes, const char *name)
{
	char *rest = notes->data;

	for (char *line; (line = strsep(&rest, "\n"));) {
		if (*line)
			printf("note %s\n", line);
	}
	printf("done %s\n", name);
}

/* A new machine that cannot be made here is refused before its contents come. */
static int check_settings(const struct dirs *dirs, const struct greeting *greeting,
			  const struct import_spec *given, const char *name, struct err *err)
{
	struct import_spec spec = *given;
	const struct stream_head head = { .name = (char *)(uintptr_t)greeting->name,
					  .uuid = (char *)(uintptr_t)greeting->uuid };

	spec.name = name;
	return greeting->settings.length
		       ? machine_import_check(dirs, &spec, &head, &greeting->settings, err)
		       : 0;
}

static int take(struct call *call, const struct import_spec *given, const char *name,
		struct err *err)
{
	const struct pump_spec far_end = { .fd = STDIN_FILENO, .seconds = QUIET_SECONDS };
	struct import_spec spec = *given;
	scoped_text struct text notes = { 0 };
	struct pump pump;
	char made[64];

	int r = pump_from(&pump, &far_end);
	if (r < 0)
		return err_set(err, -r, "start a process: %s", strerror(-r));
	spec.fd = pump.fd;
	spec.name = name;
	r = machine_import(&call->dirs, &spec, made, &notes, err);
	/* After a failure the process may still wait for the sender: it ends with this command. */
	if (r == 0 && pump_end(&pump) < 0)
		r = err_set(err, EIO, "the sender broke off behind the end of the stream");
	scoped_close_fd(&pump.fd);
	if (r == 0)
		print_answer(&notes, name);
	return r;
}

/* Prepares for a new machine: its pool, which the caller frees, its network and its settings. */
static int prepare_new(struct call *call, const struct greeting *greeting,
		       const struct words *words, const char *name, struct import_spec *spec,
		       char **pool, struct err *err)
{
	int r = pool_wanted(call, pool, err);

	if (r == 0 && !call_has(call, &flag_network))
		r = network_wanted(call, err);
	if (r != 0)
		return r;
	spec->pool = *pool;
	spec->settings = settings_of(words);
	return check_settings(&call->dirs, greeting, spec, name, err);
}

/* A machine that is here keeps its settings and its pool: words that would change them are refused, and not ignored. */
static int check_word(const struct machine *machine, const char *word, struct err *err)
{
	const char *equals = strchr(word, '=');
	scoped_free char *key = equals ? strndup(word, (size_t)(equals - word)) : NULL;
	scoped_text struct text has = { 0 };

	if (!key)
		return err_set(err, ENOMEM, "out of memory");
	if (config_get(&machine_schema, &machine->config, key, &has, err) < 0)
		return -err->code;
	if (strcmp(text_str(&has), equals + 1) == 0)
		return 0;
	return err_set(
		err, EEXIST,
		"machine '%s' is there already and keeps its settings: its %s is '%.200s', and "
		"not '%.200s'; leave that option out, or change it there: berth set %s",
		machine->name, key, text_str(&has), equals + 1, machine->name);
}

static int check_existing(const struct call *call, const struct words *words, const char *name,
			  struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	const char *pool = call_value(call, &flag_pool);

	if (machine_look(&machine, &call->dirs, name, err) < 0)
		return -err->code;
	for (size_t i = 0; i < words->count; i++) {
		if (check_word(&machine, words->list[i], err) < 0)
			return -err->code;
	}
	return pool && strcmp(pool, machine.config.pool) != 0
		       ? err_set(err, EEXIST,
				 "machine '%s' is there already, in pool '%s', and stays in it; "
				 "leave "
				 "out --pool",
				 name, machine.config.pool)
		       : 0;
}

static int receive_greeted(struct call *call, const struct greeting *greeting, struct err *err)
{
	struct import_spec spec = {
		.trust = call_has(call, &flag_receive_trust),
		.force = call_has(call, &flag_receive_force),
	};
	scoped_settings struct words words = { 0 };
	scoped_free char *pool = NULL;
	char name[64];
	bool there = false;

	if (choose_name(&call->dirs, greeting, name, &there, err) < 0)
		return -err->code;
	int r = settings_given(call, false, &words, err);
	if (r == 0)
		r = settings_check(&words, err);
	if (r == 0 && !there)
		r = prepare_new(call, greeting, &words, name, &spec, &pool, err);
	if (r == 0 && there)
		r = check_existing(call, &words, name, err);
	if (r == 0)
		r = offer(&call->dirs, name, there, err);
	if (r == 0)
		r = take(call, &spec, name, err);
	if (r == 0)
		drop_synced(&call->dirs, name, greeting);
	return r;
}

static int receive(struct call *call, struct err *err)
{
	struct greeting greeting = { 0 };
	int r = read_greeting(&greeting, err);

	if (r == 0)
		r = receive_greeted(call, &greeting, err);
	text_free(&greeting.settings);
	return r;
}

/* Errors go to the sender, which prints them: standard error is the user's terminal there. */
static int run_receive(struct call *call, struct err *err)
{
	if (isatty(STDIN_FILENO))
		return err_set(
			err, EINVAL,
			"standard input is a terminal, and 'berth receive' is what 'berth send' "
			"runs on the other host: berth send MACHINE HOST");
	signal(SIGPIPE, SIG_IGN);
	int r = receive(call, err);
	if (r == 0)
		return 0;
	for (char *c = err->text; *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	printf("error %s\n", err->text);
	*err = (struct err){ 0 };
	return EXIT_FAILED;
}

const struct command command_receive = {
	.name = "receive",
	.args = "",
	.help = "Take the machine that send sends; run by it on the other side",
	.flags = receive_flags,
	.run = run_receive,
};
