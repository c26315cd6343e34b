/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/network.h"

#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/bridge.h"
#include "network/kind.h"
#include "network/lease_file.h"
#include "network/physical.h"
#include "network/subnet.h"
#include "network/subnet6.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>

char *network_conf_path(const struct dirs *dirs, const char *name)
{
	return dirs_state_path(dirs, "networks/%s/network.conf", name);
}

struct unfinished network_mark(const struct dirs *dirs, const char *name)
{
	return (struct unfinished){
		.dirs = dirs, .kind = "networks", .name = name, .file = "network.conf"
	};
}

static int is_network(const struct dirent *entry)
{
	return text_label_fault(entry->d_name) == NULL;
}

int network_list(const struct dirs *dirs, int (*visit)(void *, const char *name), void *context,
		 struct err *err)
{
	scoped_free char *folder = dirs_state_path(dirs, "networks");
	struct dirent **entries = NULL;
	int r = 0;

	if (!folder)
		return err_set(err, ENOMEM, "out of memory");
	int n = scandir(folder, &entries, is_network, alphasort);
	if (n < 0)
		return errno == ENOENT
			       ? 0
			       : err_set(err, errno, "list '%s': %s", folder, strerror(errno));
	for (int i = 0; i < n; i++) {
		struct unfinished mark = network_mark(dirs, entries[i]->d_name);
		if (r == 0 && !unfinished_is(&mark))
			r = visit(context, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r;
}

struct name_list {
	char *names[64]; /* owned */
	size_t count;
};

static int remember_name(void *context, const char *name)
{
	struct name_list *list = context;

	if (list->count + 1 < sizeof list->names / sizeof list->names[0])
		list->names[list->count++] = strdup(name);
	return 0;
}

static int tell_missing(const struct dirs *dirs, const char *name, struct err *err)
{
	struct name_list list = { 0 };
	struct err unsaid = { 0 };

	network_list(dirs, remember_name, &list, &unsaid);
	const char *near = text_nearest(name, (const char *const *)list.names);
	if (near)
		err_set(err, ENOENT, "there is no network '%s'; did you mean '%s'?", name, near);
	else
		err_set(err, ENOENT,
			"there is no network '%s'; 'berth network list' shows those that are "
			"there, "
			"'berth network create' makes one",
			name);
	for (size_t i = 0; i < list.count; i++)
		free(list.names[i]);
	return -err->code;
}

int network_tell_rest(const struct dirs *dirs, const char *name, struct err *err)
{
	struct unfinished mark = network_mark(dirs, name);
	scoped_free char *folder = dirs_state_path(dirs, "networks/%s", name);

	if (!folder || unfinished_is(&mark) || access(folder, F_OK) < 0)
		return tell_missing(dirs, name, err);
	return err_set(
		err, ENODATA,
		"network '%s' has lost its settings: bring back '%s/network.conf', or delete "
		"it with the addresses that machines hold on it: berth network delete --force "
		"%s",
		name, folder, name);
}

int network_check_name(const char *name, struct err *err)
{
	const char *fault = text_label_fault(name);

	return fault ? err_set(err, EINVAL, "network name '%.80s' %s", name, fault) : 0;
}

static int read_subnet6(struct network *network, struct err *err)
{
	const char *text = network->config.subnet6;
	struct subnet6 subnet;

	if (strcmp(text, "none") == 0)
		return 0;
	if (strcmp(text, "auto") == 0)
		return err_set(err, EINVAL,
			       "%s/network.conf: subnet6 is not drawn yet; write none there, and "
			       "then: berth network set %s subnet6=auto",
			       network->folder, network->name);
	if (subnet6_parse(text, &subnet) < 0)
		return err_set(err, EINVAL,
			       "%s/network.conf: subnet6 '%s' cannot be used; write one such as "
			       "fd00:1:2:3::/64, with 64 to 96 bits and no host bits set, or none",
			       network->folder, text);
	network->gateway6 = subnet6_gateway(&subnet);
	network->prefix6 = subnet.prefix;
	return 0;
}

/* A network that is not berth's own has only what its settings know of it. */
static void read_foreign(struct network *network)
{
	const struct network_config *config = &network->config;
	struct subnet subnet;
	struct subnet6 subnet6;

	if (*config->subnet && subnet_parse(config->subnet, &subnet) == 0) {
		network->subnet = subnet.network;
		network->prefix = subnet.prefix;
	}
	if (subnet6_parse(config->subnet6, &subnet6) == 0)
		network->prefix6 = subnet6.prefix;
	inet_pton(AF_INET, config->gateway, &network->gateway);
	inet_pton(AF_INET6, config->gateway6, &network->gateway6);
}

/* Gateway and prefix from the settings, which a person may have edited. */
static int read_subnet(struct network *network, struct err *err)
{
	struct subnet subnet;

	if (config_check_network(&network->config, err) < 0)
		return err_wrap(err, "%s/network.conf", network->folder);
	if (!config_is_own(&network->config)) {
		read_foreign(network);
		return 0;
	}
	if (subnet_parse(network->config.subnet, &subnet) < 0)
		return err_set(err, EINVAL,
			       "%s/network.conf: subnet '%s' cannot be used; write one such as "
			       "10.1.16.0/20, with 8 to 30 bits and no host bits set",
			       network->folder, network->config.subnet);
	if (!*network->config.bridge)
		return err_set(err, EINVAL, "%s/network.conf: no bridge is named", network->folder);
	network->subnet = subnet.network;
	network->gateway.s_addr = htonl(ntohl(subnet.network.s_addr) + 1);
	network->prefix = subnet.prefix;
	return read_subnet6(network, err);
}

int network_open(struct network *network, const struct dirs *dirs, const char *name,
		 struct err *err)
{
	scoped_free char *path = network_conf_path(dirs, name);

	*network = (struct network){ 0 };
	if (network_check_name(name, err) < 0)
		return -err->code;
	struct network opened = { .dirs = dirs,
				  .name = strdup(name),
				  .folder = dirs_state_path(dirs, "networks/%s", name) };
	if (!path || !opened.name || !opened.folder) {
		network_close(&opened);
		return err_set(err, ENOMEM, "out of memory");
	}
	struct err why = { 0 };
	int r = config_load(&network_schema, path, &opened.config, &why);
	if (r == -ENOENT)
		r = network_tell_rest(dirs, name, err);
	else if (r < 0)
		*err = why;
	else
		r = read_subnet(&opened, err);
	if (r < 0) {
		network_close(&opened);
		return r;
	}
	*network = opened;
	return 0;
}

void network_close(struct network *network)
{
	config_free(&network_schema, &network->config);
	free(network->name);
	free(network->folder);
	*network = (struct network){ 0 };
}

/* The lock is held meanwhile: a waiter then notices that the lock file has lost its name. */
static void remove_lock(const struct network *network)
{
	scoped_free char *path = dirs_run_path(network->dirs, "locks/network.%s", network->name);

	if (path)
		unlink(path);
}

static int refuse_leases(struct network *network, struct err *err)
{
	int leases = lease_file_count(network);
	char names[NAMES_ROOM];

	if (leases <= 0)
		return 0;
	bridge_names(network, false, names);
	return err_set(err, EBUSY,
		       "network '%s': %d machine%s an address there%s%s; delete %s first, set "
		       "another network for %s, or use --force",
		       network->name, leases, leases == 1 ? " has" : "s have", *names ? ": " : "",
		       names, leases == 1 ? "it" : "them", leases == 1 ? "it" : "them");
}

/* Marked first: from then on the network is gone, whatever is left of it. */
static int erase(const struct network *network, struct err *err)
{
	struct unfinished mark = network_mark(network->dirs, network->name);

	if (unfinished_undo(&mark, err) < 0)
		return -err->code;
	int r = remove_tree(AT_FDCWD, network->folder);
	network_remove_run(network);
	remove_lock(network);
	return r < 0 ? err_set(err, -r, "delete '%s': %s", network->folder, strerror(-r))
		     : unfinished_drop(&mark, err);
}

/* A network without readable settings; the name of its bridge is not known. */
static int delete_broken(const struct dirs *dirs, const char *name, struct err *err)
{
	scoped_network struct network network = { .dirs = dirs,
						  .name = strdup(name),
						  .folder = dirs_state_path(dirs, "networks/%s",
									    name) };

	if (!network.name || !network.folder)
		return err_set(err, ENOMEM, "out of memory");
	scoped_fd int lock = network_lock(&network, err);
	return lock < 0 ? lock : erase(&network, err);
}

/* Opens a network that is to be deleted. 0; 1: force deletes it although it cannot be read; or -code. */
static int open_doomed(struct network *network, const struct dirs *dirs, const char *name,
		       bool force, struct err *err)
{
	struct err why = { 0 };
	int r = network_open(network, dirs, name, &why);

	if (r < 0 && r != -ENOENT && force && network_check_name(name, err) == 0)
		return 1;
	return r < 0 ? err_set(err, why.code, "%s%s", why.text,
			       r == -ENOENT || r == -ENODATA
				       ? ""
				       : "; it can be deleted as it is with --force")
		     : 0;
}

/* Running machines come first, because --force is no way out for them. */
static int check_doomed(struct network *network, bool force, struct err *err)
{
	return kind_ops(network)->check_idle(network, err) < 0 ||
			       (!force && refuse_leases(network, err) < 0)
		       ? -err->code
		       : 0;
}

int network_check_delete(const struct dirs *dirs, const char *name, bool force, struct err *err)
{
	scoped_network struct network network = { 0 };
	int r = open_doomed(&network, dirs, name, force, err);

	return r == 0 ? check_doomed(&network, force, err) : r < 0 ? r : 0;
}

int network_delete(const struct dirs *dirs, const char *name, bool force, struct err *err)
{
	scoped_network struct network network = { 0 };
	int r = open_doomed(&network, dirs, name, force, err);

	if (r != 0)
		return r < 0 ? r : delete_broken(dirs, name, err);
	scoped_fd int lock = network_lock(&network, err);
	if (lock < 0)
		return lock;
	if (check_doomed(&network, force, err) < 0 || kind_ops(&network)->down(&network, err) < 0)
		return -err->code;
	/* An interface that a killed run has kept would be found by nobody any more. */
	if (config_is_physical(&network.config) && physical_recover(&network, err) < 0)
		return -err->code;
	return erase(&network, err);
}
