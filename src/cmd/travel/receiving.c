/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/travel/receiving.h"

#include "base/scoped.h"
#include "machine/data/data.h"
#include "machine/manage/halfway.h"
#include "machine/state/content.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
	QUIET_SECONDS = 600,
	/* A sender that can come back is not waited for so long, since its next command needs the lock. */
	QUIET_PARTS = 120,
};

const struct flag flag_receive_force = { "force", 'f', false, NULL,
					 "let an increment replace the root of its machine" };
const struct flag flag_receive_trust = { "trust", 0, false, NULL,
					 "keep settings that open it to this host" };

/* ---- What comes */

static void take_word(const char *line, const char *key, char *out, size_t room)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) == 0 && line[n] == ' ')
		text_print(out, room, "%s", line + n + 1);
}

static int check_greeting(const struct greeting *greeting, struct err *err)
{
	bool good =
		strlen(greeting->uuid) == UUID_TEXT - 1 && !text_label_fault(greeting->name) &&
		(!*greeting->to || !text_label_fault(greeting->to)) &&
		(!*greeting->kept || (!text_label_fault(greeting->kept) && *greeting->prefix &&
				      text_starts(greeting->kept, greeting->prefix))) &&
		(!*greeting->move || (strlen(greeting->move) == UUID_TEXT - 1 && *greeting->host));

	return good ? 0 : err_set(err, EBADMSG, "the sender does not say which machine comes");
}

/* A line "volume NAME UUID". A bad one is found by whoever reads the list. */
static void take_volume(const char *line, struct text *volumes)
{
	if (text_starts(line, WIRE_VOLUME))
		text_add(volumes, "%s%s", volumes->length ? " " : "", line + strlen(WIRE_VOLUME));
}

void greeting_free(struct greeting *greeting)
{
	text_free(&greeting->settings);
	text_free(&greeting->volumes);
}

int receiving_greeting(struct wire *wire, struct greeting *greeting, struct err *err)
{
	char line[WIRE_LINE];

	*greeting = (struct greeting){ 0 };
	int r = wire_read(wire, line);
	if (r <= 0 || strcmp(line, WIRE_SENDER) != 0)
		return err_set(err, EPROTO,
			       "the sender is another version of berth, or no berth at all");
	while ((r = wire_read(wire, line)) > 0 && *line) {
		take_word(line, "uuid", greeting->uuid, sizeof greeting->uuid);
		take_word(line, "name", greeting->name, sizeof greeting->name);
		take_word(line, "to", greeting->to, sizeof greeting->to);
		take_word(line, "prefix", greeting->prefix, sizeof greeting->prefix);
		take_word(line, "kept", greeting->kept, sizeof greeting->kept);
		take_word(line, "move", greeting->move, sizeof greeting->move);
		take_word(line, "host", greeting->host, sizeof greeting->host);
		take_word(line, "phase", greeting->phase, sizeof greeting->phase);
		take_word(line, "size", greeting->size, sizeof greeting->size);
		take_word(line, "dry", greeting->dry, sizeof greeting->dry);
		take_word(line, "resume", greeting->resume, sizeof greeting->resume);
		take_word(line, "detached", greeting->detached, sizeof greeting->detached);
		take_volume(line, &greeting->volumes);
		if (text_starts(line, WIRE_SETTING))
			text_add(&greeting->settings, "%s\n", line + strlen(WIRE_SETTING));
	}
	if (greeting->settings.failed || greeting->volumes.failed)
		return err_set(err, ENOMEM, "out of memory");
	return r <= 0 ? err_set(err, EPROTO, "the sender ended before it said which machine comes")
		      : check_greeting(greeting, err);
}

/* ---- What is here */

