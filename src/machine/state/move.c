/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/state/move.h"

#include "machine/state/private.h"

#include "base/file.h"
#include "base/scoped.h"

#include <fcntl.h>
#include <string.h>

enum { MARK_MAX = 4096 };

static const char *const phases[] = {
	[MOVE_COPYING] = "copying",
	[MOVE_STOPPING] = "stopping",
	[MOVE_POOL_COPYING] = "pool-copying",
	[MOVE_POOL_STOPPING] = "pool-stopping",
	[MOVE_POOL_SWITCHING] = "pool-switching",
	[MOVE_HANDING] = "handing-over",
	[MOVE_MOVED] = "moved",
	[MOVE_ARRIVING] = "arriving",
};
enum { PHASES = sizeof phases / sizeof *phases };

const char *move_phase_name(enum move_phase phase)
{
	return (size_t)phase < PHASES ? phases[phase] : NULL;
}

bool move_is_of_pool(const struct move_mark *mark)
{
	return mark->phase >= MOVE_POOL_COPYING && mark->phase <= MOVE_POOL_SWITCHING;
}

/* ---- The file */

static void take(const char *line, const char *key, char *out, size_t room)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) == 0 && line[n] == ' ')
		text_print(out, room, "%s", line + n + 1);
}

static int parse(char *text, struct move_mark *mark)
{
	char phase[32] = "", ran[8] = "", volumes[8] = "";

	for (char *line; (line = strsep(&text, "\n"));) {
		take(line, "phase", phase, sizeof phase);
		take(line, "token", mark->token, sizeof mark->token);
		take(line, "host", mark->host, sizeof mark->host);
		take(line, "name", mark->name, sizeof mark->name);
		take(line, "pool", mark->pool, sizeof mark->pool);
		take(line, "from-pool", mark->from_pool, sizeof mark->from_pool);
		take(line, "ssh", mark->ssh, sizeof mark->ssh);
		take(line, "berth", mark->berth, sizeof mark->berth);
		take(line, "ran", ran, sizeof ran);
		take(line, "volumes", volumes, sizeof volumes);
		take(line, "boot", mark->boot, sizeof mark->boot);
	}
	for (size_t i = MOVE_COPYING; i < PHASES; i++) {
		if (strcmp(phases[i], phase) == 0)
			mark->phase = (enum move_phase)i;
	}
	mark->ran = strcmp(ran, "yes") == 0;
	mark->volumes_stay = strcmp(volumes, "stay") == 0;
	bool has_aim =
		move_is_of_pool(mark) ? *mark->pool && *mark->from_pool : *mark->host != '\0';
	return mark->phase == MOVE_NONE || strlen(mark->token) != UUID_TEXT - 1 || !has_aim
		       ? -EUCLEAN
		       : 0;
}

int move_read(const struct machine *machine, struct move_mark *mark, struct err *err)
{
	scoped_free char *path = machine_path(machine, "move");
	scoped_free char *text = NULL;

	*mark = (struct move_mark){ 0 };
	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	ssize_t n = file_read(AT_FDCWD, path, MARK_MAX, &text);
	if (n == -ENOENT || n == -ENOTDIR)
		return 0;
	if (n < 0)
		return err_set(err, (int)-n, "read '%s': %s", path, file_why((int)n));
	if (parse(text, mark) == 0)
		return 0;
	return err_set(
		err, EUCLEAN,
		"'%s' is damaged, so that it is not known on which of two hosts machine '%s' "
		"belongs; if no other host runs it, remove that file",
		path, machine->name);
}

int move_write(const struct machine *machine, const struct move_mark *mark, struct err *err)
{
	scoped_free char *path = machine_path(machine, "move");
	scoped_text struct text text = { 0 };

	text_add(&text, "phase %s\ntoken %s\n", phases[mark->phase], mark->token);
	if (move_is_of_pool(mark))
		text_add(&text, "pool %s\nfrom-pool %s\n", mark->pool, mark->from_pool);
	else
		text_add(&text, "host %s\n", mark->host);
	if (*mark->name)
		text_add(&text, "name %s\n", mark->name);
	if (*mark->ssh)
		text_add(&text, "ssh %s\n", mark->ssh);
	if (*mark->berth)
		text_add(&text, "berth %s\n", mark->berth);
	text_add(&text, "ran %s\n", mark->ran ? "yes" : "no");
	if (mark->volumes_stay)
		text_add(&text, "volumes stay\n");
	if (*mark->boot)
		text_add(&text, "boot %s\n", mark->boot);
	if (!path || text.failed)
		return err_set(err, ENOMEM, "out of memory");
	return file_replace(path, text_str(&text), text.length, 0600, err);
}

