/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/network.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/bridge.h"
#include "network/lease_file.h"
#include "network/subnet.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { BRIDGE_NAMES = 16 };

static char *conf_path(const struct dirs *dirs, const char *name)
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

/* A network without settings: absent, in the making (-ENOENT), or broken (-ENODATA). */
static int tell_rest(const struct dirs *dirs, const char *name, struct err *err)
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

static int check_name(const char *name, struct err *err)
{
	const char *fault = text_label_fault(name);

	return fault ? err_set(err, EINVAL, "network name '%.80s' %s", name, fault) : 0;
}

/* Gateway and prefix from the settings, which a person may have edited. */
static int read_subnet(struct network *network, struct err *err)
{
	struct subnet subnet;

	if (subnet_parse(network->config.subnet, &subnet) < 0)
		return err_set(err, EINVAL,
			       "%s/network.conf: subnet '%s' cannot be used; write one such as "
			       "10.1.16.0/20, with 8 to 30 bits and no host bits set",
			       network->folder, network->config.subnet);
	if (!*network->config.bridge)
		return err_set(err, EINVAL, "%s/network.conf: no bridge is named", network->folder);
	network->gateway.s_addr = htonl(ntohl(subnet.network.s_addr) + 1);
	network->prefix = subnet.prefix;
	return 0;
}

int network_open(struct network *network, const struct dirs *dirs, const char *name,
		 struct err *err)
{
	scoped_free char *path = conf_path(dirs, name);

	*network = (struct network){ 0 };
	if (check_name(name, err) < 0)
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
		r = tell_rest(dirs, name, err);
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

/* Names and subnets of the existing networks, which a new network must avoid. */
struct others {
	const struct dirs *dirs;
	struct subnet_list subnets;
	const char *bridge; /* the wanted name */
	bool bridge_taken;
};

static int add_other(void *context, const char *name)
{
	struct others *others = context;
	scoped_free char *path = conf_path(others->dirs, name);
	struct network_config config;
	struct err unsaid = { 0 };
	struct subnet subnet;

	/* The broken file of another network does not prevent a new one. */
	if (!path || config_load(&network_schema, path, &config, &unsaid) < 0)
		return 0;
	others->bridge_taken |= others->bridge && strcmp(config.bridge, others->bridge) == 0;
	int r = subnet_parse(config.subnet, &subnet);
	config_free(&network_schema, &config);
	if (r < 0)
		return 0;
	snprintf(subnet.owner, sizeof subnet.owner, "network '%s'", name);
	return subnet_list_add(&others->subnets, &subnet);
}

static int choose_subnet(const struct subnet_list *taken, const struct network *network,
			 const char *asked, struct subnet *subnet, struct err *err)
{
	char other[64];

	if (!asked) {
		int r = subnet_choose(taken, network->folder, subnet);
		return r < 0 ? err_set(err, -r,
				       "network '%s': every private network collides with a route "
				       "of "
				       "the host; name a subnet that may be used",
				       network->name)
			     : 0;
	}
	if (subnet_parse(asked, subnet) < 0)
		return err_set(err, EINVAL,
			       "network '%s': subnet '%.80s' cannot be used; write one such as "
			       "10.1.16.0/20, with 8 to 30 bits and no host bits set",
			       network->name, asked);
	const struct subnet *hit = subnet_collision(taken, subnet);
	if (!hit)
		return 0;
	subnet_text(hit, other, sizeof other);
	return err_set(err, EADDRINUSE,
		       "network '%s': %s collides with %s of %s; choose another, or leave it out "
		       "for a free one",
		       network->name, asked, other, hit->owner);
}

/* 0; 1: another network or link has the name; -code. A bridge that an earlier try has left is free. */
static int bridge_is_taken(const struct network *network, struct link_socket *links,
			   struct err *err)
{
	struct others others = { .dirs = network->dirs, .bridge = network->config.bridge };
	struct link_info info;
	struct err why = { 0 };