int receiving_name(const struct dirs *dirs, const struct greeting *greeting, char name[64],
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

static void offer_contents(const char *folder, const struct snapshot_entry *list, size_t count)
{
	struct content content;

	for (size_t i = 0; i < count; i++) {
		if (content_find(folder, list[i].name, list[i].volume_made, &content,
				 &(struct err){ 0 }) == 0)
			printf("snapshot %s\n", content.files);
	}
}

/* A volume that cannot be read is as good as none: what comes of it is refused in words. */
static void offer_volume(const struct dirs *dirs, const char *name)
{
	scoped_free char *folder = data_folder(dirs, name);
	scoped_free struct snapshot_entry *list = NULL;
	scoped_pool struct pool pool = { 0 };
	struct volume_config config = { 0 };
	struct err ignored = { 0 };
	size_t count = 0;

	if (folder && data_open(dirs, name, &config, &ignored) == 0) {
		printf("data %s\n", config.uuid);
		if (pool_view(&pool, dirs, config.pool, &ignored) == 0 &&
		    data_snapshots(&pool, name, &list, &count, &ignored) == 0)
			offer_contents(folder, list, count);
	}
	config_free(&volume_schema, &config);
}

int receiving_offer(const struct dirs *dirs, const char *name, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free struct snapshot_entry *list = NULL;
	size_t count = 0;

	if (machine_look(&machine, dirs, name, err) < 0 ||
	    snapshot_list(&machine, &list, &count, err) < 0)
		return -err->code;
	offer_contents(machine.folder, list, count);
	for (const struct section *at = machine.config.volumes; at; at = at->next)
		offer_volume(dirs, at->name);
	return 0;
}

int receiving_offer_part(const struct dirs *dirs, const struct greeting *greeting, const char *name,
			 const char *pool, struct err *err)
{
	scoped_halfway struct halfway halfway = { 0 };
	const struct halfway_config *config = &halfway.config;

	if (!*greeting->resume)
		return 0;
	printf("parts yes\n");
	int r = halfway_load(&halfway, dirs, name, err);
	if (r < 0)
		return err->code ? r : 0;
	if (strcmp(config->uuid, greeting->uuid) == 0 && halfway_is_busy(dirs, name))
		printf("busy yes\n");
	if (strcmp(greeting->resume, "yes") != 0 || !*config->sum ||
	    strcmp(config->uuid, greeting->uuid) != 0 || halfway_is_expired(&halfway) ||
	    (pool && strcmp(config->pool, pool) != 0))
		return 0;
	printf("plan %s\nsum %s\nvolumes %" PRIu64 "\nbytes %" PRIu64 "\n", config->plan,
	       config->sum, config->volumes, config->bytes);
	if (*config->point)
		printf("point %s\n", config->point);
	return 0;
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

int receiving_check_kept(const struct call *call, const struct words *words, const char *name,
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

/* ---- The machine */

void receiving_drop(const struct dirs *dirs, const char *name, const char *prefix, const char *kept)
{
	scoped_machine struct machine machine = { 0 };
	scoped_free struct snapshot_entry *list = NULL;
	struct err ignored = { 0 };
	size_t count = 0;

	if (!*prefix || machine_open(&machine, dirs, name, &ignored) < 0 ||
	    snapshot_list(&machine, &list, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (text_starts(list[i].name, prefix) && strcmp(list[i].name, kept) != 0)
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

static void tell_part(void *context, uint64_t bytes)
{
	(void)context;
	printf("at %" PRIu64 "\n", bytes);
	fflush(stdout);
}

int receiving_stream(struct call *call, struct import_spec *spec, bool framed, struct err *err)
{
	const struct pump_spec far_end = { .fd = STDIN_FILENO,
					   .seconds = spec->resumable ? QUIET_PARTS : QUIET_SECONDS,
					   .framed = framed };
	scoped_text struct text notes = { 0 };
	struct pump pump;
	char made[64];

	int r = pump_from(&pump, &far_end);
	if (r < 0)
		return err_set(err, -r, "start a process: %s", strerror(-r));
	spec->fd = pump.fd;
	spec->told = tell_part;
	r = machine_import(&call->dirs, spec, made, &notes, err);
	/* The other side may go on, unless the stream itself was refused. */
	if (r < 0 && spec->resumable && pump_is_dry(&pump))
		printf("cut yes\n");
	/* After a failure the process may still wait for the sender: it ends with this command. */
	if (r == 0 && pump_end(&pump) < 0)
		r = err_set(err, EIO, "the sender broke off behind the end of the stream");
	scoped_close_fd(&pump.fd);
	if (r == 0)
		print_answer(&notes, spec->name);
	return r;
}
