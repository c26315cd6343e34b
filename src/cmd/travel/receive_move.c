/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The receiving side of a move: one session, in which the sender asks for one step after the other. Each answer comes
 * when its step is on the disk. A session that breaks off leaves a machine that is arriving, and the next one goes on.
 */
#include "cmd/travel/placement.h"
#include "cmd/travel/receiving.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "cmd/cli/print.h"
#include "machine/data/data.h"
#include "machine/life/life.h"
#include "machine/manage/moving.h"
#include "machine/start/start.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	STEP_SECONDS = 600,   /* the sender stops its machine, or looks for what has changed */
	EARLIER_SECONDS = 20, /* for the session before, whose connection has broken */
	BOOT_SECONDS = 180,
	RETURNED = 1, /* the machine is the sender's again, which is told the cause */
};

struct session {
	struct call *call;
	const struct greeting *greeting;
	char name[64];
	bool there;
	struct move_mark mark; /* of the machine here, or to be */
	struct move_mark had;  /* what it has; MOVE_NONE: it is this host's, or is not here */
	bool runs;
	struct import_spec spec;
	struct words words; /* owned */
	char *pool;         /* owned; of a new machine */
};

static int flush(struct err *err)
{
	return fflush(stdout) == 0 ? 0
				   : err_set(err, EIO, "write to the sender: %s", strerror(errno));
}

/* ---- Before anything comes */

