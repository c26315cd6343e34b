/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/aliases.h"

#include "base/file.h"
#include "base/scoped.h"
#include "network/dns.h"
#include "network/lease_file.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIAS_FILE_MAX = 1024 };

/* The machine of an alias, "" if there is no such alias. list: of the settings. */
static void find_machine(const char *list, const char *alias, char machine[64])
{
	size_t length = strlen(alias);

	machine[0] = '\0';
	for (const char *at = list; *at; at += strspn(at, " ")) {
		size_t word = strcspn(at, " ");
		if (word > length && strncmp(at, alias, length) == 0 && at[length] == '=')
			snprintf(machine, 64, "%.*s", (int)(word - length - 1), at + length + 1);
		at += word;
	}
}

/* Whether the alias is answered now, and by which text. */
static bool make_text(const struct network *network, const char *alias, struct text *text)
{
	char machine[64], address[INET6_ADDRSTRLEN];
	struct lease lease, other;

	find_machine(network->config.dns_aliases, alias, machine);
	if (!*machine || lease_file_find(network, alias, &other) == 0 ||
	    lease_file_find(network, machine, &lease) < 0)
		return false;
	if (lease.address.s_addr && inet_ntop(AF_INET, &lease.address, address, sizeof address))
		text_add(text, "%s %s %s\n", address, machine, alias);
	if (lease.prefix6 && inet_ntop(AF_INET6, &lease.address6, address, sizeof address))
		text_add(text, "%s %s %s\n", address, machine, alias);
	return text->length > 0;
}

/* dnsmasq ignores names that begin with a dot. */
static int write_file(const char *folder, const char *path, const struct text *text)
{
	scoped_free char *aside = text_format("%s/.new", folder);
	struct err unsaid = { 0 };

	if (!aside || text->failed)
		return -ENOMEM;
	if (file_replace(aside, text_str(text), text->length, 0644, &unsaid) < 0)
		return -unsaid.code;
	return chmod(aside, 0644) < 0 || rename(aside, path) < 0 ? -errno : 0;
}

/* *stale: dnsmasq may have an address that is not the alias's any more. */
static int settle_one(const struct network *network, const char *folder, const char *alias,
		      bool *stale)
{
	scoped_free char *path = text_format("%s/%s", folder, alias);
	scoped_free char *had = NULL;
	scoped_text struct text text = { 0 };

	if (!path)
		return -ENOMEM;
	bool is_there = file_read(AT_FDCWD, path, ALIAS_FILE_MAX, &had) >= 0;
	if (!make_text(network, alias, &text)) {
		*stale |= is_there;
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	}
	if (is_there && strcmp(had, text_str(&text)) == 0)
		return 0;
	*stale |= is_there;
	return write_file(folder, path, &text);
}

/* Files of aliases that the settings have no more. */
static int remove_others(const struct network *network, const char *folder, bool *stale)
{
	scoped_dir DIR *dir = opendir(folder);
	char machine[64];

	for (struct dirent *e; dir && (e = readdir(dir));) {
		if (text_label_fault(e->d_name))
			continue;
		find_machine(network->config.dns_aliases, e->d_name, machine);
		if (*machine)
			continue;
		if (unlinkat(dirfd(dir), e->d_name, 0) < 0 && errno != ENOENT)
			return -errno;
		*stale = true;
	}
	return 0;
}

int aliases_settle(const struct network *network)
{
	scoped_free char *folder = text_format("%s/aliases", network->folder);
	scoped_free char *list = strdup(network->config.dns_aliases);
	char *rest = list;
	struct err unsaid = { 0 };
	bool stale = false;
	int r = 0;

	if (!folder || !list)
		return -ENOMEM;
	if (*list && dns_make_aliases(network, &unsaid) < 0)
		return -unsaid.code;
	for (char *word; r == 0 && (word = strsep(&rest, " "));) {
		char *alias = strsep(&word, "=");
		if (*alias)
			r = settle_one(network, folder, alias, &stale);
	}
	if (r == 0)
		r = remove_others(network, folder, &stale);
	if (stale)
		dns_reload(network);
	return r;
}

int aliases_rename(struct network *network, const char *machine, const char *to, struct err *err)
{
	scoped_free char *path = text_format("%s/network.conf", network->folder);
	char *list = config_rename_aliased(network->config.dns_aliases, machine, to);

	if (!list)
		return 0;
	if (text_take(&network->config.dns_aliases, list) < 0 || !path)
		return err_set(err, ENOMEM, "out of memory");
	return config_record(&network_schema, path, &network->config,
			     (const char *const[]){ "dns.aliases", NULL }, err);
}
