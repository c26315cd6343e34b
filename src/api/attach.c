/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tickets: what runs in a machine is talked to over a WebSocket, which the server opens. The router checks who asks for
 * what, and gives the server the command line with a number that nobody guesses.
 */
#include "api/body.h"
#include "api/look.h"
#include "api/verb.h"
#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/print.h"
#include "machine/life/life.h"
#include "machine/life/use.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* Seconds that the server keeps a ticket, words that it takes, and bytes of them in its head. */
enum { EXPIRES = 30, WORDS_MAX = 256, DESCRIPTION_MAX = 12 << 10, DRAWN = 32 };

/* Properties of the child, besides its words. */
struct kind {
	bool terminal, raw;
	bool starts; /* the verb starts a machine that is stopped */
};

/* 256 bits in the alphabet of base64 for addresses (RFC 4648, 5). */
static int draw_ticket(char ticket[RESPONSE_TICKET], struct err *err)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[DRAWN + 1] = { 0 };
	size_t count = 0;

	if (getrandom(bytes, DRAWN, 0) != DRAWN)
		return err_set(err, errno, "draw a ticket: %s", strerror(errno));
	for (size_t bit = 0; bit < DRAWN * 8; bit += 6) {
		unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
		ticket[count++] = letters[pair >> (10 - bit % 8) & 63];
	}
	ticket[count] = '\0';
	return 0;
}

/* A failure that can be known before the child is told with a status instead. */
static int check_machine(const struct exchange *exchange, const struct kind *kind, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct machine_status status = { 0 };
	const char *name = match_name(&exchange->match, "machine");

	if (machine_look(&machine, &exchange->call->dirs, name, err) < 0 ||
	    machine_check(&machine, err) < 0)
		return -err->code;
	machine_status(&machine, NULL, &status);
	/* A start, and the end of a pause, are changes. */
	bool changes = exchange->right == ACCESS_MANAGE && kind->starts;
	if (changes || use_is_idle(&machine))
		return 0;
	if (status.state == MACHINE_PAUSED && kind->starts)
		return err_set(
			err, EBUSY,
			"machine '%s' is paused; who manages it resumes it with: berth resume %s",
			name, name);
	if (!machine_is_down(status.state))
		return 0;
	return err_set(err, ESRCH, "machine '%s' is not running; start it with: berth start %s",
		       name, name);
}

static char *describe(const struct exchange *exchange, const struct argv *argv,
		      const struct kind *kind)
{
	json_t *words = json_array();

	for (size_t i = 0; i < argv->count; i++)
		json_array_append_new(words, json_string(argv->words[i]));
	json_t *description = json_members((const struct json_member[]){
		{ "argv", words },
		{ "terminal", json_boolean(kind->terminal) },
		{ "raw", json_boolean(kind->raw) },
		{ "as", json_text(exchange->request->user) },
		{ 0 },
	});
	char *text = json_dumps(description, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(description);
	return text;
}

static int give_ticket(struct exchange *exchange, const char *verb, const struct kind *kind,
		       struct err *err)
{
	struct response *response = exchange->response;
	scoped_argv struct argv argv = { 0 };

	/* Root has no right that could be taken away. */
	const char *user = exchange->request->user;
	verb_begin(exchange->call, &argv);
	if (user && strcmp(user, "root") != 0) {
		argv_add(&argv, "_attached");
		argv_add(&argv, "--");
		argv_add(&argv, "%s", user);
		argv_add(&argv, "%s", match_name(&exchange->match, "machine"));
	}
	if (match_verb(&exchange->match, exchange->request, verb, exchange->match.route->fields,
		       &argv, err) < 0 ||
	    check_machine(exchange, kind, err) < 0 || draw_ticket(response->ticket, err) < 0)
		return -err->code;
	response->attach = describe(exchange, &argv, kind);
	if (!response->attach)
		return err_set(err, ENOMEM, "out of memory");
	if (argv.count > WORDS_MAX || strlen(response->attach) > DESCRIPTION_MAX)
		return err_set(err, EINVAL,
			       "the command has more than %d words or %d bytes: put it into a file "
			       "of the machine, and run that",
			       WORDS_MAX, DESCRIPTION_MAX);
	response_succeed(response, json_pack("{s:s+,s:i}", "websocket", "/1.0/sockets/",
					     response->ticket, "expires", EXPIRES));
	if (response->status == 200)
		response->status = 201;
	return 0;
}

static int open_exec(struct exchange *exchange, struct err *err)
{
	const json_t *body = exchange->request->body;
	bool terminal = json_is_true(json_object_get(body, "terminal"));
	const char *verb = !json_object_get(body, "command") ? "shell -- {machine}"
			   : terminal                        ? "exec --tty -- {machine}"
							     : "exec --no-tty -- {machine}";

	if (body_check(body, exchange->match.route->fields, NULL, err) < 0)
		return -err->code;
	return give_ticket(exchange, verb, &(struct kind){ .terminal = terminal }, err);
}

static int open_console(struct exchange *exchange, struct err *err)
{
	if (body_check(exchange->request->body, exchange->match.route->fields, NULL, err) < 0)
		return -err->code;
	return give_ticket(exchange, "console -- {machine}", &(struct kind){ .terminal = true },
			   err);
}

static int open_desktop(struct exchange *exchange, struct err *err)
{
	if (body_check(exchange->request->body, exchange->match.route->fields, NULL, err) < 0)
		return -err->code;
	/* A listener starts no machine. */
	if (json_is_true(json_object_get(exchange->request->body, "sound")))
		return give_ticket(exchange, "desktop --sound -- {machine}",
				   &(struct kind){ .raw = true }, err);
	return give_ticket(exchange, "desktop --stdio --tell -- {machine}",
			   &(struct kind){ .raw = true, .starts = true }, err);
}

static const struct field exec_fields[] = {
	{ "command", FIELD_LIST, NULL, false },   { "cwd", FIELD_TEXT, "--cwd=", false },
	{ "env", FIELD_SET, "--env=", false },    { "terminal", FIELD_SWITCH, NULL, false },
	{ "user", FIELD_TEXT, "--user=", false }, { 0 },
};
static const struct field console_fields[] = {
	{ "force", FIELD_SWITCH, "--force", false },
	{ "readonly", FIELD_SWITCH, "--read-only", false },
	{ 0 },
};
static const struct field desktop_fields[] = {
	{ "client", FIELD_TEXT, "--client=", false },
	{ "sound", FIELD_SWITCH, NULL, false },
	{ "take", FIELD_SWITCH, "--take", false },
	{ "timeout", FIELD_TIME, "--timeout=", false },
	{ "view_only", FIELD_SWITCH, "--view-only", false },
	{ 0 },
};

const struct route attach_routes[] = {
	{ .method = "POST",
	  .path = "/1.0/machines/{machine}/console",
	  .needs = NEEDS_USE,
	  .fields = console_fields,
	  .run = open_console },
	{ .method = "POST",
	  .path = "/1.0/machines/{machine}/desktop",
	  .needs = NEEDS_USE,
	  .fields = desktop_fields,
	  .run = open_desktop },
	{ .method = "POST",
	  .path = "/1.0/machines/{machine}/exec",
	  .needs = NEEDS_USE,
	  .fields = exec_fields,
	  .run = open_exec },
	{ .method = "GET",
	  .path = "/1.0/machines/{machine}/picture",
	  .needs = NEEDS_USE,
	  .verb = "desktop --picture -- {machine}",
	  .type = "image/png",
	  .run = look_stream },
	{ 0 },
};
