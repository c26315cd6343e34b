/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dnsmasq of a network: DHCP and DNS for what has a lease, on its bridge only. */
#ifndef BERTH_NETWORK_DNS_H
#define BERTH_NETWORK_DNS_H

#include "network/network.h"

enum dns_state {
	DNS_ABSENT,  /* none runs */
	DNS_STALE,   /* ours runs, with other settings or in another network namespace */
	DNS_RUNNING, /* ours runs as it should */
};

/*
 * Told by the process's own arguments, not by a name or a number that another may have by now: the
 * process in our pid file must bear the path of that file among them.
 */
enum dns_state dns_look(const struct network *network);

/* "" when dnsmasq is installed, else the sentence that says what is missing without it. */
const char *dns_fault(void);

/*
 * Starts it anew, stopping one that runs. It serves when this returns 0; else err says why not, as
 * when its port is taken. The bridge must have its address. Under the network's lock.
 */
int dns_start(const struct network *network, struct err *err);

/* Returns when it is gone. Idempotent. Under the network's lock. */
int dns_stop(const struct network *network, struct err *err);

/*
 * Tells a running dnsmasq that a lease is no more (its file must be gone): it would answer for the old
 * name, and refuse the address to its next owner. Quiet, no failure matters.
 */
void dns_forget(const struct network *network, const struct lease *lease);

#endif
