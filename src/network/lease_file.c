/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network/lease_file.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"
#include "network/dns.h"
#include "network/subnet6.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { LEASE_MAX = 256 };

/* All paths of one lease, in fixed buffers, because list reads a lease for each machine. */
struct paths {
	char host[4096];
	char name[4096];
	char aside[4096];
	char pending[4096];
};

static int make_paths(const struct network *network, const struct lease *lease, struct paths *paths)
{
	char address[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &lease->address, address, sizeof address);
	/* A lease without an address allocates its name alone. */
	if (text_print(paths->host, sizeof paths->host, "%s/hosts/%s", network->folder,
		       lease->address.s_addr ? address : lease->name) < 0 ||
	    text_print(paths->name, sizeof paths->name, "%s/names/%s", network->folder,
		       lease->name) < 0 ||
	    /* dnsmasq ignores names that begin with a dot. */
	    text_print(paths->aside, sizeof paths->aside, "%s/names/.new", network->folder) < 0 ||
	    text_print(paths->pending, sizeof paths->pending, "%s/pending", network->folder) < 0)
		return -ENAMETOOLONG;
	return 0;
}

void lease_file_begin(const struct network *network, struct lease *lease)
{
	const struct network_config *config = &network->config;

	*lease = (struct lease){ .gateway = network->gateway,
				 .prefix = network->prefix,
				 .gateway6 = network->gateway6,
				 .link = LEASE_LINK,
				 .isolated = config->isolated,
				 .mtu = config->mtu ? (unsigned)config->mtu : network->parent_mtu,
				 .foreign = !config_is_own(config),
				 .inside = config_is_inside(config),
				 .without_route = config_is_private(config) };
	snprintf(lease->domain, sizeof lease->domain, "%s", config_domain(config));
	lease_add_routes(lease, config->routes);
}

void lease_file_finish(struct lease *lease)
{
	if (lease->address.s_addr)
		return;
	lease->prefix = 0;
	lease->gateway = (struct in_addr){ 0 };
}

/* Whether a lease of the network can have that address; none at all: only on a network that is not berth's own. */
static bool is_ours(const struct network *network, struct in_addr address)
{
	uint32_t mask = network->prefix ? htonl(UINT32_MAX << (32 - network->prefix)) : UINT32_MAX;

	if (!address.s_addr)
		return !config_is_own(&network->config);
	return network->prefix && ((address.s_addr ^ network->subnet.s_addr) & mask) == 0;
}

/* The IPv6 address of a lease, unless it is one of an earlier subnet. */
static void accept_address6(const struct network *network, const char *address, struct lease *lease)
{
	struct subnet6 subnet;

	if (network->prefix6 && inet_pton(AF_INET6, address, &lease->address6) == 1 &&
	    subnet6_parse(network->config.subnet6, &subnet) == 0 &&
	    subnet6_has(&subnet, &lease->address6))
		lease->prefix6 = network->prefix6;
	/* A host without IPv6 may have it again. */
	lease->stale6 = *address && !lease->prefix6 && !network->without_ipv6;
}

/* Checks and completes a lease; -ENOENT: it cannot be a lease of this network. address6: "" = none. */
static int accept_lease(const struct network *network, const char *name, const char *mac,
			const char *address, const char *address6, struct lease *lease)
{
	struct lease read;

	lease_file_begin(network, &read);
	if (inet_pton(AF_INET, address, &read.address) != 1 || !is_ours(network, read.address) ||
	    text_label_fault(name) || strlen(mac) != sizeof read.mac - 1)
		return -ENOENT;
	snprintf(read.name, sizeof read.name, "%s", name);
	snprintf(read.mac, sizeof read.mac, "%s", mac);
	accept_address6(network, address6, &read);
	lease_file_finish(&read);
	*lease = read;
	return 0;
}

