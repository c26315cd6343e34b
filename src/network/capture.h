/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Captures of a link by berth-capture, a program of its own: it alone links libpcap. */
#ifndef BERTH_NETWORK_CAPTURE_H
#define BERTH_NETWORK_CAPTURE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CAPTURE_SNAPLEN = 262144 /* bytes: the largest that readers of the format take */ };

/* A link to capture from. All borrowed. */
struct capture_spec {
	const char *link;
	int space;          /* descriptor of the network namespace that has the link; -1: ours */
	const char *filter; /* of pcap-filter(7); "": all packets */
	unsigned snaplen;   /* bytes of each packet */
	uint64_t count;     /* packets until it ends; 0: no limit */
	int64_t until;      /* end by clock_ms(); 0: none */
	int out;            /* descriptor that the file is written to */
	bool goes_on;       /* the file has its header already */
};

/* A capture that goes on. Zeroed, with fd -1, is none. */
struct capture {
	pid_t pid;
	int fd; /* owned; readable once the program has something to say */
};

enum capture_end {
	CAPTURE_ASKED,  /* capture_stop */
	CAPTURE_FULL,   /* the count or the time is reached */
	CAPTURE_GONE,   /* the link was removed or went down */
	CAPTURE_CLOSED, /* nobody reads the output any more */
	CAPTURE_LOST,   /* the output could not be written: failure */
	CAPTURE_REMOVED /* the machine has this interface no more */
};

struct capture_result {
	enum capture_end end;
	uint64_t captured, dropped; /* packets: written; not taken in time */
	int failure; /* errno, with CAPTURE_LOST; a regular file is whole nevertheless */
};

/*
 * Starts the program, and waits until it captures. -EINVAL: the filter is wrong; -ENODEV: there is no such link.
 * The link is not changed, and is captured from as it is: the frames that it receives are seen before the
 * firewall's rules.
 */
int capture_begin(struct capture *capture, const struct capture_spec *spec, struct err *err);

/* Asks for the end; what was received until now is still written. */
void capture_stop(struct capture *capture);

/* Waits for the end, at most that many milliseconds (-1: no limit). 0 with the result, or -code; -ETIMEDOUT. */
int capture_wait(struct capture *capture, int milliseconds, struct capture_result *result,
		 struct err *err);

/* Ends it, if it still runs. */
void capture_close(struct capture *capture);
#define scoped_capture __attribute__((cleanup(capture_close)))

#endif
