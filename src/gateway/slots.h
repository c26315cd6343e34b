/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room for children: so many requests run at once, so many more wait in the order in which they came. What lasts, an
 * answer without a known end or a socket, is counted apart, so that viewers leave room for requests. Pure.
 */
#ifndef BERTH_GATEWAY_SLOTS_H
#define BERTH_GATEWAY_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

struct slot_waiter {
	struct slot_waiter *next;
	bool waits;
	void (*ready)(struct slot_waiter *waiter); /* has a slot now */
};

struct slots {
	uint64_t most, most_waiting, most_lasting;
	uint64_t running, waiting, lasting;
	struct slot_waiter *first;
};

enum slot_answer { SLOT_NOW, SLOT_LATER, SLOT_NEVER };

enum slot_answer slots_take(struct slots *slots, struct slot_waiter *waiter);
/* Takes a waiter out of the queue, if it is there. */
void slots_forget(struct slots *slots, struct slot_waiter *waiter);
/* Gives the slot of a request back. The first that waits gets it. */
void slots_give_back(struct slots *slots);

/* Takes room for something that lasts: whether there is some. */
bool slots_take_lasting(struct slots *slots);
void slots_give_back_lasting(struct slots *slots);

#endif