int lease_file_find(const struct network *network, const char *name, struct lease *lease)
{
	char path[4096], address[INET_ADDRSTRLEN], found[64], mac[18];
	char address6[INET6_ADDRSTRLEN] = "";
	scoped_free char *text = NULL;

	if (text_print(path, sizeof path, "%s/names/%s", network->folder, name) < 0)
		return -ENAMETOOLONG;
	ssize_t n = file_read(AT_FDCWD, path, LEASE_MAX, &text);
	if (n < 0)
		return (int)n;
	if (sscanf(text, "%15s %63s # %17s %45s", address, found, mac, address6) < 3 ||
	    strcmp(found, name) != 0)
		return -ENOENT;
	return accept_lease(network, name, mac, address, address6, lease);
}

static int read_host(const struct network *network, const char *path, struct lease *lease)
{
	char address[INET_ADDRSTRLEN], address6[INET6_ADDRSTRLEN] = "", name[64], mac[18];
	scoped_free char *text = NULL;

	ssize_t n = file_read(AT_FDCWD, path, LEASE_MAX, &text);
	if (n < 0)
		return (int)n;
	if (sscanf(text, "%17[^,],%15[^,],%63[^,\n],[%45[^]]", mac, address, name, address6) < 3)
		return -ENOENT;
	return accept_lease(network, name, mac, address, address6, lease);
}

/* Whether the name of a lease leads to its address, so that the lease is complete. */
static bool is_whole(const struct network *network, const struct lease *lease)
{
	struct lease named;

	return lease_file_find(network, lease->name, &named) == 0 &&
	       named.address.s_addr == lease->address.s_addr;
}

int lease_file_holder(const struct network *network, struct in_addr address, struct lease *lease)
{
	struct paths paths;
	struct lease asked = { .address = address };
	int r = make_paths(network, &asked, &paths);

	if (r == 0)
		r = read_host(network, paths.host, &asked);
	if (r == 0 && !is_whole(network, &asked))
		r = -ENOENT;
	if (r == 0)
		*lease = asked;
	return r;
}

static bool same_file(const char *one, const char *other)
{
	struct stat a, b;

	return stat(one, &a) == 0 && stat(other, &b) == 0 && file_is_same(&a, &b);
}

static int remove_file(const char *path)
{
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int mac_path(const struct network *network, const char *mac, char path[4096])
{
	return text_print(path, 4096, "%s/macs/%s", network->folder, mac);
}

static bool read_mac(const struct network *network, const char *mac, char name[64])
{
	char path[4096];

	if (mac_path(network, mac, path) < 0)
		return false;
	ssize_t n = readlink(path, name, 64);
	if (n <= 0 || n >= 64)
		return false;
	name[n] = '\0';
	return true;
}

bool lease_file_owns_mac(const struct network *network, const char *name, const char *mac)
{
	char owner[64];

	return read_mac(network, mac, owner) && strcmp(owner, name) == 0;
}

/* Whether the name that a hardware address is listed with has a lease with that address. */
static bool has_mac(const struct network *network, const char *name, const char *mac)
{
	struct lease held;

	return !text_label_fault(name) && lease_file_find(network, name, &held) == 0 &&
	       strcmp(held.mac, mac) == 0;
}

bool lease_file_mac_holder(const struct network *network, const char *mac, char holder[64])
{
	return read_mac(network, mac, holder) && has_mac(network, holder, mac);
}

int lease_file_list_mac(const struct network *network, const struct lease *lease)
{
	char path[4096], folder[4096], listed[64];

	if (mac_path(network, lease->mac, path) < 0 ||
	    text_print(folder, sizeof folder, "%s/macs", network->folder) < 0)
		return -ENAMETOOLONG;
	if (read_mac(network, lease->mac, listed) && strcmp(listed, lease->name) == 0)
		return 0;
	/* Leases of a network that an older version created. */
	if ((mkdir(folder, 0755) < 0 && errno != EEXIST) || remove_file(path) < 0)
		return -errno;
	return symlink(lease->name, path) < 0 ? -errno : 0;
}

static void forget_mac(const struct network *network, const struct lease *lease)
{
	char path[4096];

	if (lease_file_owns_mac(network, lease->name, lease->mac) &&
	    mac_path(network, lease->mac, path) == 0)
		unlink(path);
}

bool lease_file_is_pending(const struct network *network)
{
	scoped_free char *path = text_format("%s/pending", network->folder);

	return path && access(path, F_OK) == 0;
}

int lease_file_repair(const struct network *network)
{
	struct paths paths;
	struct lease lease = { 0 };
	int r = make_paths(network, &lease, &paths);

	if (r < 0 || (access(paths.pending, F_OK) < 0 && errno == ENOENT))
		return r;
	/* A torn file was never linked, nor its hardware address listed. */
	if (read_host(network, paths.pending, &lease) == 0 &&
	    make_paths(network, &lease, &paths) == 0) {
		if (!is_whole(network, &lease) && same_file(paths.pending, paths.host)) {
			r = remove_file(paths.host);
			dns_forget(network, &lease);
		}
		if (!has_mac(network, lease.name, lease.mac))
			forget_mac(network, &lease);
	}
	return r < 0 ? r : remove_file(paths.pending);
}

/* Creates a file that dnsmasq can read, whatever the umask is. */
static int write_file(const char *path, const char *text, int flags)
{
	scoped_fd int fd =
		open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | flags, 0644);

	if (fd < 0)
		return -errno;
	size_t n = strlen(text);
	ssize_t done = write(fd, text, n);
	if (done < 0 || fchmod(fd, 0644) < 0)
		return -errno;
	return (size_t)done == n ? 0 : -ENOSPC;
}

