/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-scope: asks systemd for a machine's scope, and tells systemd-machined of its guest. It
 * links libsystemd, so that berth need not. Its standard input and output are the starter of one machine:
 *   berth-scope NAME UUID [UNIT SECONDS]
 * makes the scope UNIT around itself, says "ok" and lives until it has read the number of the guest's
 * init, or the end. Instead of "ok" it may say what failed, in a line.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define SYSTEMD "org.freedesktop.systemd1"
#define MANAGER SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager"
#define MACHINED \
	"org.freedesktop.machine1", "/org/freedesktop/machine1", "org.freedesktop.machine1.Manager"
#define BUS "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"

enum {
	EXISTS_TRIES = 500, /* of 10 ms: the last run's scope goes when its keeper is gone */
	JOB_SECONDS = 30,
};

struct job {
	char path[256];
	char result[32];
	bool done;
};

static int say(const char *what, int r, const sd_bus_error *error)
{
	printf("%s: %s\n", what, error && error->message ? error->message : strerror(-r));
	return EXIT_FAILURE;
}

static int job_removed(sd_bus_message *m, void *context, sd_bus_error *error)
{
	struct job *job = context;
	const char *path, *unit, *result;
	uint32_t id;

	(void)error;
	if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) >= 0 &&
	    strcmp(path, job->path) == 0) {
		snprintf(job->result, sizeof job->result, "%s", result);
		job->done = true;
	}
	return 0;
}

/*
 * The end of the scope: each process in it gets SIGURG, which only the keeper heeds; it asks the guest to halt, as for
 * any other stop. An enabled berth.service has stopped the machines in their order before that. Process 0 is the
 * caller.
 */
static int fill_in(sd_bus_message *m, const char *unit, const char *name, uint64_t seconds)
{
	char about[128];
	int r;

	snprintf(about, sizeof about, "Machine %s", name);
	if ((r = sd_bus_message_append(m, "ss", unit, "fail")) < 0 ||
	    (r = sd_bus_message_open_container(m, 'a', "(sv)")) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "Description", "s", about)) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "Slice", "s", "machine.slice")) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "Delegate", "b", 1)) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, 0)) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "TasksMax", "t", UINT64_MAX)) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "KillSignal", "i", SIGURG)) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "TimeoutStopUSec", "t", seconds * 1000000)) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "CollectMode", "s", "inactive-or-failed")) < 0 ||
	    (r = sd_bus_message_append(m, "(sv)", "Before", "as", 1, "berth.service")) < 0 ||
	    (r = sd_bus_message_close_container(m)) < 0)
		return r;
	return sd_bus_message_append(m, "a(sa(sv))", 0);
}

static int ask_once(sd_bus *bus, const char *unit, const char *name, uint64_t seconds,
		    struct job *job, sd_bus_error *error)
{
	sd_bus_message *request = NULL, *reply = NULL;
	const char *path;

	int r = sd_bus_message_new_method_call(bus, &request, MANAGER, "StartTransientUnit");
	if (r >= 0)
		r = fill_in(request, unit, name, seconds);
	if (r >= 0)
		r = sd_bus_call(bus, request, 0, error, &reply);
	if (r >= 0)
		r = sd_bus_message_read(reply, "o", &path);
	if (r >= 0)
		snprintf(job->path, sizeof job->path, "%s", path);
	sd_bus_message_unref(request);
	sd_bus_message_unref(reply);
	return r;
}

static int ask(sd_bus *bus, const char *unit, const char *name, uint64_t seconds, struct job *job,
	       sd_bus_error *error)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	int r = ask_once(bus, unit, name, seconds, job, error);

	for (int tries = 0;
	     tries < EXISTS_TRIES && r < 0 && sd_bus_error_has_name(error, SYSTEMD ".UnitExists");
	     tries++) {
		sd_bus_error_free(error);
		nanosleep(&pause, NULL);
		r = ask_once(bus, unit, name, seconds, job, error);
	}
	return r;
}

static int wait_for(sd_bus *bus, struct job *job)
{
	time_t end = time(NULL) + JOB_SECONDS;

	while (!job->done) {
		int r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, 1000000);
		if (r < 0 && r != -EINTR)
			return r;
		if (time(NULL) > end)
			return -ETIMEDOUT;
	}
	return strcmp(job->result, "done") == 0 ? 0 : -ECANCELED;
}

static int make_scope(sd_bus *bus, const char *unit, const char *name, uint64_t seconds)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	struct job job = { 0 };
	char what[256];

	snprintf(what, sizeof what, "ask systemd for the scope '%s'", unit);
	int r = sd_bus_match_signal(bus, NULL, MANAGER, "JobRemoved", job_removed, &job);
	if (r >= 0)
		r = ask(bus, unit, name, seconds, &job, &error);
	if (r >= 0)
		r = wait_for(bus, &job);
	if (r < 0)
		say(what, r, &error);
	sd_bus_error_free(&error);
	return r;
}

/* Whether the pids known here are those of the host, which they are not in another pid namespace. */
static bool numbers_are_the_hosts(sd_bus *bus)
{
	sd_bus_message *reply = NULL;
	const char *self;
	uint32_t pid = 0;

	if (sd_bus_get_unique_name(bus, &self) >= 0 &&
	    sd_bus_call_method(bus, BUS, "GetConnectionUnixProcessID", NULL, &reply, "s", self) >=
		    0)
		sd_bus_message_read(reply, "u", &pid);
	sd_bus_message_unref(reply);
	return pid == (uint32_t)getpid();
}

/* The leader of an entry cannot be changed, but after a reboot the machine has another one. */
static int enter_in_machined(sd_bus *bus, const char *name, const sd_id128_t *uuid, uint32_t leader)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *request = NULL;

	sd_bus_call_method(bus, MACHINED, "UnregisterMachine", NULL, NULL, "s", name);
	int r = sd_bus_message_new_method_call(bus, &request, MACHINED, "RegisterMachine");
	if (r >= 0)
		r = sd_bus_message_append(request, "s", name);
	if (r >= 0)
		r = sd_bus_message_append_array(request, 'y', uuid, sizeof *uuid);
	if (r >= 0)
		r = sd_bus_message_append(request, "ssus", "berth", "container", leader, "");
	if (r >= 0)
		r = sd_bus_call(bus, request, 0, &error, NULL);
	if (r < 0 && sd_bus_error_has_name(&error, SD_BUS_ERROR_SERVICE_UNKNOWN))
		r = 0;
	if (r < 0)
		say("enter the machine in systemd-machined", r, &error);
	sd_bus_error_free(&error);
	sd_bus_message_unref(request);
	return r;
}

int main(int argc, char **argv)
{
	sd_bus *bus = NULL;
	sd_id128_t uuid;
	uint32_t leader;

	if (argc != 3 && argc != 5) {
		fprintf(stderr, "%s: started by berth for each machine, not by hand\n", argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	int r = sd_bus_open_system(&bus);
	if (r < 0)
		return say("reach the system's D-Bus", r, NULL);
	if (argc == 5)
		r = make_scope(bus, argv[3], argv[1], strtoull(argv[4], NULL, 10));
	if (r < 0)
		return EXIT_FAILURE;
	puts("ok");
	if (scanf("%" SCNu32, &leader) == 1 && sd_id128_from_string(argv[2], &uuid) >= 0 &&
	    numbers_are_the_hosts(bus))
		r = enter_in_machined(bus, argv[1], &uuid, leader);
	if (r >= 0)
		puts("ok");
	sd_bus_flush_close_unref(bus);
	return r < 0;
}
