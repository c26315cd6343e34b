/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of a network's machines for programs of the host, through systemd-resolved, where that runs: it asks the network's
 * dnsmasq for the network's domain and for the names of its addresses, and for nothing else. libsystemd is berth-names's
 * alone, a program that is run only if something has changed.
 */
#ifndef BERTH_NETWORK_HOST_NAMES_H
#define BERTH_NETWORK_HOST_NAMES_H

#include "network/network.h"

/* Whether systemd-resolved seems to run, and berth can speak to it. */
bool host_names_offered(void);

/*
 * Whether nothing is to be done: systemd-resolved was told all of the network, does not run, or has refused a moment ago.
 * serves: whether the network's dnsmasq runs. Without systemd-resolved it costs one system call.
 */
bool host_names_are_current(const struct network *network, bool serves);

/* Tells systemd-resolved, if it is to be told, within seconds. A failure is told by network->warning. */
void host_names_settle(struct network *network, bool serves);

enum host_names {
	HOST_NAMES_UNTOLD, /* systemd-resolved does not run, or the network is down or has no domain */
	HOST_NAMES_TOLD,    /* it finds the network's machines */
	HOST_NAMES_REFUSED, /* it was told, and did not take it */
};
enum host_names host_names_look(const struct dirs *dirs, const char *network);

#endif
