/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What berth-forward is started with:
 *
 *	berth-forward HEADER ADDRESS ADDRESS6 PORT... [demand BERTH ROOT MACHINE FORWARD RUN]
 *
 * HEADER is 1 if the machine is told who connects, else 0; the addresses are the machine's, ADDRESS6 "-" if it has none.
 * There is a PORT of the machine for each listening socket, which are the descriptors from FORWARDER_LISTENERS on. On
 * demand there are no addresses, "-", and the words of struct demand (forwarder/demand.h) follow.
 */
#ifndef BERTH_FORWARDER_FORWARDER_H
#define BERTH_FORWARDER_FORWARDER_H

#define FORWARDER_PROGRAM "berth-forward"

enum {
	FORWARDER_LOCK = 3, /* a file that is locked as long as the process lives */
	/* Appended to, a line with the pid, and closed: what a process without rights could write would not be trusted. */
	FORWARDER_NOTE = 4,
	/* Gets an int once the process serves, 0, or before it ends, an errno. */
	FORWARDER_REPORT = 5,
	/* The file that is locked while the machine is used (machine/life/use.h); on demand, any file. */
	FORWARDER_USE = 6,
	FORWARDER_LISTENERS = 7,
};

enum {
	FORWARDER_PORTS_MAX = 100,                         /* of a range */
	FORWARDER_LISTENERS_MAX = 2 * FORWARDER_PORTS_MAX, /* both families */
	FORWARDER_CONNECTIONS_MAX = 1024,
};

#endif
