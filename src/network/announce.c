/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The announcement of a guest's addresses to its neighbours, sent from its own network namespace. */
#include "network/link_names.h"
#include "network/network.h"

#include "base/scoped.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* RFC 5227, section 2.3. */
static void announce(int fd, struct sockaddr_ll *all, const struct lease *lease,
		     const unsigned char *mac)
{
	struct ether_arp packet = { .ea_hdr = { .ar_hrd = htons(ARPHRD_ETHER),
						.ar_pro = htons(ETH_P_IP),
						.ar_hln = ETH_ALEN,
						.ar_pln = sizeof lease->address,
						.ar_op = htons(ARPOP_REQUEST) } };

	all->sll_protocol = htons(ETH_P_ARP);
	memset(all->sll_addr, 0xff, ETH_ALEN);
	memcpy(packet.arp_sha, mac, ETH_ALEN);
	memcpy(packet.arp_spa, &lease->address, sizeof packet.arp_spa);
	memcpy(packet.arp_tpa, &lease->address, sizeof packet.arp_tpa);
	if (sendto(fd, &packet, sizeof packet, 0, (struct sockaddr *)all, sizeof *all) < 0)
		return;
}

/* An unsolicited neighbour advertisement with its IPv6 header (RFC 4861, sections 4.4 and 7.2.6). */
struct advertisement {
	struct ip6_hdr head;
	struct nd_neighbor_advert body;
	struct nd_opt_hdr option;
	unsigned char mac[ETH_ALEN];
};

/* RFC 4443, section 2.3: the sum has a header of addresses, length and protocol. */
static uint16_t checksum(const struct advertisement *packet, size_t body)
{
	const unsigned char *bytes = (const unsigned char *)packet;
	uint32_t sum = (uint32_t)body + IPPROTO_ICMPV6;

	for (size_t i = offsetof(struct ip6_hdr, ip6_src); i < sizeof *packet; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void announce6(int fd, struct sockaddr_ll *all, const struct lease *lease,
		      const unsigned char *mac)
{
	enum { IPV6_FIRST = 6 << 4, HOPS = 255 };
	static const unsigned char nodes[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct advertisement packet = {
		.head = { .ip6_nxt = IPPROTO_ICMPV6,
			  .ip6_hlim = HOPS,
			  .ip6_src = lease->address6,
			  .ip6_dst = { .s6_addr = { 0xff, 2, [15] = 1 } } },
		.body = { .nd_na_hdr = { .icmp6_type = ND_NEIGHBOR_ADVERT },
			  .nd_na_target = lease->address6 },
		.option = { .nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1 },
	};
	const size_t body = sizeof packet - sizeof packet.head;

	packet.head.ip6_vfc = IPV6_FIRST;
	packet.head.ip6_plen = htons((uint16_t)body);
	packet.body.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(packet.mac, mac, ETH_ALEN);
	packet.body.nd_na_cksum = checksum(&packet, body);
	all->sll_protocol = htons(ETH_P_IPV6);
	memcpy(all->sll_addr, nodes, ETH_ALEN);
	if (sendto(fd, &packet, sizeof packet, 0, (struct sockaddr *)all, sizeof *all) < 0)
		return;
}

/*
 * The packets of an interface without an end on the host. Its close waits for an RCU grace period, 6 to 12 ms, which is
 * why a packet socket is not the way for all.
 */
static void send_announcements(const struct lease *lease, const unsigned char *mac)
{
	scoped_fd int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_ll all = { .sll_family = AF_PACKET,
				   .sll_ifindex = (int)if_nametoindex(lease->link),
				   .sll_halen = ETH_ALEN };

	if (fd < 0)
		return;
	if (lease->prefix)
		announce(fd, &all, lease, mac);
	if (lease->prefix6)
		announce6(fd, &all, lease, mac);
}

/*
 * The kernel announces all addresses of a link whose hardware address is set, with arp_notify and ndisc_notify, also
 * if it is set to the same (Documentation/networking/ip-sysctl.rst). Only a veth takes that without any other effect.
 */
void network_guest_announce(const struct lease *lease)
{
	scoped_fd int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq own = { 0 };

	snprintf(own.ifr_name, sizeof own.ifr_name, "%s", lease->link);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &own) < 0)
		return;
	if (lease->inside)
		send_announcements(lease, (const unsigned char *)own.ifr_hwaddr.sa_data);
	else if (ioctl(fd, SIOCSIFHWADDR, &own) < 0)
		return;
}