static int look(struct session *session, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct machine_status status;

	session->had = (struct move_mark){ 0 };
	session->runs = false;
	if (!session->there)
		return 0;
	if (machine_look(&machine, &session->call->dirs, session->name, err) < 0 ||
	    move_read(&machine, &session->had, err) < 0)
		return -err->code;
	machine_status(&machine, NULL, &status);
	session->runs = !machine_is_down(status.state);
	if (!session->pool)
		session->pool = strdup(machine.config.pool);
	return session->pool ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* A machine that is this host's own gives way only if that was said. */
static int check_own(const struct session *session, struct err *err)
{
	if (!session->there || session->had.phase == MOVE_ARRIVING)
		return 0;
	if (session->had.phase != MOVE_NONE)
		return err_set(err, EBUSY, "machine '%s' there is itself on a move to host '%s'",
			       session->name, session->had.host);
	if (session->runs)
		return err_set(
			err, EBUSY,
			"machine '%s' runs there already; it has the identity of the one that "
			"is to move",
			session->name);
	return session->spec.force
		       ? 0
		       : err_set(err, EEXIST,
				 "machine '%s' is there already, as a copy; --force lets its root "
				 "give way",
				 session->name);
}

/* The first visit may make the default pool and network, as for any new machine; a dry run makes nothing. */
static int find_place(struct session *session, bool dry, struct err *err)
{
	struct call *call = session->call;
	const char *pool = call_value(call, &flag_pool);

	if (session->there)
		return !pool || strcmp(pool, session->pool) == 0
			       ? 0
			       : err_set(err, EEXIST,
					 "machine '%s' is there already, in pool '%s'; leave out "
					 "--pool",
					 session->name, session->pool);
	if (dry)
		return pool_named(call, &session->pool, err);
	int r = pool_wanted(call, &session->pool, err);
	return r != 0 ? r
		      : placement_network(call, &session->words, &session->greeting->settings, err);
}

static int check(struct session *session, struct err *err)
{
	const struct greeting *greeting = session->greeting;
	bool dry = strcmp(greeting->dry, "yes") == 0;
	uint64_t size = 0;

	if (!greeting->settings.length)
		return err_set(err, E2BIG, "the settings of machine '%s' are too long to be sent",
			       greeting->name);
	if (check_own(session, err) < 0)
		return -err->code;
	int r = find_place(session, dry, err);
	if (r != 0)
		return r;
	text_to_u64(greeting->size, 0, UINT64_MAX, &size);
	session->spec.pool = session->pool;
	session->spec.coming = text_str(&greeting->volumes);
	session->spec.detached = strcmp(greeting->detached, "yes") == 0;
	return moving_check(&session->call->dirs, &session->spec, &greeting->settings,
			    session->there ? 0 : size, !dry && session->had.phase == MOVE_ARRIVING,
			    err);
}

/* A copy of this host's becomes the base of what comes. */
static int claim(struct session *session, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	if (!session->there || strcmp(session->greeting->dry, "yes") == 0)
		return 0;
	return machine_open(&machine, &session->call->dirs, session->name, err) < 0
		       ? -err->code
		       : moving_claim(&machine, &session->mark, err);
}

static int offer(struct session *session, struct err *err)
{
	const char *state = !session->there                       ? "absent"
			    : session->had.phase == MOVE_NONE     ? "here"
			    : session->had.phase == MOVE_ARRIVING ? "arriving"
								  : "leaving";

	printf(WIRE_RECEIVER "\nname %s\nmachine %s\nstate %s\nruns %s\n", session->name,
	       session->there ? "yes" : "no", state, session->runs ? "yes" : "no");
	if (*session->had.token)
		printf("token %s\n", session->had.token);
	if (session->there && receiving_offer(&session->call->dirs, session->name, err) < 0)
		return -err->code;
	printf("\n");
	return flush(err);
}

/* From the first copy on, the settings are on the disk, and increments leave them as they are. */
static void settings_are_there(struct session *session)
{
	session->there = true;
	session->spec.settings = (struct settings){ 0 };
}

/* ---- The steps, in the order in which the sender asks for them */

static int step_take(struct session *session, char *words, struct err *err)
{
	const char *prefix = strsep(&words, " ");
	const char *kept = words ? words : "";

	if (!text_starts(prefix, MOVE_COPIES) || (*kept && text_label_fault(kept)))
		return err_set(err, EBADMSG, "the sender does not say what comes");
	int r = receiving_stream(session->call, &session->spec, true, err);
	fault_point("move-taken");
	if (r == 0 && *kept)
		receiving_drop(&session->call->dirs, session->name, prefix, kept);
	if (r == 0)
		settings_are_there(session);
	return r == 0 ? flush(err) : r;
}

static int answer(const struct session *session, struct err *err)
{
	printf("done %s\n", session->name);
	return flush(err);
}

/* Reads and forgets, so that the sender can measure the rate. */
static int step_probe(struct session *session, char *words, struct err *err)
{
	const struct pump_spec far_end = { .fd = STDIN_FILENO,
					   .seconds = STEP_SECONDS,
					   .framed = true };
	static char bytes[64 << 10];
	struct pump pump;

	(void)words;
	int r = pump_from(&pump, &far_end);
	if (r < 0)
		return err_set(err, -r, "start a process: %s", strerror(-r));
	while (read(pump.fd, bytes, sizeof bytes) > 0)
		;
	return pump_end(&pump) < 0 ? err_set(err, EIO, "the sender broke off")
				   : answer(session, err);
}

static int step_have(struct session *session, char *words, struct err *err)
{
	(void)words;
	return look(session, err) < 0 ? -err->code : offer(session, err);
}

static int give_back(const char *why, struct err *err)
{
	printf("returned %.1500s\n", why);
	return flush(err) < 0 ? -err->code : RETURNED;
}

static int step_accept(struct session *session, char *words, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct err why = { 0 };

	(void)words;
	if (machine_open(&machine, &session->call->dirs, session->name, err) < 0)
		return -err->code;
	if (moving_accept(&machine, session->mark.token, &why) == 0)
		return answer(session, err);
	/* A removal that may not be durable is taken back. */
	if (why.code != EREMOTE && moving_return(&machine, &session->mark, err) < 0)
		return -err->code;
	return give_back(why.text, err);
}

static int step_start(struct session *session, char *words, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	scoped_text struct text warning = { 0 };
	struct err why = { 0 };
	struct err unused = { 0 };

	(void)words;
	if (machine_open(&machine, &session->call->dirs, session->name, err) < 0)
		return -err->code;
	int r = machine_start(&machine, NULL, &warning, &why);
	fault_point("move-started");
	/* A machine that did not start has changed nothing, and the sender's root is as good as this one. */
	if (r < 0)
		return moving_return(&machine, &session->mark, &unused) < 0
			       ? err_set(err, why.code, "%s", why.text)
			       : give_back(why.text, err);
	if (machine_wait_booted(&machine, BOOT_SECONDS, err) < 0)
		return -err->code;
	char *rest = warning.data;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (*line)
			printf("note %s\n", line);
	}
	return answer(session, err);
}

static int step_finish(struct session *session, char *prefix, struct err *err)
{
	scoped_machine struct machine machine = { 0 };
	struct err ignored = { 0 };

	if (!text_starts(prefix, MOVE_COPIES))
		return err_set(err, EBADMSG, "the sender does not say what is to go");
	receiving_drop(&session->call->dirs, session->name, prefix, "");
	if (machine_look(&machine, &session->call->dirs, session->name, &ignored) == 0)
		data_settle_arrived(&machine);
	return answer(session, err);
}

