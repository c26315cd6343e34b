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
	const char *routes;               /* KEY_ROUTES */
	unsigned mtu;                     /* bytes; 0: the kernel's default */
	unsigned vlan;                    /* 0: none is chosen */
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

/* The rules that the ports of a machine are to have. Borrowed from its settings. */
struct port_rules nics_rules(const struct machine *machine);

/* The lease of an interface, as far as it has one: 0, or -code without a sentence. */
int nics_lease(const struct machine *machine, const struct nic_view *nic, struct lease *lease);

/*
 * The machine's lease on the open network of an interface, made if there is none; under the machine's lock. A hardware
 * address that another machine has there, and one that is missing, is drawn again in machine.conf, and nic then has it.
 */
int nics_take_lease(struct machine *machine, struct nic_view *nic, struct network *network,
		    struct lease *lease, struct err *err);

/* ---- Fixed addresses, of either family (fixed.c) */

/* Whether the settings of a machine, but of that one not, name an address on a network; and the machine's name. */
bool fixed_has_holder(const struct dirs *dirs, const char *but, const char *network,
		      const char *address, char holder[64]);
/* Refuses an address of a machine that the settings of another name on that network. "" is always free. */
int fixed_check(const struct dirs *dirs, const char *machine, const char *network,
		const char *address, struct err *err);
/* The same for all interfaces of a machine. */
int fixed_check_all(const struct machine *machine, struct err *err);
/*
 * Takes the lock under which settings with fixed addresses are checked and written, after the machine's lock: a
 * descriptor, or -code.
 */
int fixed_lock(const struct dirs *dirs, struct err *err);
/* fixed_check_all under the lock, which the caller then has; without a fixed address *lock stays as it is. */
int fixed_claim(const struct machine *machine, int *lock, struct err *err);

/* A hardware address that is drawn at random; the caller owns it. NULL: out of memory. */
char *nics_draw_mac(void);

#endif
