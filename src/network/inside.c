/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/inside.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/scoped.h"
#include "network/bridge.h"
#include "network/guest.h"
#include "network/inside_note.h"
#include "network/physical.h"

#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <time.h>

enum {
	LEFT_MS = 3000, /* for the kernel to remove the network namespace of a run that has ended */
	LOOK_NS = 5000000, /* between looks whether it has */
};

/* A mode, by its word in the settings. */
static const struct {
	const char *word;
	unsigned mode, apart; /* the second one is that of an isolated machine */
	unsigned flags_apart;
	bool keeps_mac; /* the interface has the hardware address of the parent */
} modes[] = {
	{ "bridge", MACVLAN_MODE_BRIDGE, MACVLAN_MODE_PRIVATE, 0, false },
	{ "private", MACVLAN_MODE_PRIVATE, MACVLAN_MODE_PRIVATE, 0, false },
	{ "vepa", MACVLAN_MODE_VEPA, MACVLAN_MODE_VEPA, 0, false },
	{ "passthru", MACVLAN_MODE_PASSTHRU, MACVLAN_MODE_PASSTHRU, 0, true },
	{ "l2", IPVLAN_MODE_L2, IPVLAN_MODE_L2, IPVLAN_F_PRIVATE, true },
	{ "l3", IPVLAN_MODE_L3, IPVLAN_MODE_L3, IPVLAN_F_PRIVATE, true },
	{ "l3s", IPVLAN_MODE_L3S, IPVLAN_MODE_L3S, IPVLAN_F_PRIVATE, true },
};

static size_t mode_of(const struct network *network)
{
	const char *word = config_mode(&network->config);
	size_t i = 0;

	while (i + 1 < sizeof modes / sizeof *modes && strcmp(modes[i].word, word) != 0)
		i++;
	return i;
}

static bool is_passthru(const struct network *network)
{
	return strcmp(config_mode(&network->config), "passthru") == 0;
}

static int tell_attach(const struct network *network, const struct lease *lease,
		       const struct link_socket *links, int r, struct err *err)
{
	const char *parent = network->config.parent, *kind = network->config.kind;
	char what[128];

	if (r == -EEXIST)
		return guest_tell_taken(lease, err);
	if (r == -EOPNOTSUPP)
		return err_set(
			err, EOPNOTSUPP,
			"network '%s': the kernel has no %s; load it (modprobe %s), or create "
			"a network of another kind",
			network->name, kind, kind);
	if (r == -EBUSY)
		return err_set(
			err, EBUSY,
			"network '%s': the host's '%s' is a port of a bridge or bond, or links "
			"of another kind than %s are on it; take it from there, or create a "
			"network with another parent",
			network->name, parent, kind);
	if (r == -EINVAL && is_passthru(network))
		return err_set(
			err, EINVAL,
			"network '%s': in mode passthru '%s' has the host's '%s' for itself, "
			"which carries other links already; stop the machine that has it",
			network->name, lease->name, parent);
	snprintf(what, sizeof what, "connect '%s'", lease->name);
	return bridge_tell(network, links, r, what, err);
}

static int tell_note(const struct network *network, const char *name, int r, struct err *err)
{
	return err_set(err, -r, "network '%s': note the interface of '%s': %s", network->name, name,
		       strerror(-r));
}

/* The kernel would make it, and drop what is larger. */
static int check_mtu(const struct network *network, const struct lease *lease, unsigned most,
		     struct err *err)
{
	return lease->mtu <= most ? 0
				  : err_set(err, EINVAL,
					    "network '%s': '%s' is to have mtu %u, but that of the "
					    "host's '%s' "
					    "is %u; choose no more, or raise that one",
					    network->name, lease->name, lease->mtu,
					    network->config.parent, most);
}

/*
 * The kernel takes time to remove the interface of a run that has ended. Until then it gives the parent to nobody else
 * alone, and to nobody at all if the interface had it for itself.
 */