void move_set_ran(struct move_mark *mark, bool ran)
{
	mark->ran = ran;
	mark->boot[0] = '\0';
	if (ran)
		uuid_of_boot(mark->boot);
}

bool move_ran_in_this_boot(const struct move_mark *mark)
{
	char now[UUID_TEXT];

	uuid_of_boot(now);
	return mark->ran && *now && strcmp(now, mark->boot) == 0;
}

int move_drop(const struct machine *machine, struct err *err)
{
	scoped_free char *path = machine_path(machine, "move");

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, errno, "remove '%s': %s", path, strerror(errno));
	int r = file_sync_dir(machine->folder);
	return r < 0 ? err_set(err, -r, "write '%s': %s", machine->folder, strerror(-r)) : 0;
}

/* ---- The lock */

int move_lock(const struct dirs *dirs, const char *machine, unsigned seconds, struct err *err)
{
	char name[80], what[100];

	snprintf(name, sizeof name, "move.%.63s", machine);
	snprintf(what, sizeof what, "the move of machine '%.63s'", machine);
	return dirs_lock(dirs, name, seconds, what, err);
}

bool move_is_live(const struct machine *machine)
{
	scoped_free char *lock = dirs_run_path(machine->dirs, "locks/move.%s", machine->name);
	scoped_fd int fd = lock ? file_lock(lock, FILE_LOCK_LOOK) : -1;

	return fd == -EWOULDBLOCK;
}

/* ---- What may be done */

static int refuse_unsure(const struct machine *machine, const struct move_mark *mark,
			 struct err *err)
{
	return err_set(
		err, EREMOTE,
		"machine '%s' was being handed over to host '%s', which may run it: 'berth move %s "
		"%s' asks that host and goes on, and 'berth move --abort %s' takes it back if it "
		"does "
		"not run there",
		machine->name, mark->host, machine->name, mark->host, machine->name);
}

static int refuse_pool_move(const struct machine *machine, const struct move_mark *mark,
			    struct err *err)
{
	return err_set(
		err, EBUSY,
		"machine '%s' is just being moved to pool '%s'; end that 'berth pool move' to "
		"keep it in pool '%s'",
		machine->name, mark->pool, mark->from_pool);
}

/* Volumes of its name are in two pools, and the caller may have read the settings before the pool was changed. */
static int check_switching(const struct machine *machine, const struct move_mark *mark,
			   struct err *err)
{
	struct machine now = { .config = { 0 } };
	scoped_free char *conf = machine_path(machine, "machine.conf");

	if (!conf)
		return err_set(err, ENOMEM, "out of memory");
	int r = config_load(&machine_schema, conf, &now.config, err);
	bool same = r == 0 && strcmp(now.config.pool, machine->config.pool) == 0;
	bool switched = r == 0 && strcmp(now.config.pool, mark->pool) == 0;
	if (r == 0)
		config_free(&machine_schema, &now.config);
	if (r < 0)
		return r;
	if (!switched && move_is_live(machine))
		return refuse_pool_move(machine, mark, err);
	return same ? 0
		    : err_set(err, EBUSY, "machine '%s' has just moved to pool '%s'; try again",
			      machine->name, mark->pool);
}

