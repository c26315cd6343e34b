/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network interfaces of a machine, as its settings describe them: eth0, if it has a network, and its sections. */
#ifndef BERTH_MACHINE_STATE_NICS_H
#define BERTH_MACHINE_STATE_NICS_H

#include "machine/state/machine.h"
#include "network/network.h"

/* One interface. All texts are borrowed from the machine's settings. */
struct nic_view {
	const char *name, *network;
	const char *mac, *address;        /* "" = drawn; as leased */
	const char *address6;             /* "" = made from the other one */
	unsigned mtu;                     /* bytes; 0: the kernel's default */
	bool route;                       /* the default route leads through it */
	const struct nic_config *section; /* NULL: eth0 */
};

/* Fills in all of them, eth0 first: their number. */
size_t nics_of(const struct machine *machine, struct nic_view nics[NICS_MAX]);

/* The interface of that name, or (name NULL) on that network. False: there is none. */
bool nics_find(const struct machine *machine, const char *name, const char *network,
	       struct nic_view *nic);

/* Adds what network_attach wants to know of the machine and the interface to a lease as the network gave it. */
void nics_shape(const struct machine *machine, const struct nic_view *nic, struct lease *lease);

/* The lease of an interface, as far as it has one: 0, or -code without a sentence. */
int nics_lease(const struct machine *machine, const struct nic_view *nic, struct lease *lease);

/*
 * The machine's lease on the open network of an interface, made if there is none; under the machine's lock. A hardware
 * address that another machine has there, and one that is missing, is drawn again in machine.conf, and nic then has it.
 */
int nics_take_lease(struct machine *machine, struct nic_view *nic, struct network *network,
		    struct lease *lease, struct err *err);

/* A hardware address that is drawn at random; the caller owns it. NULL: out of memory. */
char *nics_draw_mac(void);

#endif
