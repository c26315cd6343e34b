/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Run inside a machine: makes a tun interface from /dev/net/tun, gives it an address and sends a
 * datagram through it, which must come out of the descriptor as it went in.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char word[] = "through the tunnel";

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int open_tun(struct ifreq *request)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open /dev/net/tun");
	*request = (struct ifreq){ .ifr_flags = IFF_TUN | IFF_NO_PI };
	if (ioctl(fd, TUNSETIFF, request) < 0)
		die("TUNSETIFF");
	return fd;
}

static void set_address(int udp, struct ifreq *request)
{
	struct sockaddr_in address = { .sin_family = AF_INET };

	inet_pton(AF_INET, "10.99.0.1", &address.sin_addr);
	memcpy(&request->ifr_addr, &address, sizeof address);
	if (ioctl(udp, SIOCSIFADDR, request) < 0)
		die("SIOCSIFADDR");
	inet_pton(AF_INET, "255.255.255.0", &address.sin_addr);
	memcpy(&request->ifr_netmask, &address, sizeof address);
	if (ioctl(udp, SIOCSIFNETMASK, request) < 0)
		die("SIOCSIFNETMASK");
	request->ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(udp, SIOCSIFFLAGS, request) < 0)
		die("SIOCSIFFLAGS");
}

int main(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9999) };
	struct ifreq request;
	char packet[2048];
	int tun = open_tun(&request);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	set_address(udp, &request);
	inet_pton(AF_INET, "10.99.0.2", &to.sin_addr);
	if (sendto(udp, word, sizeof word, 0, (struct sockaddr *)&to, sizeof to) < 0)
		die("sendto");
	struct pollfd ready = { .fd = tun, .events = POLLIN };
	/* The kernel says a word of its own first: IPv6's search for routers. */
	while (poll(&ready, 1, 10000) > 0) {
		ssize_t n = read(tun, packet, sizeof packet);
		if (n > 0 && memmem(packet, (size_t)n, word, sizeof word)) {
			puts("passed");
			return 0;
		}
	}
	fputs("nothing came out\n", stderr);
	return 1;
}
