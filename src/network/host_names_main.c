/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-names: tells systemd-resolved which server has the names of a link's domains, and that the link's server has no
 * others. It links libsystemd, so that berth need not:
 *   berth-names LINK SERVER DOMAIN...
 *   berth-names LINK                    forgets them
 * LINK is the number of a link, SERVER its IPv4 address. It says what failed, in a line on standard error. Its exit
 * status is 3 if there is no systemd-resolved for this network namespace: that of another one has other links by these
 * numbers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define RESOLVED "org.freedesktop.resolve1"
#define MANAGER  RESOLVED, "/org/freedesktop/resolve1", RESOLVED ".Manager"
#define BUS      "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"

enum { CALL_MICROSECONDS = 2000000, EXIT_ABSENT = 3 };

static int say(const char *what, int r, const sd_bus_error *error)
{
	fprintf(stderr, "%s: %s\n", what, error && error->message ? error->message : strerror(-r));
	return EXIT_FAILURE;
}

/* The process that has a name on the bus. 0: none has it; or -errno. */
static int owner_of(sd_bus *bus, const char *name, uint32_t *pid)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;

	*pid = 0;
	int r = sd_bus_call_method(bus, BUS, "GetConnectionUnixProcessID", &error, &reply, "s",
				   name);
	if (r >= 0)
		r = sd_bus_message_read(reply, "u", pid);
	else if (sd_bus_error_has_name(&error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		r = 0;
	sd_bus_error_free(&error);
	sd_bus_message_unref(reply);
	return r;
}

static bool has_our_links(uint32_t pid)
{
	char path[64];
	struct stat theirs, ours;

	snprintf(path, sizeof path, "/proc/%u/ns/net", pid);
	return stat(path, &theirs) == 0 && stat("/proc/self/ns/net", &ours) == 0 &&
	       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

/* 1: systemd-resolved runs, and its links are ours; 0; or -errno. Pids are compared first: the bus may number them apart. */
static int find_resolved(sd_bus *bus)
{
	const char *self;
	uint32_t pid, own;

	int r = sd_bus_get_unique_name(bus, &self);
	if (r < 0 || (r = owner_of(bus, self, &own)) < 0 || (r = owner_of(bus, RESOLVED, &pid)) < 0)
		return r;
	return pid && own == (uint32_t)getpid() && has_our_links(pid);
}

/* A call about the link with the arguments that fill adds. */
static int call(sd_bus *bus, const char *method, char **words,
		int (*fill)(sd_bus_message *, char **words), sd_bus_error *error)
{
	sd_bus_message *request = NULL;

	int r = sd_bus_message_new_method_call(bus, &request, MANAGER, method);
	if (r >= 0)
		r = sd_bus_message_set_auto_start(request, 0);
	if (r >= 0)
		r = sd_bus_message_append(request, "i", atoi(words[0]));
	if (r >= 0 && fill)
		r = fill(request, words);
	if (r >= 0)
		r = sd_bus_call(bus, request, 0, error, NULL);
	sd_bus_message_unref(request);
	return r;
}

static int fill_servers(sd_bus_message *m, char **words)
{
	struct in_addr address;
	int r;

	if (inet_pton(AF_INET, words[1], &address) != 1)
		return -EINVAL;
	if ((r = sd_bus_message_open_container(m, 'a', "(iay)")) < 0 ||
	    (r = sd_bus_message_open_container(m, 'r', "iay")) < 0 ||
	    (r = sd_bus_message_append(m, "i", AF_INET)) < 0 ||
	    (r = sd_bus_message_append_array(m, 'y', &address, sizeof address)) < 0 ||
	    (r = sd_bus_message_close_container(m)) < 0)
		return r;
	return sd_bus_message_close_container(m);
}

/* Each is for routing only: bare names are not searched in it. */
static int fill_domains(sd_bus_message *m, char **words)
{
	int r = sd_bus_message_open_container(m, 'a', "(sb)");

	for (char **word = words + 2; r >= 0 && *word; word++)
		r = sd_bus_message_append(m, "(sb)", *word, 1);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int fill_no_default(sd_bus_message *m, char **words)
{
	(void)words;
	return sd_bus_message_append(m, "b", 0);
}

static int fill_no(sd_bus_message *m, char **words)
{
	(void)words;
	return sd_bus_message_append(m, "s", "no");
}

/*
 * The server comes last but one: without the domains it would be asked for all names. dnsmasq has no signatures and no TLS
 * for its own names, whatever the host wants of other servers; a systemd-resolved that lacks a method wants none.
 */
static int set(sd_bus *bus, char **words, sd_bus_error *error)
{
	static const struct {
		const char *method;
		int (*fill)(sd_bus_message *, char **);
	} steps[] = {
		{ "SetLinkDefaultRoute", fill_no_default },
		{ "SetLinkDNSSEC", fill_no },
		{ "SetLinkDNSOverTLS", fill_no },
		{ "SetLinkDomains", fill_domains },
		{ "SetLinkDNS", fill_servers },
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < sizeof steps / sizeof *steps; i++) {
		r = call(bus, steps[i].method, words, steps[i].fill, error);
		if (r < 0 && sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_METHOD)) {
			sd_bus_error_free(error);
			r = 0;
		}
	}
	/* A resolver that did not answer is not asked again. */
	if (r < 0 && r != -ETIMEDOUT)
		call(bus, "RevertLink", words, NULL, NULL);
	return r;
}

int main(int argc, char **argv)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus *bus = NULL;

	if (argc < 2 || argc == 3) {
		fprintf(stderr, "%s: started by berth for each network, not by hand\n", argv[0]);
		return 2;
	}
	int r = sd_bus_open_system(&bus);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return EXIT_ABSENT;
	if (r < 0)
		return say("reach the system's D-Bus", r, NULL);
	sd_bus_set_method_call_timeout(bus, CALL_MICROSECONDS);
	r = find_resolved(bus);
	if (r == 0)
		return EXIT_ABSENT;
	if (r > 0)
		r = argc > 2 ? set(bus, argv + 1, &error)
			     : call(bus, "RevertLink", argv + 1, NULL, &error);
	if (r < 0)
		say("tell it over D-Bus", r, &error);
	sd_bus_error_free(&error);
	sd_bus_flush_close_unref(bus);
	return r < 0;
}
