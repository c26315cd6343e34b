/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The three files of a lease, below the network's folder, and how they come and go together:
 *
 *   hosts/ADDRESS   "MAC,ADDRESS,NAME": the allocation, made exclusively; dnsmasq's dhcp-hostsdir
 *   names/NAME      "ADDRESS NAME # MAC": found by name in one read; dnsmasq's hostsdir, so that a
 *                   name is answered for a machine that never asks DHCP, too
 *   macs/MAC        a link to NAME: whose the hardware address is, as long as that name has it
 *   pending         while one comes or goes: another name of hosts/ADDRESS
 *
 * hosts/ comes first and goes last, so that whoever finds a name has the address. All but the
 * reading happens under the network's lock, after lease_file_repair.
 */
#ifndef BERTH_NETWORK_LEASE_FILE_H
#define BERTH_NETWORK_LEASE_FILE_H

#include "network/network.h"

/* By name: 0, -ENOENT (also for one that is torn or of another subnet), or -errno. */
int lease_file_find(const struct network *network, const char *name, struct lease *lease);

/* Who has an address, and can be found by name: as above. */
int lease_file_holder(const struct network *network, struct in_addr address, struct lease *lease);

/* Finishes or undoes what a killed command left. */
int lease_file_repair(const struct network *network);

/* Whether a hardware address is in the list as a name's own. */
bool lease_file_owns_mac(const struct network *network, const char *name, const char *mac);

/*
 * Puts it there: 0, or -ENOTUNIQ when another living lease has it (*other: whose), or -errno. What is
 * there of no living lease goes. Before the lease itself, whose lack makes the entry nobody's.
 */
int lease_file_claim_mac(const struct network *network, const struct lease *lease, char other[64]);

/* Takes lease's address for its name: -EEXIST when another living lease has it. */
int lease_file_add(const struct network *network, const struct lease *lease);

int lease_file_remove(const struct network *network, const struct lease *lease);

/* Gives a lease another mac. */
int lease_file_change(const struct network *network, const struct lease *lease);

/* Calls visit with the name of each; stops at nonzero and returns it. 0, or -errno. */
int lease_file_each(const struct network *network, int (*visit)(void *, const char *name),
		    void *context);

/* How many there are, or -errno. */
int lease_file_count(const struct network *network);

#endif
