/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captures of the packets of a machine, over its runs. */
#ifndef BERTH_MACHINE_ATTACH_CAPTURE_H
#define BERTH_MACHINE_ATTACH_CAPTURE_H

#include "machine/state/machine.h"
#include "network/capture.h"

struct machine_capture {
	const char *nic;    /* borrowed; NULL: eth0, or the only one */
	const char *filter; /* borrowed; of pcap-filter(7); "": all packets */
	unsigned snaplen;   /* bytes of each packet */
	uint64_t count;     /* packets until it ends; 0: no limit */
	uint64_t seconds;   /* until it ends; 0: no limit */
	int out;            /* descriptor that the pcap file is written to */
	int stop_fd;        /* a descriptor of signalfd(2): a signal ends the capture */
	void (*tell)(const char *machine,
		     const char *event); /* a change that a user wants to know of */
};

/* Whether it could begin: the machine runs, and has the interface. */
int machine_capture_check(struct machine *machine, const struct machine_capture *wish,
			  struct err *err);

/*
 * Captures until the count or the time is reached, a signal comes, nobody reads the output, or the machine or its
 * interface ends. A machine that reboots, or is started again within two seconds, has another port, and the capture
 * goes on there; likewise an interface that was removed and added. An output that cannot be written is a result, not an
 * error. -EINVAL: the filter is wrong, and nothing is written. result: the sums of all runs.
 */
int machine_capture(struct machine *machine, const struct machine_capture *wish,
		    struct capture_result *result, struct err *err);

#endif
