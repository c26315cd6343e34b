/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/physical.h"

#include "base/fault.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/bridge.h"
#include "network/guest.h"
#include "network/inside_note.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* One interface changes hands at a time, whichever network names it. */
static int lock_parent(const struct network *network, struct err *err)
{
	char name[40], what[60];

	snprintf(name, sizeof name, "interface.%s", network->config.parent);
	snprintf(what, sizeof what, "the host's '%s'", network->config.parent);
	return dirs_lock(network->dirs, name, 30, what, err);
}

static int open_ours(struct stat *st)
{
	int space = open("/proc/thread-self/ns/net", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (space >= 0 && fstat(space, st) == 0)
		return space;
	int r = -errno;
	if (space >= 0)
		close(space);
	return r;
}

/* ---- The namespace, kept by a mount */

static int pin(const struct network *network, const char *name, pid_t pid)
{
	scoped_free char *path = inside_pin_path(network, name);
	char space[64];

	snprintf(space, sizeof space, "/proc/%d/ns/net", (int)pid);
	if (!path)
		return -ENOMEM;
	scoped_fd int fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 || mount(space, path, NULL, MS_BIND, NULL) < 0)
		return -errno;
	return 0;
}

static void unpin(const struct network *network, const char *name)
{
	scoped_free char *path = inside_pin_path(network, name);

	if (!path)
		return;
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	unlink(path);
}

/* The namespace of a note, by its mount or by its process. */
static int open_kept(const struct network *network, const char *name,
		     const struct inside_note *note)
{
	scoped_free char *path = inside_pin_path(network, name);
	struct stat st;

	if (!path)
		return -ENOMEM;
	scoped_fd int pinned = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (pinned >= 0 && fstat(pinned, &st) == 0 && st.st_ino == note->space &&
	    S_ISREG(st.st_mode) && st.st_size == 0)
		return take_fd(&pinned);
	return inside_note_open(note);
}

/* ---- Back to the host */

/* Moves it, under a free name if its own is taken: a move that fails by that has half succeeded. */
static int move_back(struct link_socket *links, int index, const struct inside_note *note, int ours)
{
	struct link_move move = { .index = index,
				  .space = ours,
				  .name = if_nametoindex(note->host.name) ? "nic%d"
									  : note->host.name,
				  .mtu = note->host.mtu,
				  .up = note->host.up };

	memcpy(move.mac, note->host.mac, LINK_MAC);
	return link_move(links, &move);
}

/*
 * Finds it in the machine's namespace. Without a number the move was the last step, and may have ended before it had
 * its new name.
 */
static int find_kept(struct link_socket *links, const struct inside_note *note,
		     struct link_info *link)
{
	const char *const names[] = { note->link, note->host.name };
	int r = -ENODEV;

	if (note->index)
		return link_find_index(links, note->index, link);
	for (size_t i = 0; r == -ENODEV && i < sizeof names / sizeof *names; i++) {
		r = link_find(links, names[i], link);
		if (r == 0 && memcmp(link->mac, note->host.mac, LINK_MAC) != 0)
			r = -ENODEV;
	}
	return r;
}

/* Quiet: an address that another link has meanwhile is left out. */
static void restore_addresses(const struct inside_host *host)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info link;

	if (host->count == 0 || link_open(&links) < 0 || link_find(links, host->name, &link) < 0)
		return;
	for (size_t i = 0; i < host->count; i++)
		link_add_addresses(links, link.index, &host->addresses[i]);
}

int physical_tell_lost(const struct network *network, const char *name, struct err *err)
{
	return err_set(err, ENODEV,
		       "network '%s': the host's '%s', which machine '%s' had, is gone: unplugged, "
		       "removed, or put into another network namespace by the machine; plug it in "
		       "or make it, or stop the machine",
		       network->name, network->config.parent, name);
}

bool physical_is_lost(const struct network *network, char machine[64])
{
	struct inside_note note;

	return physical_holder(network, false, machine) &&
	       inside_note_read(network, machine, &note) == 0 && !inside_note_has_link(&note);
}

