/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP and UDP ports that programs of this host use. */
#ifndef BERTH_KERN_HOST_PORT_H
#define BERTH_KERN_HOST_PORT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum { HOST_PORT_OWNER = 64 };

/*
 * Whether a program receives what comes to the port at that address, of AF_INET or AF_INET6 (all 0: at any):
 * -EADDRINUSE; 0: none does.
 * -EADDRNOTAVAIL: the host does not have the address. Nothing is bound afterwards.
 */
int host_port_probe(bool udp, int family, const void *address, uint16_t port);

/* The program that has the port, as "nginx (pid 123)", or "another program": it may be in another PID namespace. */
void host_port_owner(bool udp, uint16_t port, char out[HOST_PORT_OWNER]);

#endif
