/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving side of send: it reads which machine comes, offers the snapshots that it has of it, and makes the
 * machine of the stream that follows, or brings it up to date. Its answers are lines on standard output.
 */
#include "cmd/cli/verbs.h"

#include "base/scoped.h"
#include "cmd/travel/placement.h"
#include "cmd/travel/receiving.h"
#include "cmd/travel/stream_file.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { GREETING_SECONDS = 60 };

static const struct flag *const receive_flags[] = {
	&flag_receive_force, &flag_network,    &flag_pool, &flag_set,
	&flag_receive_trust, &flag_volumes_as, NULL
};

/* A new machine that cannot be made here is refused before its contents come. */
static int check_settings(const struct dirs *dirs, const struct greeting *greeting,
			  const struct import_spec *given, const char *name, struct err *err)
{
	struct import_spec spec = *given;
	const struct stream_head head = { .name = (char *)(uintptr_t)greeting->name,
					  .uuid = (char *)(uintptr_t)greeting->uuid,
					  .volumes =
						  (char *)(uintptr_t)text_str(&greeting->volumes) };

	spec.name = name;
	return greeting->settings.length
		       ? machine_import_check(dirs, &spec, &head, &greeting->settings, err)
		       : 0;
}

/* Prepares for a new machine: its pool, which the caller frees, its network and its settings. */
static int prepare_new(struct call *call, const struct greeting *greeting,
		       const struct words *words, const char *name, struct import_spec *spec,
		       char **pool, struct err *err)
{
	int r = pool_wanted(call, pool, err);

	if (r == 0)
		r = placement_network(call, words, &greeting->settings, err);
	if (r != 0)
		return r;
	spec->pool = *pool;
	spec->settings = settings_of(words);
	return check_settings(&call->dirs, greeting, spec, name, err);
}

static int offer(const struct dirs *dirs, const struct greeting *greeting, const char *name,
		 bool there, const char *pool, struct err *err)
{
	printf(WIRE_RECEIVER "\nname %s\nmachine %s\n", name, there ? "yes" : "no");
	if ((there && receiving_offer(dirs, name, err) < 0) ||
	    receiving_offer_part(dirs, greeting, name, pool, err) < 0)
		return -err->code;
	printf("\n");
	return fflush(stdout) == 0 ? 0 : err_set(err, EIO, "write the offer: %s", strerror(errno));
}

static int receive_greeted(struct call *call, const struct greeting *greeting, struct err *err)
{
	struct import_spec spec = {
		.trust = call_has(call, &flag_receive_trust),
		.force = call_has(call, &flag_receive_force),
		.resumable = *greeting->resume != '\0',
		.volumes_as = call_value(call, &flag_volumes_as),
	};
	scoped_settings struct words words = { 0 };
	scoped_free char *pool = NULL;
	char name[64];
	bool there = false;

	spec.name = name;
	if (receiving_name(&call->dirs, greeting, name, &there, err) < 0)
		return -err->code;
	int r = spec.volumes_as ? name_check(spec.volumes_as, err) : 0;
	if (r == 0)
		r = settings_given(call, false, &words, err);
	if (r == 0)
		r = settings_check(&words, err);
	if (r == 0 && !there)
		r = prepare_new(call, greeting, &words, name, &spec, &pool, err);
	if (r == 0 && there)
		r = receiving_check_kept(call, &words, name, err);
	if (r == 0)
		r = offer(&call->dirs, greeting, name, there, pool, err);
	if (r == 0)
		r = receiving_stream(call, &spec, false, err);
	if (r == 0 && *greeting->kept)
		receiving_drop(&call->dirs, name, greeting->prefix, greeting->kept);
	return r;
}

static int receive(struct call *call, struct err *err)
{
	struct wire wire = { .fd = STDIN_FILENO, .seconds = GREETING_SECONDS };
	struct greeting greeting = { 0 };
	int r = receiving_greeting(&wire, &greeting, err);

	if (r == 0 && *greeting.move)
		r = receive_move(call, &greeting, &wire, err);
	else if (r == 0)
		r = receive_greeted(call, &greeting, err);
	greeting_free(&greeting);
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