int move_check(const struct machine *machine, struct err *err)
{
	struct move_mark mark;

	if (move_read(machine, &mark, err) < 0)
		return -err->code;
	switch (mark.phase) {
	case MOVE_NONE:
	case MOVE_COPYING:
	case MOVE_POOL_COPYING:
		return 0;
	case MOVE_POOL_STOPPING:
		return move_is_live(machine) ? refuse_pool_move(machine, &mark, err) : 0;
	case MOVE_POOL_SWITCHING:
		return check_switching(machine, &mark, err);
	case MOVE_STOPPING:
		return move_is_live(machine)
			       ? err_set(err, EBUSY,
					 "machine '%s' is just being moved to host '%s'; end that "
					 "'berth move' to keep it here",
					 machine->name, mark.host)
			       : 0;
	case MOVE_HANDING:
		return refuse_unsure(machine, &mark, err);
	case MOVE_MOVED:
		return err_set(
			err, EREMOTE,
			"machine '%s' was moved to host '%s': 'berth move %s %s' completes that, "
			"'berth delete %s' removes what is left here, and 'berth move --abort %s' "
			"takes it back if it does not run there",
			machine->name, mark.host, machine->name, mark.host, machine->name,
			machine->name);
	case MOVE_ARRIVING:
		return err_set(
			err, EREMOTE,
			"machine '%s' is arriving from host '%s', to which it belongs until 'berth "
			"move' there has handed it over; if that host is lost, 'berth move --abort "
			"--force %s' makes it this host's, as it came last; 'berth delete %s' "
			"removes it",
			machine->name, mark.host, machine->name, machine->name);
	}
	return 0;
}

/* A move that is over may have left volumes in a pool that cannot be reached. */
static int check_delete_in_pools(const struct machine *machine, const struct move_mark *mark,
				 bool force, struct err *err)
{
	if (move_is_live(machine))
		return refuse_pool_move(machine, mark, err);
	if (mark->phase != MOVE_POOL_SWITCHING || force)
		return 0;
	return err_set(
		err, EBUSY,
		"machine '%s' was being moved from pool '%s' to pool '%s', and volumes of it "
		"are in both; see why one of them is out of reach: berth pool list; --force "
		"leaves there what is there",
		machine->name, mark->from_pool, mark->pool);
}

int move_check_delete(const struct machine *machine, bool force, struct err *err)
{
	struct move_mark mark;

	if (move_read(machine, &mark, err) < 0) {
		if (!force)
			return -err->code;
		*err = (struct err){ 0 };
		return 0;
	}
	if (mark.phase == MOVE_NONE || mark.phase == MOVE_MOVED)
		return 0;
	if (move_is_of_pool(&mark))
		return check_delete_in_pools(machine, &mark, force, err);
	if (move_is_live(machine))
		return err_set(err, EBUSY,
			       mark.phase == MOVE_ARRIVING
				       ? "machine '%s' is just arriving from host '%s'; end the "
					 "'berth move' there first"
				       : "machine '%s' is just being moved to host '%s'; end that "
					 "'berth move' first",
			       machine->name, mark.host);
	return mark.phase == MOVE_HANDING && !force ? refuse_unsure(machine, &mark, err) : 0;
}

void move_tell(const struct machine *machine, const struct move_mark *mark, char *out, size_t room)
{
	const char *host = mark->host;
	bool live = move_is_live(machine);

	out[0] = '\0';
	switch (mark->phase) {
	case MOVE_NONE:
		break;
	case MOVE_COPYING:
	case MOVE_STOPPING:
		text_print(out, room,
			   live ? "it is being moved to host %s"
				: "its move to host %s was broken off; it belongs here",
			   host);
		break;
	case MOVE_POOL_COPYING:
	case MOVE_POOL_STOPPING:
	case MOVE_POOL_SWITCHING:
		text_print(
			out, room,
			live ? "it is being moved to pool %s"
			     : "its move to pool %s was broken off; the next command that changes "
			       "something ends that",
			mark->pool);
		break;
	case MOVE_HANDING:
		text_print(out, room,
			   live ? "it is being handed over to host %s"
				: "it was being handed over to host %s, which may run it",
			   host);
		break;
	case MOVE_MOVED:
		text_print(out, room, "it was moved to host %s", host);
		break;
	case MOVE_ARRIVING:
		text_print(out, room,
			   live ? "it is arriving from host %s"
				: "it was arriving from host %s, to which it belongs",
			   host);
		break;
	}
}
