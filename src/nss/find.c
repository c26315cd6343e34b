/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nss/find.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* The state and the domain of berth where nothing else is set: base/dirs.c, config/keys_parts.c. */
static const char default_state[] = "/var/lib/berth", default_domain[] = "berth";

enum {
	FILE_MAX = 16 << 10, /* bytes of a lease file, and of a network's settings */
	NETWORKS_MAX = 4096, /* entries of the folder of networks that are read */
	LABEL_MAX = 63,
};

/* A label as names of machines have it; the result is in lower case. */
static bool read_label(const char *text, size_t length, char out[LABEL_MAX + 1])
{
	if (length == 0 || length > LABEL_MAX || text[0] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 'a' - 'A') : text[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
		out[i] = c;
	}
	out[length] = '\0';
	return true;
}

/* Splits "web.berth." into "web" and "berth"; domain is "" for a bare name. */
static bool read_name(const char *name, char label[LABEL_MAX + 1], char domain[NSS_NAME_MAX + 1])
{
	size_t length = strnlen(name, NSS_NAME_MAX + 2);
	const char *dot = strchr(name, '.');

	if (length > 0 && length <= NSS_NAME_MAX + 1 && name[length - 1] == '.')
		length--;
	if (length == 0 || length > NSS_NAME_MAX)
		return false;
	size_t first = dot && dot < name + length ? (size_t)(dot - name) : length;
	size_t rest = first < length ? length - first - 1 : 0;
	memcpy(domain, name + length - rest, rest);
	domain[rest] = '\0';
	return (first == length || rest > 0) && read_label(name, first, label);
}

/* Reads a file that is a regular one, no link, and not too large. The length of its text, or -1. */
static ssize_t read_text(int folder, const char *path, char text[FILE_MAX])
{
	int fd = openat(folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < FILE_MAX)
		n = pread(fd, text, FILE_MAX - 1, 0);
	close(fd);
	if (n < 0 || memchr(text, '\0', (size_t)n))
		return -1;
	text[n] = '\0';
	return n;
}

/* The key "domain" of a network's settings; "berth" if it is not there. */
static bool read_domain(int network, char domain[NSS_NAME_MAX + 1])
{
	char text[FILE_MAX], *line, *rest = text;

	if (read_text(network, "network.conf", text) < 0)
		return false;
	strcpy(domain, default_domain);
	while ((line = strsep(&rest, "\n"))) {
		line += strspn(line, " \t");
		if (strncmp(line, "domain", 6) != 0)
			continue;
		char *value = line + 6 + strspn(line + 6, " \t");
		if (*value++ != '=')
			continue;
		value += strspn(value, " \t");
		size_t length = strcspn(value, " \t\r");
		if (length > NSS_NAME_MAX)
			return false;
		memcpy(domain, value, length);
		domain[length] = '\0';
	}
	return true;
}

/* "web" and "berth" as one name; one that is too long is the bare label. */
static void join_name(const char *label, const char *domain, char out[NSS_NAME_MAX + 1])
{
	size_t first = strlen(label), second = strlen(domain);
	bool both = second > 0 && first + 1 + second <= NSS_NAME_MAX;

	memcpy(out, label, first + 1);
	if (!both)
		return;
	out[first] = '.';
	memcpy(out + first + 1, domain, second + 1);
}

static bool is_one_of(const char *label, const char *name, const char *alias)
{
	return name && (strcmp(name, label) == 0 || (alias && strcmp(alias, label) == 0));
}

/* A machine that asks the DHCP of a LAN for its address has this one in its lease file. */
static bool is_none(const char *address)
{
	return strcmp(address, "0.0.0.0") == 0;
}

/* Takes over the addresses of lines "ADDRESS NAME", or "ADDRESS NAME ALIAS", that have the label as one of the names. */
static void read_addresses(char *text, const char *label, int family, struct found *found)
{
	char *line, *rest = text;

	while (found->count < NSS_FOUND_MAX && (line = strsep(&rest, "\n"))) {
		char *address = strsep(&line, " "), *name = line ? strsep(&line, " ") : NULL;
		const char *alias = line ? strsep(&line, " ") : NULL;
		bool v4 = inet_pton(AF_INET, address, &found->addresses[found->count].is) == 1;
		bool v6 = !v4 &&
			  inet_pton(AF_INET6, address, &found->addresses[found->count].is) == 1;
		int its = v4 ? AF_INET : AF_INET6;

		if (!is_one_of(label, name, alias) || !(v4 || v6) || is_none(address) ||
		    (family != AF_UNSPEC && family != its))
			continue;
		found->addresses[found->count++].family = its;
	}
}