static int give_back(const struct network *network, const char *name,
		     const struct inside_note *note, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct link_info link;
	struct stat st;
	scoped_fd int ours = open_ours(&st);
	scoped_fd int theirs = open_kept(network, name, note);

	/* Without its namespace the kernel has it: hardware is the host's again, other links are gone. */
	if (theirs == -ESRCH)
		return 0;
	if (ours >= 0 && st.st_ino != note->host.space)
		return err_set(err, EXDEV,
			       "network '%s': the host's '%s' belongs to another network namespace "
			       "than this command's; run the command in that one",
			       network->name, note->host.name);
	int r = ours < 0 ? ours : theirs < 0 ? theirs : link_open_at(&links, theirs);
	if (r == 0)
		r = find_kept(links, note, &link);
	/* It was not taken yet, or the kernel has it, with a namespace that the guest had put it into. */
	if (r == -ENODEV && !inside_note_lives(note))
		return 0;
	if (r == -ENODEV && (note->index == 0 || if_nametoindex(note->host.name)))
		return 0;
	if (r == -ENODEV)
		return physical_tell_lost(network, name, err);
	if (r == 0)
		r = move_back(links, link.index, note, ours);
	if (r < 0)
		return err_set(err, -r, "network '%s': give the host's '%s' back: %s",
			       network->name, note->host.name,
			       links ? link_why(links) : strerror(-r));
	fault_point("physical-returned");
	restore_addresses(&note->host);
	return 0;
}

static int return_locked(const struct network *network, const char *name, struct err *err)
{
	struct inside_note note;
	int r = inside_note_read(network, name, &note);

	if (r == -ENOENT)
		return 0;
	/* A note that cannot be read leads nowhere. */
	if (r == 0 && give_back(network, name, &note, err) < 0)
		return -err->code;
	unpin(network, name);
	inside_note_remove(network, name);
	return 0;
}

int physical_return(const struct network *network, const char *name, struct err *err)
{
	struct inside_note note;

	if (inside_note_read(network, name, &note) == -ENOENT)
		return 0;
	scoped_fd int lock = lock_parent(network, err);
	return lock < 0 ? lock : return_locked(network, name, err);
}

struct recovery {
	const struct network *network;
	struct err *err;
};

static int recover(void *context, const char *name)
{
	struct recovery *recovery = context;
	struct inside_note note;

	if (inside_note_read(recovery->network, name, &note) == 0 && inside_note_lives(&note))
		return 0;
	return return_locked(recovery->network, name, recovery->err);
}

int physical_recover(const struct network *network, struct err *err)
{
	struct recovery recovery = { .network = network, .err = err };
	char machine[64];

	if (!physical_holder(network, true, machine))
		return 0;
	scoped_fd int lock = lock_parent(network, err);
	return lock < 0 ? lock : inside_note_each(network, recover, &recovery);
}

struct holder {
	const struct network *network;
	bool ended;
	char *machine;
};

static int look_at_holder(void *context, const char *name)
{
	struct holder *holder = context;
	struct inside_note note;
	bool lives =
		inside_note_read(holder->network, name, &note) == 0 && inside_note_lives(&note);

	if (lives == holder->ended)
		return 0;
	snprintf(holder->machine, 64, "%s", name);
	return 1;
}

bool physical_holder(const struct network *network, bool ended, char machine[64])
{
	struct holder holder = { .network = network, .ended = ended, .machine = machine };

	machine[0] = '\0';
	return inside_note_each(network, look_at_holder, &holder) == 1;
}

/* ---- To the machine */

static int see_uplink(void *context, int index)
{
	return *(const int *)context == index;
}

static int refuse_use(const struct network *network, const char *use, struct err *err)
{
	return err_set(err, EBUSY,
		       "network '%s': the host's '%s' %s; take that away first, or let the machine "
		       "have it all the same: berth network set %s parent.force=yes",
		       network->name, network->config.parent, use, network->name);
}

/* Uses of the interface by the host, which would break or be lost: refused. */
static int check_use(const struct network *network, struct link_socket *links,
		     const struct link_info *link, const struct inside_host *host, struct err *err)
{
	const char *parent = network->config.parent;
	struct link_info other;

	if (link->master)
		return err_set(
			err, EBUSY,
			"network '%s': the host's '%s' is a port of '%s'; take it out there, or "
			"create a network with another parent",
			network->name, parent,
			link_find_index(links, link->master, &other) == 0 ? other.name
									  : "a bridge");
	int upper = link_find_upper(links, link->index);
	if (upper < 0)
		return bridge_tell(network, links, upper, parent, err);
	if (upper > 0)
		return err_set(
			err, EBUSY,
			"network '%s': the host's '%s' carries the link '%s', which would be "
			"gone without it; remove that one first",
			network->name, parent,
			link_find_index(links, upper, &other) == 0 ? other.name : "another");
	if (network->config.parent_force)
		return 0;
	int r = link_each_uplink(links, see_uplink, (void *)(uintptr_t)&link->index);
	if (r < 0)
		return bridge_tell(network, links, r, "read the host's routes", err);
	if (r > 0)
		return refuse_use(network, "carries the host's default route", err);
	return host->count ? refuse_use(network, "has addresses of the host's", err) : 0;
}