/*
 * Puts an allocation on the disk before its name: a name must not survive a power cut without it. This is the only
 * fsync of a lease, because the next start writes a lost or torn name again. Opening the file for writing also wakes
 * dnsmasq, whose inotify watch ignores link(2).
 */
static int settle(const char *path)
{
	scoped_fd int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static void host_text(const struct lease *lease, char *out, size_t room)
{
	char address[INET_ADDRSTRLEN], address6[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET, &lease->address, address, sizeof address);
	inet_ntop(AF_INET6, &lease->address6, address6, sizeof address6);
	if (lease->prefix6)
		snprintf(out, room, "%s,%s,%s,[%s]\n", lease->mac, address, lease->name, address6);
	else
		snprintf(out, room, "%s,%s,%s\n", lease->mac, address, lease->name);
}

static int write_name(const struct lease *lease, const struct paths *paths)
{
	char text[LEASE_MAX], address[INET_ADDRSTRLEN], address6[INET6_ADDRSTRLEN];

	inet_ntop(AF_INET, &lease->address, address, sizeof address);
	inet_ntop(AF_INET6, &lease->address6, address6, sizeof address6);
	if (lease->prefix6)
		snprintf(text, sizeof text, "%s %s # %s\n%s %s\n", address, lease->name, lease->mac,
			 address6, lease->name);
	else
		snprintf(text, sizeof text, "%s %s # %s\n", address, lease->name, lease->mac);
	int r = write_file(paths->aside, text, O_TRUNC);
	if (r == 0 && rename(paths->aside, paths->name) < 0)
		r = -errno;
	return r;
}

static int publish(const struct network *network, const struct lease *lease,
		   const struct paths *paths)
{
	char text[LEASE_MAX];

	host_text(lease, text, sizeof text);
	int r = write_file(paths->pending, text, O_EXCL);
	if (r == 0)
		r = lease_file_list_mac(network, lease);
	if (r == 0 && link(paths->pending, paths->host) < 0)
		r = -errno;
	if (r == 0)
		r = settle(paths->host);
	if (r == 0)
		r = write_name(lease, paths);
	if (r < 0) {
		forget_mac(network, lease);
		if (same_file(paths->pending, paths->host))
			unlink(paths->host);
		unlink(paths->pending);
		return r;
	}
	return remove_file(paths->pending);
}

int lease_file_add(const struct network *network, const struct lease *lease)
{
	struct paths paths;
	struct lease holder;
	int r = make_paths(network, lease, &paths);

	if (r < 0)
		return r;
	if (lease_file_holder(network, lease->address, &holder) == 0)
		return -EEXIST;
	/* Removes files that a power cut has torn: no name leads to them. */
	if (access(paths.host, F_OK) == 0) {
		int known = read_host(network, paths.host, &holder);
		r = remove_file(paths.host);
		if (r == 0 && known == 0)
			dns_forget(network, &holder);
	}
	return r < 0 ? r : publish(network, lease, &paths);
}

int lease_file_remove(const struct network *network, const struct lease *lease)
{
	struct paths paths;
	int r = make_paths(network, lease, &paths);

	if (r < 0)
		return r;
	/* If hosts/ADDRESS is missing, there is nothing to recover, and no need for pending. */
	if (link(paths.host, paths.pending) < 0 && errno != ENOENT)
		return -errno;
	forget_mac(network, lease);
	r = remove_file(paths.name);
	if (r == 0)
		r = remove_file(paths.host);
	if (r == 0)
		r = remove_file(paths.pending);
	if (r == 0)
		dns_forget(network, lease);
	return r;
}

/* before: the lease as it was, or NULL. */
static int rewrite(const struct network *network, const struct lease *lease,
		   const struct lease *before)
{
	struct paths paths;
	char text[LEASE_MAX];
	int r = make_paths(network, lease, &paths);

	if (r < 0)
		return r;
	/* After a kill, names/ still has the old hardware address, and the next call repeats this. */
	host_text(lease, text, sizeof text);
	r = write_file(paths.pending, text, O_EXCL);
	if (r == 0)
		r = lease_file_list_mac(network, lease);
	if (r == 0)
		r = write_file(paths.aside, text, O_TRUNC);
	if (r == 0)
		r = settle(paths.aside);
	if (r == 0 && rename(paths.aside, paths.host) < 0)
		r = -errno;
	if (r == 0 && before && strcmp(before->mac, lease->mac) != 0)
		forget_mac(network, before);
	if (r == 0)
		r = write_name(lease, &paths);
	return r < 0 ? r : remove_file(paths.pending);
}

int lease_file_change(const struct network *network, const struct lease *lease)
{
	struct lease before;
	bool known = lease_file_find(network, lease->name, &before) == 0;
	int r = rewrite(network, lease, known ? &before : NULL);

	if (r == 0 && known)
		dns_forget(network, &before);
	return r;
}

int lease_file_renumber(const struct network *network, const struct lease *lease)
{
	return rewrite(network, lease, NULL);
}

int lease_file_rename(const struct network *network, const struct lease *lease, const char *to)
{
	struct paths from, paths;
	struct lease named = *lease;
	char text[LEASE_MAX], mac[4096];

	if (text_print(named.name, sizeof named.name, "%s", to) < 0 ||
	    make_paths(network, lease, &from) < 0 || make_paths(network, &named, &paths) < 0 ||
	    mac_path(network, lease->mac, mac) < 0)
		return -ENAMETOOLONG;
	/* The address belongs to a whole lease all the time, so that nobody else gets it. */
	host_text(&named, text, sizeof text);
	int r = write_name(&named, &paths);
	if (r == 0)
		r = write_file(paths.pending, text, O_EXCL);
	if (r == 0)
		r = settle(paths.pending);
	fault_point("rename-lease");
	if (r == 0 && rename(paths.pending, paths.host) < 0)
		r = -errno;
	if (r == 0)
		r = remove_file(mac);
	if (r == 0 && symlink(to, mac) < 0)
		r = -errno;
	if (r == 0 && strcmp(from.host, paths.host) != 0)
		r = remove_file(from.host);
	if (r == 0)
		r = remove_file(from.name);
	if (r == 0)
		dns_forget(network, lease);
	return r;
}

int lease_file_count(const struct network *network)
{
	scoped_free char *path = text_format("%s/hosts", network->folder);
	int count = 0;

	if (!path)
		return -ENOMEM;
	scoped_dir DIR *dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	for (struct dirent *e; (e = readdir(dir));)
		count += e->d_name[0] != '.';
	return count;
}

int lease_file_each(const struct network *network, int (*visit)(void *, const char *name),
		    void *context)
{
	scoped_free char *path = text_format("%s/names", network->folder);
	struct dirent **entries = NULL;
	int r = 0;

	if (!path)
		return -ENOMEM;
	int n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		if (r == 0 && !text_label_fault(entries[i]->d_name))
			r = visit(context, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return r;
}
