/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "machine/life/hosts.h"

#include "base/file.h"
#include "base/scoped.h"
#include "machine/state/nics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char alias_mark[] = "# by berth: alias of";

bool hosts_has_line(const char *line, size_t length)
{
	return memmem(line, length, alias_mark, sizeof alias_mark - 1) != NULL;
}

/* ---- The lines */

struct alias {
	const char *name, *machine;
};

/* Takes the next word ALIAS=MACHINE off the list, which it cuts to pieces. */
static bool next_alias(char **list, struct alias *alias)
{
	for (char *word; (word = strsep(list, " "));) {
		char *name = strsep(&word, "=");
		*alias = (struct alias){ name, word };
		if (*name && word)
			return true;
	}
	return false;
}

static void add_line(int family, const void *address, const struct alias *alias, const char *domain,
		     struct text *lines)
{
	char words[INET6_ADDRSTRLEN];

	if (!inet_ntop(family, address, words, sizeof words))
		return;
	text_add(lines, "%s\t%s", words, alias->name);
	if (*domain)
		text_add(lines, " %s.%s", alias->name, domain);
	text_add(lines, "\t%s %s\n", alias_mark, alias->machine);
}

static void add_alias(const struct alias *alias, struct network *network, struct text *lines)
{
	struct err unsaid = { 0 };
	struct lease lease;

	if (lease_find(network, alias->machine, &lease, &unsaid) < 0)
		return;
	if (lease.address.s_addr)
		add_line(AF_INET, &lease.address, alias, network->config.domain, lines);
	if (lease.prefix6)
		add_line(AF_INET6, &lease.address6, alias, network->config.domain, lines);
}

/* A machine that got the name of one of its aliases keeps it for itself. */
void hosts_lines(const struct machine *machine, struct text *lines)
{
	struct nic_view nics[NICS_MAX];
	size_t count = *machine->config.dns_aliases ? nics_of(machine, nics) : 0;

	for (size_t i = 0; i < count; i++) {
		scoped_network struct network network = { 0 };
		scoped_free char *list = strdup(machine->config.dns_aliases);
		struct err unsaid = { 0 };
		struct alias alias;
		char *rest = list;
		lines->failed |= !list;
		if (!list || network_open(&network, machine->dirs, nics[i].network, &unsaid) < 0)
			continue;
		while (next_alias(&rest, &alias)) {
			if (strcmp(alias.name, machine->name) != 0)
				add_alias(&alias, &network, lines);
		}
	}
}

int hosts_check(const struct machine *machine, struct err *err)
{
	scoped_free char *list = strdup(machine->config.dns_aliases);
	struct alias alias;
	char *rest = list;
	int r = list ? 0 : err_set(err, ENOMEM, "out of memory");

	while (r == 0 && next_alias(&rest, &alias)) {
		scoped_free char *other = text_format(" %s=", alias.machine);
		scoped_free char *all = text_format(" %s", machine->config.dns_aliases);
		if (!other || !all)
			r = err_set(err, ENOMEM, "out of memory");
		else if (strcmp(alias.name, machine->name) == 0 ||
			 strcmp(alias.name, "localhost") == 0)
			r = err_set(err, EINVAL,
				    "machine '%s' cannot have the alias '%s', by which it finds "
				    "itself; choose another",
				    machine->name, alias.name);
		else if (strstr(all, other))
			r = err_set(err, ELOOP,
				    "dns.aliases has '%s' as an alias and as the machine of '%s'; "
				    "an alias leads to a machine: name that one",
				    alias.machine, alias.name);
	}
	return r;
}

/* ---- The note of the lines that a running machine has */

static char *note_path(const struct machine *machine)
{
	return dirs_run_path(machine->dirs, "aliases/%s", machine->name);
}

int hosts_note(const struct machine *machine, const char *lines)
{
	scoped_free char *folder = dirs_run_path(machine->dirs, "aliases");
	scoped_free char *path = note_path(machine);
	struct err unsaid = { 0 };

	if (!folder || !path)
		return -ENOMEM;
	if (!*lines && !*machine->config.dns_aliases)
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (file_make_dirs(folder, 0700, &unsaid) < 0)
		return -unsaid.code;
	/* A note that is cut short by a kill has other lines, so that they are written again. */
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : file_write_all(fd, lines, strlen(lines), -1);
}

void hosts_forget(const struct machine *machine)
{
	scoped_free char *path = machine->config.dns_aliases && *machine->config.dns_aliases
					 ? note_path(machine)
					 : NULL;

	if (path)
		unlink(path);
}