	int r = network_list(network->dirs, add_other, &others, err);
	subnet_list_free(&others.subnets);
	if (r < 0)
		return r;
	if (others.bridge_taken)
		return 1;
	r = bridge_find(network, links, &info, &why);
	if (r < 0 && r != -ENODEV && r != -EEXIST) {
		*err = why;
		return r;
	}
	return r == -EEXIST;
}

static int choose_bridge(struct network *network, struct link_socket *links, const char *asked,
			 struct err *err)
{
	const struct key *key = config_find(&network_schema, "bridge", err);
	char name[IFNAMSIZ];

	for (unsigned i = 0; key && i < BRIDGE_NAMES; i++) {
		bridge_name(network->dirs, network->name, i, name);
		if (config_set(&network_schema, &network->config, key, asked ? asked : name, err) <
		    0)
			return -err->code;
		int taken = bridge_is_taken(network, links, err);
		if (taken <= 0)
			return taken;
		if (asked)
			break;
	}
	if (!key)
		return -err->code;
	return err_set(err, EEXIST,
		       "network '%s': bridge name '%s' is taken by another network or link; choose "
		       "another",
		       network->name, network->config.bridge);
}

/* dnsmasq reads these files without root, so the caller's umask must not matter. */
static int make_folders(const struct network *network, struct err *err)
{
	static const char *const names[] = { "hosts", "names", "macs" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		scoped_free char *path = text_format("%s/%s", network->folder, names[i]);
		if (!path)
			return err_set(err, ENOMEM, "out of memory");
		if (file_make_dirs(path, 0755, err) < 0)
			return -err->code;
		if (chmod(path, 0755) < 0 || chmod(network->folder, 0755) < 0)
			return err_set(err, errno, "open '%s' to dnsmasq: %s", path,
				       strerror(errno));
	}
	return 0;
}

/* The mark exists until all else does, so that the next try recognizes what a kill has left. */
static int make_marked(struct network *network, struct link_socket *links, const char *bridge,
		       struct err *err)
{
	struct unfinished mark = network_mark(network->dirs, network->name);
	scoped_free char *settings = unfinished_path(&mark);

	if (!settings)
		return err_set(err, ENOMEM, "out of memory");
	if (choose_bridge(network, links, bridge, err) < 0 || unfinished_prepare(&mark, err) < 0 ||
	    config_save(&network_schema, settings, &network->config, err) < 0)
		return -err->code;
	if (make_folders(network, err) < 0 || unfinished_finish(&mark, err) < 0) {
		remove_tree(AT_FDCWD, network->folder);
		unfinished_drop(&mark, &(struct err){ 0 });
		return -err->code;
	}
	return 0;
}

/*
 * Removes a network that a killed command has left half made or half removed; any other object of that name is an
 * error.
 */
static int clear_name(const struct network *network, struct err *err)
{
	struct unfinished mark = network_mark(network->dirs, network->name);
	struct err why = { 0 };

	if (unfinished_is(&mark)) {
		int r = remove_tree(AT_FDCWD, network->folder);
		return r < 0 ? err_set(err, -r, "remove '%s': %s", network->folder, strerror(-r))
			     : unfinished_drop(&mark, err);
	}
	if (access(network->folder, F_OK) < 0)
		return 0;
	if (tell_rest(network->dirs, network->name, &why) == -ENODATA)
		return err_set(err, EEXIST, "%s", why.text);
	return 0;
}

/* A subnet that no other network and no route of the host has. */
static int find_subnet(struct network *network, struct link_socket *links, const char *asked,
		       struct subnet *subnet, struct err *err)
{
	struct others others = { .dirs = network->dirs };

