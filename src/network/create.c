/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new network: its settings, a subnet and a bridge that nothing else has, its folder. */
#include "network/network.h"

#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/bridge.h"
#include "network/kind.h"
#include "network/subnet.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { BRIDGE_NAMES = 16 };

/* Names and subnets of the existing networks, which a new network must avoid. */
struct other_networks {
	const struct dirs *dirs;
	struct subnet_list subnets;
	const char *bridge; /* the wanted name */
	bool bridge_taken;
};

static int add_other(void *context, const char *name)
{
	struct other_networks *others = context;
	scoped_free char *path = network_conf_path(others->dirs, name);
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
	struct other_networks others = { .dirs = network->dirs, .bridge = network->config.bridge };
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

	if ((config_is_own(&network->config) && choose_bridge(network, links, bridge, err) < 0) ||
	    config_begin(&network_schema, &mark, &network->config, err) < 0)
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
	if (network_tell_rest(network->dirs, network->name, &why) == -ENODATA)
		return err_set(err, EEXIST, "%s", why.text);
	return 0;
}

/* Addresses of a single link (RFC 3927): hosts forward none of them, and clouds have their metadata there. */
static bool is_link_local(const char *text)
{
	return subnet_texts_collide(text, "169.254.0.0/16");
}

/* A subnet that no other network and no route of the host has. */
static int find_subnet(struct network *network, struct link_socket *links, const char *asked,
		       struct subnet *subnet, struct err *err)
{
	struct other_networks others = { .dirs = network->dirs };

	if (asked && is_link_local(asked))
		return err_set(
			err, EINVAL,
			"network '%s': %s has link-local addresses, of 169.254.0.0/16, which "
			"no host forwards and by which clouds serve their metadata; choose "
			"another, or leave it out for a free one",
			network->name, asked);
	int r = network_list(network->dirs, add_other, &others, err);
	if (r == 0 && (r = subnet_add_host(&others.subnets, links)) < 0)
		bridge_tell(network, links, r, "read the host's routes", err);
	if (r == 0)
		r = choose_subnet(&others.subnets, network, asked, subnet, err);
	subnet_list_free(&others.subnets);
	return r;
}

struct overlap {
	const struct network *network;
	const struct subnet6 *subnet;
	char owner[64]; /* name of the network that overlaps, or "" */
};

static int compare_subnet6(void *context, const char *name)
{
	struct overlap *overlap = context;
	scoped_free char *path = network_conf_path(overlap->network->dirs, name);
	struct network_config config;
	struct subnet6 subnet;

	if (strcmp(name, overlap->network->name) == 0 || !path ||
	    config_load(&network_schema, path, &config, &(struct err){ 0 }) < 0)
		return 0;
	if (subnet6_parse(config.subnet6, &subnet) == 0 &&
	    subnet6_overlap(&subnet, overlap->subnet))
		snprintf(overlap->owner, sizeof overlap->owner, "%s", name);
	config_free(&network_schema, &config);
	return *overlap->owner != '\0';
}

/*
 * 0 or -code; -EADDRINUSE: it collides with another network or a route of the host. wider: routes to networks that contain
 * it count too.
 */
