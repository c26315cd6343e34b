/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dnsmasq of a network: DHCP and DNS on its bridge, for names with a lease. */
#ifndef BERTH_NETWORK_DNS_H
#define BERTH_NETWORK_DNS_H

#include "network/network.h"

enum dns_state {
	DNS_ABSENT,  /* none runs */
	DNS_STALE,   /* ours runs, with other settings or in another network namespace */
	DNS_RUNNING, /* ours runs as it should */
};

/*
 * The state of the network's dnsmasq. It is recognised by its arguments, not by its pid, which another process may have
 * by now: one of them must be the path of our pid file.
 */
enum dns_state dns_look(const struct network *network);

/* "" if dnsmasq is installed; else a sentence about what does not work without it. */
const char *dns_fault(void);

/*
 * Starts dnsmasq, after stopping a running one. On success it serves; on failure err says why, such as a port that is
 * taken. The bridge must have its address. Under the network's lock.
 */
int dns_start(const struct network *network, struct err *err);

/* Stops dnsmasq and waits for its end. Idempotent. Under the network's lock. */
int dns_stop(const struct network *network, struct err *err);

/*
 * Makes a running dnsmasq forget a lease whose file was removed: it would still answer for the name, and refuse the
 * address to its next owner. Quiet; a failure does not matter.
 */
void dns_forget(const struct network *network, const struct lease *lease);

/*
 * Makes the folder of aliases (aliases.h), without which dnsmasq does not start: a network that an older version has made
 * has none. 0 or -code.
 */
int dns_make_aliases(const struct network *network, struct err *err);

/* Makes a running dnsmasq read its files of names anew, since it may keep what one had before. Quiet. */
void dns_reload(const struct network *network);

#endif