	int r = network_list(network->dirs, add_other, &others, err);
	if (r == 0 && (r = subnet_add_host(&others.subnets, links)) < 0)
		bridge_tell(network, links, r, "read the host's routes", err);
	if (r == 0)
		r = choose_subnet(&others.subnets, network, asked, subnet, err);
	subnet_list_free(&others.subnets);
	return r;
}

static int save_new(struct network *network, struct link_socket *links, struct err *err)
{
	scoped_free char *bridge = *network->config.bridge ? strdup(network->config.bridge) : NULL;
	const char *asked = *network->config.subnet ? network->config.subnet : NULL;
	scoped_free char *path = conf_path(network->dirs, network->name);
	struct subnet subnet;
	char words[64];

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (access(path, F_OK) == 0)
		return err_set(err, EEXIST, "there is a network '%s' already", network->name);
	if (clear_name(network, err) < 0)
		return -err->code;
	if (find_subnet(network, links, asked, &subnet, err) < 0)
		return -err->code;
	subnet_text(&subnet, words, sizeof words);
	free(network->config.subnet);
	network->config.subnet = strdup(words);
	if (!network->config.subnet)
		return err_set(err, ENOMEM, "out of memory");
	return make_marked(network, links, bridge, err);
}

static int settings_of_new(struct network *network, const struct config_change *given, size_t count,
			   struct err *err)
{
	if (config_defaults(&network_schema, &network->config, err) < 0)
		return -err->code;
	for (size_t i = 0; i < count; i++) {
		if (config_put(&network_schema, &network->config, given[i].name, given[i].value,
			       err) < 0)
			return -err->code;
	}
	return network_schema.check(&network->config, err);
}

/* Begins a network that does not exist yet. network_close releases it. */
static int begin_new(struct network *network, const struct dirs *dirs, const char *name,
		     struct link_socket **links, const struct config_change *given, size_t count,
		     struct err *err)
{
	*network = (struct network){ .dirs = dirs,
				     .name = strdup(name),
				     .folder = dirs_state_path(dirs, "networks/%s", name) };
	if (!network->name || !network->folder)
		return err_set(err, ENOMEM, "out of memory");
	return bridge_open_links(network, links, err) < 0
		       ? -err->code
		       : settings_of_new(network, given, count, err);
}

int network_create(const struct dirs *dirs, const char *name, const struct config_change *given,
		   size_t count, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	scoped_network struct network network = { 0 };

	if (check_name(name, err) < 0)
		return -err->code;
	/* Networks are created one at a time, because each must see the subnets of the others. */
	scoped_fd int lock = dirs_lock(dirs, "networks", 30, "the list of networks", err);
	if (lock < 0)
		return lock;
	if (begin_new(&network, dirs, name, &links, given, count, err) < 0)
		return -err->code;
	return save_new(&network, links, err);
}

int network_check_new(const struct dirs *dirs, const char *name, const char *bridge,
		      const char *subnet, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	scoped_network struct network network = { 0 };
	struct subnet chosen;

	if (check_name(name, err) < 0 ||
	    begin_new(&network, dirs, name, &links, NULL, 0, err) < 0 ||
	    find_subnet(&network, links, subnet && *subnet ? subnet : NULL, &chosen, err) < 0)
		return -err->code;
	return choose_bridge(&network, links, bridge && *bridge ? bridge : NULL, err);
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

int network_delete(const struct dirs *dirs, const char *name, bool force, struct err *err)
{
	scoped_network struct network network = { 0 };
	struct err why = { 0 };

	int r = network_open(&network, dirs, name, &why);
	if (r < 0 && r != -ENOENT && force && check_name(name, err) == 0)
		return delete_broken(dirs, name, err);
	if (r < 0)
		return err_set(err, why.code, "%s%s", why.text,
			       r == -ENOENT || r == -ENODATA
				       ? ""
				       : "; it can be deleted as it is with --force");
	scoped_fd int lock = network_lock(&network, err);
	if (lock < 0)
		return lock;
	/* Running machines come first, because --force is no way out for them. */
	if (bridge_check_idle(&network, err) < 0 || (!force && refuse_leases(&network, err) < 0) ||
	    bridge_down(&network, err) < 0)
		return -err->code;
	return erase(&network, err);
}
