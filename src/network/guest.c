/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The set-up of a guest's network namespace, inside it: lo, interfaces, addresses and routes. */
#include "network/guest.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum {
	LEFT_MS =
		10000, /* for the kernel to remove the network namespace of a process that has ended */
	LOOK_NS = 5000000, /* between looks whether it has */
};

int guest_tell_taken(const struct lease *lease, struct err *err)
{
	return err_set(
		err, EEXIST,
		"machine '%s' has a link '%s' of its own already; choose another name for the "
		"nic",
		lease->name, lease->link);
}

struct link_setup guest_setup_of(const struct lease *lease, int index)
{
	struct link_setup setup = { .index = index,
				    .own = { .address = lease->address,
					     .prefix = lease->prefix,
					     .address6 = lease->address6,
					     .prefix6 = lease->prefix6 } };

	if (!lease->without_route)
		setup.gateway = lease->gateway;
	if (!lease->without_route && lease->prefix6)
		setup.gateway6 = lease->gateway6;
	return setup;
}

/*
 * The kernel announces IPv6 addresses, which are ready later, and addresses of every later up. /proc/sys/net is that of
 * the opening process, whoever mounted it.
 */
static void switch_announcements_on(const char *link)
{
	char path[80];

	text_print(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/arp_notify", link);
	file_write(AT_FDCWD, path, "1");
	text_print(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/ndisc_notify", link);
	file_write(AT_FDCWD, path, "1");
}

/*
 * The guest's kernel takes the prefix of router advertisements, which a DHCPv6 client leaves to it, but no default
 * route: that one is set, and each further interface would add another. With a fixed address on a network of others it
 * takes nothing, because their routers announce prefixes of which addresses would be made that the port's guard drops.
 * Programs that configure the link read advertisements by themselves.
 */
static void refuse_routers(const struct lease *lease)
{
	char path[80];

	text_print(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/%s", lease->link,
		   lease->foreign ? "accept_ra" : "accept_ra_defrtr");
	file_write(AT_FDCWD, path, "0");
}

static int tell_guest(const struct link_socket *links, const char *what, int r, struct err *err)
{
	return err_set(err, -r, "guest's network: %s: %s", what,
		       links ? link_why(links) : strerror(-r));
}

static int set_up_link(struct link_socket *links, const struct lease *lease, struct err *err)
{
	int index = (int)if_nametoindex(lease->link);

	if (index == 0)
		return tell_guest(NULL, "find its interface", -errno, err);
	switch_announcements_on(lease->link);
	if (lease->prefix6)
		refuse_routers(lease);
	const struct link_setup setup = guest_setup_of(lease, index);
	const char *part = "";
	int64_t until = clock_ms() + LEFT_MS;
	int r = link_configure(links, &setup, &part);

	/* The interface of a run that has just ended, with the same hardware address on the same parent. */
	while (r == -EADDRINUSE && lease->inside && clock_ms() < until) {
		nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
		r = link_configure(links, &setup, &part);
	}
	if (r == 0 && lease->routes.count) {
		struct route_list routes;
		lease_reached_routes(lease, &routes);
		part = "add its static routes";
		r = link_add_routes(links, index, routes.list, routes.count);
	}
	return r < 0 ? tell_guest(links, part, r, err) : 0;
}

int guest_set_routes(struct link_socket *links, const struct lease *lease, int index)
{
	struct route_list routes;

	lease_reached_routes(lease, &routes);
	return link_set_routes(links, index, routes.list, routes.count);
}

int guest_add_ipv6(struct link_socket *links, const struct lease *lease, int index)
{
	struct link_setup setup = guest_setup_of(lease, index);

	refuse_routers(lease);
	setup.own.prefix = 0;
	setup.gateway.s_addr = 0;
	int r = link_add_addresses(links, index, &setup.own);
	return r < 0 ? r : link_add_default_routes(links, &setup);
}

/* This does without libnl, which a guest without a network does not need. */
static int set_up_lo(void)
{
	struct ifreq lo = { .ifr_name = "lo" };
	scoped_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &lo) < 0)
		return -errno;
	lo.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &lo) < 0 ? -errno : 0;
}

int network_guest_setup(const struct lease *const *leases, size_t count, struct err *err)
{
	scoped_links struct link_socket *links = NULL;
	int r = count ? link_open(&links) : 0;

	if (r < 0)
		return tell_guest(NULL, "open a netlink socket", r, err);
	for (size_t i = 0; i < count; i++) {
		if (set_up_link(links, leases[i], err) < 0)
			return -err->code;
	}
	r = set_up_lo();
	return r < 0 ? tell_guest(NULL, "bring up lo", r, err) : 0;
}
