/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The three files of a lease, below the network's folder, and how they come and go together:
 *
 *   hosts/ADDRESS   "MAC,ADDRESS,NAME": the allocation, made exclusively; dnsmasq's dhcp-hostsdir.
 *                   With an IPv6 address "MAC,ADDRESS,NAME,[ADDRESS6]"
 *                   On a network that is not berth's own ADDRESS is 0.0.0.0 and the file hosts/NAME, unless
 *                   the address is fixed
 *   names/NAME      "ADDRESS NAME # MAC": found by name in one read; dnsmasq's hostsdir, so that a
 *                   name is answered for a machine that never asks DHCP, too. With an IPv6 address a
 *                   second line "ADDRESS6 NAME"
 *   macs/MAC        a link to NAME: whose the hardware address is, as long as that name has it
 *   pending         while one comes or goes: another name of hosts/ADDRESS, or what that will be
 *
 * hosts/ comes before names/ and goes after it, so that whoever finds a name has the address. macs/ comes and goes
 * while pending exists, so that a killed command leaves none behind. All but the reading happens under the network's
 * lock, after lease_file_repair.
 */
#ifndef BERTH_NETWORK_LEASE_FILE_H
#define BERTH_NETWORK_LEASE_FILE_H

#include "network/network.h"

/* Fills in what every lease of the network has. */
void lease_file_begin(const struct network *network, struct lease *lease);

/* Completes a lease that has its addresses: without an IPv4 address it has no subnet and no gateway of IPv4 either. */
void lease_file_finish(struct lease *lease);

/* Finds a lease by name: 0, -ENOENT (also for a damaged one, and one of another subnet), or -errno. */
int lease_file_find(const struct network *network, const char *name, struct lease *lease);

/* Finds the lease that has an address and is listed by name: as above. */
int lease_file_holder(const struct network *network, struct in_addr address, struct lease *lease);

/* Whether a killed command may have left a change half done. */
bool lease_file_is_pending(const struct network *network);

/* Completes or undoes changes of a killed command. */
int lease_file_repair(const struct network *network);

/* Whether a hardware address is listed as this name's. */
bool lease_file_owns_mac(const struct network *network, const char *name, const char *mac);

/* Finds the name of the lease that has a hardware address. */
bool lease_file_mac_holder(const struct network *network, const char *mac, char holder[64]);

/* Lists the hardware address of a lease that exists and has it. An entry without a lease is replaced. */
int lease_file_list_mac(const struct network *network, const struct lease *lease);

/*
 * Makes the lease: allocates its address to its name, and lists its hardware address, which no other lease may have.
 * -EEXIST: another lease has the address.
 */
int lease_file_add(const struct network *network, const struct lease *lease);

int lease_file_remove(const struct network *network, const struct lease *lease);

/* Changes the hardware address of a lease, which no other lease may have. */
int lease_file_change(const struct network *network, const struct lease *lease);

/* Changes the IPv6 address of a lease. dnsmasq, which may remember the one before, is not told. */
int lease_file_renumber(const struct network *network, const struct lease *lease);

/*
 * Gives a lease another name, which has none; address and hardware address stay. After a kill the lease has its old
 * name or both names, and the same call completes the change.
 */
int lease_file_rename(const struct network *network, const struct lease *lease, const char *to);

/* Calls visit with the name of each lease; stops at nonzero and returns it. 0, or -errno. */
int lease_file_each(const struct network *network, int (*visit)(void *, const char *name),
		    void *context);

/* The number of leases, or -errno. */
int lease_file_count(const struct network *network);

#endif