static int add(const struct network *network, struct link_socket *links,
	       const struct link_upper *upper)
{
	int64_t until = clock_ms() + LEFT_MS;
	char names[NAMES_ROOM];
	int r = link_add_upper(links, upper);

	while (r == -EINVAL && clock_ms() < until &&
	       (!is_passthru(network) || bridge_names(network, true, names) == 0)) {
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
		r = link_add_upper(links, upper);
	}
	return r;
}

static int make(struct network *network, const struct lease *lease, pid_t pid, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info parent;
	size_t mode = mode_of(network);
	struct link_upper upper = { .kind = network->config.kind,
				    .mode = lease->isolated ? modes[mode].apart : modes[mode].mode,
				    .flags = lease->isolated ? modes[mode].flags_apart : 0,
				    .name = lease->link,
				    .mtu = lease->mtu,
				    .pid = pid };

	if (!modes[mode].keeps_mac && port_parse_mac(lease->mac, upper.mac) < 0)
		return err_set(err, EINVAL, "network '%s': '%s' is not a MAC address",
			       network->name, lease->mac);
	if (bridge_open_links(network, &links, err) < 0)
		return -err->code;
	int r = bridge_find(network, links, &parent, err);
	if (r == -ENODEV)
		return parent_tell_missing(network, err);
	if (r < 0 || check_mtu(network, lease, parent.mtu, err) < 0)
		return -err->code;
	upper.lower = parent.index;
	r = add(network, links, &upper);
	return r < 0 ? tell_attach(network, lease, links, r, err) : 0;
}

int inside_attach(struct network *network, const struct lease *lease, pid_t pid, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct inside_note note;
	struct link_info link;

	if (config_is_physical(&network->config))
		return physical_attach(network, lease, pid, err);
	int r = inside_note_begin(&note, pid, lease->link);

	snprintf(note.host.name, sizeof note.host.name, "%s", network->config.parent);
	if (r == 0)
		r = inside_note_write(network, lease->name, &note);
	if (r < 0)
		return tell_note(network, lease->name, r, err);
	fault_point("inside-noted");
	if (make(network, lease, pid, err) < 0) {
		inside_note_remove(network, lease->name);
		return -err->code;
	}
	fault_point("inside-made");
	r = inside_find(network, lease->name, &links, &link);
	if (r < 0)
		return tell_note(network, lease->name, r, err);
	note.index = link.index;
	r = inside_note_write(network, lease->name, &note);
	return r < 0 ? tell_note(network, lease->name, r, err) : 0;
}

int inside_remove(const struct network *network, const char *name, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info link;

	if (config_is_physical(&network->config))
		return physical_return(network, name, err);
	int r = inside_find(network, name, &links, &link);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = link_delete_index(links, link.index);
	/* Its namespace is gone, or it is; a damaged note leads nowhere. */
	if (r < 0 && r != -ESRCH && r != -ENODEV && r != -EINVAL)
		return err_set(err, -r, "network '%s': take the interface out of '%s': %s",
			       network->name, name, links ? link_why(links) : strerror(-r));
	inside_note_remove(network, name);
	return 0;
}

int inside_shape(const struct network *network, const struct lease *lease, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	size_t mode = mode_of(network);
	struct link_info link;
	int r = inside_find(network, lease->name, &links, &link);

	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? -ENODEV : r;
	if (network->parent_mtu && !config_is_physical(&network->config) &&
	    check_mtu(network, lease, network->parent_mtu, err) < 0)
		return -err->code;
	if (lease->mtu && link.mtu != lease->mtu)
		r = link_set_mtu(links, link.index, lease->mtu);
	if (r == 0 && !is_passthru(network) && !config_is_physical(&network->config))
		r = link_set_mode(links, link.index, network->config.kind,
				  lease->isolated ? modes[mode].apart : modes[mode].mode,
				  lease->isolated ? modes[mode].flags_apart : 0);
	return r < 0 ? tell_attach(network, lease, links, r, err) : 0;
}