static int check_subnet6_free(const struct network *network, struct link_socket *links,
			      const struct subnet6 *subnet, bool wider, struct err *err)
{
	struct overlap overlap = { .network = network, .subnet = subnet };
	char text[SUBNET6_TEXT], other_text[SUBNET6_TEXT];
	struct subnet6 other;

	int r = network_list(network->dirs, compare_subnet6, &overlap, err);
	subnet6_text(subnet, text);
	if (r < 0)
		return r;
	if (r > 0)
		return err_set(err, EADDRINUSE,
			       "network '%s': %s collides with that of network '%s'", network->name,
			       text, overlap.owner);
	r = subnet6_collides(subnet, links, (int)if_nametoindex(network->config.bridge), wider,
			     &other);
	/* A kernel without IPv6 has no routes of it. */
	if (r == -EAFNOSUPPORT || r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return bridge_tell(network, links, r, "read the host's IPv6 routes", err);
	if (r == 0)
		return 0;
	subnet6_text(&other, other_text);
	return err_set(
		err, EADDRINUSE,
		"network '%s': %s collides with a route of this host to %s; choose another, or "
		"auto for a free one",
		network->name, text, other_text);
}

int network_choose_subnet6(const struct network *network, struct link_socket *links,
			   const char *wanted, char out[SUBNET6_TEXT], struct err *err)
{
	enum { DRAWS = 16 };
	struct subnet6 subnet;
	bool drawn = strcmp(wanted, "auto") == 0;
	int r = -EADDRINUSE;

	if (strcmp(wanted, "none") == 0 || (drawn && network->prefix6)) {
		snprintf(out, SUBNET6_TEXT, "%s", drawn ? network->config.subnet6 : wanted);
		return 0;
	}
	for (int i = 0; r == -EADDRINUSE && i < (drawn ? DRAWS : 1); i++) {
		*err = (struct err){ 0 };
		r = drawn ? subnet6_draw(&subnet) : subnet6_parse(wanted, &subnet);
		if (r < 0)
			return err_set(err, -r, "network '%s': subnet6 '%s': %s", network->name,
				       wanted, strerror(-r));
		r = check_subnet6_free(network, links, &subnet, drawn, err);
	}
	if (r != 0)
		return -err->code;
	subnet6_text(&subnet, out);
	return 0;
}

/* Chooses the subnets of a network of berth's own, as far as they are not given. */
static int choose_subnets(struct network *network, struct link_socket *links, struct err *err)
{
	const char *asked = *network->config.subnet ? network->config.subnet : NULL;
	struct subnet subnet;
	char words[64];

	if (find_subnet(network, links, asked, &subnet, err) < 0)
		return -err->code;
	subnet_text(&subnet, words, sizeof words);
	free(network->config.subnet);
	network->config.subnet = strdup(words);
	char words6[SUBNET6_TEXT];
	if (network_choose_subnet6(network, links, network->config.subnet6, words6, err) < 0)
		return -err->code;
	return !network->config.subnet || text_take(&network->config.subnet6, strdup(words6)) < 0
		       ? err_set(err, ENOMEM, "out of memory")
		       : 0;
}

/*
 * The parent of a network that is not berth's own, which may be missing: then the first start of a machine there says
 * so. A link that can never be its parent is refused.
 */
static int check_parent(const struct network *network, struct link_socket *links, struct err *err)
{
	struct other_networks others = { .dirs = network->dirs, .bridge = network->config.parent };
	struct link_info parent;

	if (!config_has_parent(&network->config))
		return 0;
	int r = network_list(network->dirs, add_other, &others, err);
	subnet_list_free(&others.subnets);
	if (r < 0)
		return r;
	if (others.bridge_taken)
		return err_set(err, EEXIST,
			       "network '%s': '%s' is the bridge of a network that berth has made; "
			       "put machines on that network",
			       network->name, network->config.parent);
	r = bridge_find(network, links, &parent, err);
	return r == -ENODEV ? 0 : r;
}

static int save_new(struct network *network, struct link_socket *links, struct err *err)
{
	scoped_free char *bridge = *network->config.bridge ? strdup(network->config.bridge) : NULL;
	scoped_free char *path = network_conf_path(network->dirs, network->name);

	if (!path)
		return err_set(err, ENOMEM, "out of memory");
	if (access(path, F_OK) == 0)
		return err_set(err, EEXIST, "there is a network '%s' already", network->name);
	if (clear_name(network, err) < 0)
		return -err->code;
	int r = config_is_own(&network->config) ? choose_subnets(network, links, err)
						: check_parent(network, links, err);
	return r < 0 ? r : make_marked(network, links, bridge, err);
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
	return network_check_changes(network, &network->config, given, count, err);
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

int networks_lock(const struct dirs *dirs, struct err *err)
{
	return dirs_lock(dirs, "networks", 30, "the list of networks", err);
}

int network_create(const struct dirs *dirs, const char *name, const struct config_change *given,
		   size_t count, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	scoped_network struct network network = { 0 };

	if (network_check_name(name, err) < 0)
		return -err->code;
	/* Networks are created one at a time, because each must see the subnets of the others. */
	scoped_fd int lock = networks_lock(dirs, err);
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

	if (network_check_name(name, err) < 0 ||
	    begin_new(&network, dirs, name, &links, NULL, 0, err) < 0 ||
	    find_subnet(&network, links, subnet && *subnet ? subnet : NULL, &chosen, err) < 0)
		return -err->code;
	return choose_bridge(&network, links, bridge && *bridge ? bridge : NULL, err);
}

int network_check_foreign(const struct dirs *dirs, const char *name,
			  const struct network_config *config, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct network network = { .dirs = dirs,
				   .name = (char *)(uintptr_t)name,
				   .config = *config };

	if (network_check_name(name, err) < 0 ||
	    network_check_changes(&network, config, NULL, 0, err) < 0 ||
	    bridge_open_links(&network, &links, err) < 0)
		return -err->code;
	return check_parent(&network, links, err);
}
