/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A send under way: one machine to one host, in as many connections as it takes. */
#ifndef BERTH_CMD_TRAVEL_SEND_H
#define BERTH_CMD_TRAVEL_SEND_H

#include "cmd/cli/common.h"
#include "cmd/travel/offer.h"
#include "cmd/travel/synced.h"
#include "machine/manage/travel.h"
#include "machine/wire/far.h"

/* documented in berth(1) */
enum {
	SEND_RETRIES = 6,
	SEND_RETRIES_MOST = 100,
	SEND_PART_LEAST = 64 << 10,
	SEND_PART_MOST = 1 << 30
};

struct sending {
	struct call *call;
	struct machine *machine; /* borrowed */
	struct target target;    /* owned */
	struct export_spec spec;
	struct far far;
	uint64_t rate, part; /* bytes; 0: not given */
	struct synced synced;
	struct offer offer; /* owned */
	char since[64];
	/* send_parts.c */
	bool anew;                      /* nothing of an earlier send is gone on with */
	bool sent;                      /* all bytes have left */
	bool parts;                     /* the other side keeps parts */
	uint64_t at;                    /* bytes that it has on its disk */
	unsigned retries, retries_most; /* that are left; of connections that bring nothing */
	char plan[SHA256_HEX + 1];
	struct export_point behind;
};

/*
 * After the offer: chooses the root's snapshot, and where in the stream it begins. SEND_AGAIN: the other side has to be
 * greeted once more, with another name of that snapshot. 0 or -code.
 */
enum { SEND_AGAIN = 1 };
int send_prepare(struct sending *sending, struct err *err);

/* Whether a failed connection is tried again, after a pause, of which the progress line tells. err: why it failed. */
bool send_waits(struct sending *sending, struct err *err);

/* After the last failure: adds to it what has stayed on the other side. Returns -code. */
int send_tell_rest(const struct sending *sending, struct err *err);

#endif