static int look(const struct network *network, struct link_socket *links, struct link_info *link,
		struct inside_host *host, struct err *err)
{
	char machine[64], on[64];
	struct stat st;

	if (inside_user(network->dirs, network->config.parent, false, machine, on))
		return err_set(
			err, EBUSY,
			"network '%s': machine '%s' has the host's '%s' or shares it, on network "
			"'%s'; stop that one first",
			network->name, machine, network->config.parent, on);
	int r = bridge_find(network, links, link, err);
	if (r == -ENODEV)
		return parent_tell_missing(network, err);
	if (r < 0)
		return r;
	int count = link_list_addresses(links, link->index, host->addresses, INSIDE_ADDRESSES);
	scoped_fd int ours = open_ours(&st);
	if (count < 0 || ours < 0)
		return bridge_tell(network, links, count < 0 ? count : ours, link->name, err);
	if (count > INSIDE_ADDRESSES)
		return err_set(
			err, E2BIG,
			"network '%s': the host's '%s' has %d addresses, more than the %d that "
			"it would get back; take some away",
			network->name, link->name, count, INSIDE_ADDRESSES);
	snprintf(host->name, sizeof host->name, "%s", link->name);
	memcpy(host->mac, link->mac, LINK_MAC);
	host->space = st.st_ino;
	host->mtu = link->mtu;
	host->up = link->up;
	host->count = (size_t)count;
	return check_use(network, links, link, host, err);
}

static int tell_move(const struct network *network, const struct lease *lease,
		     const struct link_socket *links, int r, struct err *err)
{
	if (r == -EEXIST)
		return guest_tell_taken(lease, err);
	if (r == -EINVAL)
		return err_set(err, EINVAL,
			       "network '%s': the host's '%s' cannot be given away%s: %s; choose "
			       "kind=macvlan",
			       network->name, network->config.parent,
			       lease->mtu && lease->mtu != network->parent_mtu
				       ? ", or not have that mtu"
				       : "",
			       link_why(links));
	return bridge_tell(network, links, r, network->config.parent, err);
}

/* Noted and kept before it is moved. */
static int take(const struct network *network, const struct lease *lease, struct link_socket *links,
		const struct link_info *link, struct inside_note *note, struct err *err)
{
	struct link_move move = { .index = link->index,
				  .name = lease->link,
				  .mtu = lease->mtu == network->parent_mtu ? 0 : lease->mtu };
	scoped_links struct link_socket *theirs = NULL;
	struct link_info moved;
	scoped_fd int space = inside_note_open(note);
	int r = space < 0 ? space : inside_note_write(network, lease->name, note);

	if (r == 0)
		r = pin(network, lease->name, note->pid);
	if (r < 0)
		return err_set(err, -r, "network '%s': note that '%s' gets the host's '%s': %s",
			       network->name, lease->name, link->name, strerror(-r));
	fault_point("physical-noted");
	move.space = space;
	r = link_move(links, &move);
	if (r < 0)
		return tell_move(network, lease, links, r, err);
	fault_point("physical-moved");
	r = link_open_at(&theirs, space);
	if (r == 0)
		r = link_find(theirs, lease->link, &moved);
	if (r == 0) {
		note->index = moved.index;
		r = inside_note_write(network, lease->name, note);
	}
	return r < 0 ? bridge_tell(network, theirs ? theirs : links, r, lease->link, err) : 0;
}

int physical_attach(struct network *network, const struct lease *lease, pid_t pid, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	struct inside_note note;
	struct link_info link;
	scoped_fd int lock = lock_parent(network, err);

	if (lock < 0 || bridge_open_links(network, &links, err) < 0)
		return -err->code;
	int r = inside_note_begin(&note, pid, lease->link);
	if (r < 0)
		return bridge_tell(network, links, r, lease->name, err);
	/* An interface that an earlier run has left goes back to the host first. */
	if (return_locked(network, lease->name, err) < 0 ||
	    look(network, links, &link, &note.host, err) < 0)
		return -err->code;
	if (take(network, lease, links, &link, &note, err) == 0)
		return 0;
	struct err ignored = { 0 };
	return_locked(network, lease->name, &ignored);
	return -err->code;
}