/* Looks for a machine in one network. domain: "" = any. */
static void look_in(int network, const char *label, const char *domain, int family,
		    struct found *found)
{
	char text[FILE_MAX], path[sizeof "aliases/" + LABEL_MAX], its[NSS_NAME_MAX + 1];
	size_t before = found->count;

	stpcpy(stpcpy(path, "names/"), label);
	ssize_t n = read_text(network, path, text);
	if (n < 0) {
		stpcpy(stpcpy(path, "aliases/"), label);
		n = read_text(network, path, text);
	}
	if (n < 0 || !read_domain(network, its) || (*domain && strcasecmp(domain, its) != 0))
		return;
	read_addresses(text, label, family, found);
	if (before == 0 && found->count > 0)
		join_name(label, its, found->name);
}

/*
 * Looks in one network for the lease that has an address. address: as hosts/ names it. v6: NULL, or the one asked for.
 */
static void look_back_in(int network, const char *address, const struct in6_addr *v6,
			 struct found *found)
{
	char text[FILE_MAX], path[sizeof "hosts/" + INET_ADDRSTRLEN], domain[NSS_NAME_MAX + 1];
	char label[LABEL_MAX + 1], *rest = text;
	struct in6_addr its;

	stpcpy(stpcpy(path, "hosts/"), address);
	if (read_text(network, path, text) < 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	strsep(&rest, ",");
	strsep(&rest, ",");
	char *name = strsep(&rest, ","), *six = rest;
	if (!name || !read_label(name, strlen(name), label) || !read_domain(network, domain))
		return;
	if (v6) {
		if (!six || *six++ != '[' || !strchr(six, ']'))
			return;
		*strchr(six, ']') = '\0';
		if (inet_pton(AF_INET6, six, &its) != 1 || !IN6_ARE_ADDR_EQUAL(&its, v6))
			return;
	}
	join_name(label, domain, found->name);
	found->count = 1;
}

static int open_networks(void)
{
	const char *root = secure_getenv("BERTH_ROOT");
	char path[4096];
	int n = root ? snprintf(path, sizeof path, "%s/lib/networks", root)
		     : snprintf(path, sizeof path, "%s/networks", default_state);

	return n < 0 || (size_t)n >= sizeof path ? -1
						 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Calls look for each network, until enough is found. */
static void each_network(void (*look)(int network, void *context), void *context,
			 const struct found *found, size_t enough)
{
	int fd = open_networks();
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char label[LABEL_MAX + 1];

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (int i = 0; i < NETWORKS_MAX && found->count < enough && (entry = readdir(folder));
	     i++) {
		if (!read_label(entry->d_name, strlen(entry->d_name), label))
			continue;
		int network = openat(dirfd(folder), entry->d_name,
				     O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (network < 0)
			continue;
		look(network, context);
		close(network);
	}
	closedir(folder);
}

struct search {
	const char *label, *domain;
	int family;
	struct found *found;
};

static void search_in(int network, void *context)
{
	const struct search *search = context;

	look_in(network, search->label, search->domain, search->family, search->found);
}

void nss_find(const char *name, int family, struct found *found)
{
	char label[LABEL_MAX + 1], domain[NSS_NAME_MAX + 1];
	struct search search = { label, domain, family, found };
	int kept = errno;

	found->count = 0;
	if (read_name(name, label, domain))
		each_network(search_in, &search, found, NSS_FOUND_MAX);
	errno = kept;
}

struct back {
	char address[INET_ADDRSTRLEN];
	const struct in6_addr *v6;
	struct found *found;
};

static void search_back_in(int network, void *context)
{
	const struct back *back = context;

	look_back_in(network, back->address, back->v6, back->found);
}

/* The last 32 bits of an IPv6 address are the IPv4 address, unless a user chose it. */
void nss_find_back(const void *address, int family, struct found *found)
{
	struct back back = { .v6 = family == AF_INET6 ? address : NULL, .found = found };
	const uint8_t *v4 = family == AF_INET6 ? (const uint8_t *)address + 12 : address;
	int kept = errno;

	found->count = 0;
	if (inet_ntop(AF_INET, v4, back.address, sizeof back.address))
		each_network(search_back_in, &back, found, 1);
	errno = kept;
}
