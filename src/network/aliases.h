/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Further names of machines in the DNS of a network: its key dns.aliases has "ALIAS=MACHINE" words. The file
 * aliases/ALIAS of the network's folder has a line "ADDRESS MACHINE ALIAS" for each address; it is in a folder of its own,
 * since the files of names/ are leases. dnsmasq reads it (hostsdir), and so does berth's module of the name service
 * switch.
 */
#ifndef BERTH_NETWORK_ALIASES_H
#define BERTH_NETWORK_ALIASES_H

#include "network/network.h"

/*
 * Under the network's lock, after its leases or its settings have changed: makes the files as they should be. A machine
 * that has the name of an alias keeps it alone. 0 or -errno.
 */
int aliases_settle(const struct network *network);
/* Under the network's lock: aliases of a machine follow its new name, in the settings too. 0 or -code. */
int aliases_rename(struct network *network, const char *machine, const char *to, struct err *err);

#endif