/* A machine that is arriving goes; one that was handed over and does not run stays, marked as the sender's again. */
static int step_release(struct session *session, char *words, struct err *err)
{
	scoped_machine struct machine machine = { 0 };

	(void)words;
	if (look(session, err) < 0)
		return -err->code;
	if (!session->there)
		return answer(session, err);
	if (machine_open(&machine, &session->call->dirs, session->name, err) < 0)
		return -err->code;
	bool arriving = session->had.phase == MOVE_ARRIVING;
	int r = arriving ? moving_discard(&machine, session->mark.token, err)
			 : moving_return(&machine, &session->mark, err);
	session->there = !arriving;
	return r < 0 ? r : answer(session, err);
}

static const struct step {
	const char *word;
	int (*take)(struct session *session, char *words, struct err *err);
} steps[] = {
	{ "take", step_take },   { "have", step_have },     { "accept", step_accept },
	{ "start", step_start }, { "finish", step_finish }, { "release", step_release },
	{ "probe", step_probe },
};

static int take_step(struct session *session, char *line, struct err *err)
{
	char *words = line;
	const char *word = strsep(&words, " ");
	char none[1] = "";

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (strcmp(steps[i].word, word) == 0)
			return steps[i].take(session, words ? words : none, err);
	}
	return err_set(err, EPROTO, "the sender asks for '%.40s', which this version does not know",
		       word);
}

static int serve(struct session *session, struct wire *wire, struct err *err)
{
	char line[WIRE_LINE];
	int r;

	wire->seconds = STEP_SECONDS;
	while ((r = wire_read(wire, line)) > 0) {
		if (take_step(session, line, err) < 0)
			return -err->code;
	}
	return r < 0 ? err_set(err, -r, "the sender broke off: %s", strerror(-r)) : 0;
}

/* Only the phase in which copies come can be refused; later ones ask what has become of the machine. */
static int begin(struct session *session, struct err *err)
{
	if (look(session, err) < 0)
		return -err->code;
	if (strcmp(session->greeting->phase, "copying") != 0)
		return offer(session, err);
	int r = check(session, err);
	/* Settings that need --trust were refused without it; from here on all come as they are. */
	session->spec.trust = true;
	if (r == 0)
		r = claim(session, err);
	if (r == 0 && session->there)
		settings_are_there(session);
	return r != 0 ? r : offer(session, err);
}

/*
 * The session before, whose connection has broken, ends soon. A command of this host that moves the machine away does
 * not: it may even be the one that waits for us, if its host is this one.
 */
static int lock_session(const struct session *session, struct err *err)
{
	const struct dirs *dirs = &session->call->dirs;
	scoped_machine struct machine machine = { 0 };
	struct move_mark had = { 0 };
	int lock = move_lock(dirs, session->name, 0, err);

	if (lock != -EBUSY)
		return lock;
	struct err busy = *err;
	*err = (struct err){ 0 };
	if (session->there && machine_look(&machine, dirs, session->name, &busy) == 0 &&
	    move_read(&machine, &had, &busy) == 0 && had.phase != MOVE_ARRIVING)
		return err_set(err, EBUSY,
			       "machine '%s' is just being moved away from there; if that is by "
			       "this command, it is on that host already",
			       session->name);
	return move_lock(dirs, session->name, EARLIER_SECONDS, err);
}

int receive_move(struct call *call, const struct greeting *greeting, struct wire *wire,
		 struct err *err)
{
	struct session session = {
		.call = call,
		.greeting = greeting,
		.mark = { .phase = MOVE_ARRIVING },
	};

	strcpy(session.mark.token, greeting->move);
	strcpy(session.mark.host, greeting->host);
	session.spec = (struct import_spec){
		.name = session.name,
		.trust = call_has(call, &flag_receive_trust),
		.force = call_has(call, &flag_receive_force),
		.arriving = &session.mark,
	};
	if (receiving_name(&call->dirs, greeting, session.name, &session.there, err) < 0)
		return -err->code;
	scoped_fd int lock = lock_session(&session, err);
	int r = lock < 0 ? lock : settings_given(call, false, &session.words, err);
	if (r == 0)
		r = settings_check(&session.words, err);
	session.spec.settings = settings_of(&session.words);
	if (r == 0)
		r = begin(&session, err);
	if (r == 0)
		r = serve(&session, wire, err);
	settings_free(&session.words);
	free(session.pool);
	return r;
}
