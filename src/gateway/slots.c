/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts and a queue. */
#include "gateway/slots.h"

#include <stddef.h>

enum slot_answer slots_take(struct slots *slots, struct slot_waiter *waiter)
{
	struct slot_waiter **end = &slots->first;

	if (slots->running < slots->most) {
		slots->running++;
		return SLOT_NOW;
	}
	if (slots->waiting >= slots->most_waiting)
		return SLOT_NEVER;
	while (*end)
		end = &(*end)->next;
	*end = waiter;
	waiter->next = NULL;
	waiter->waits = true;
	slots->waiting++;
	return SLOT_LATER;
}

void slots_forget(struct slots *slots, struct slot_waiter *waiter)
{
	if (!waiter->waits)
		return;
	for (struct slot_waiter **at = &slots->first; *at; at = &(*at)->next)
		if (*at == waiter) {
			*at = waiter->next;
			slots->waiting--;
			break;
		}
	waiter->waits = false;
}

void slots_give_back(struct slots *slots)
{
	struct slot_waiter *waiter = slots->first;

	if (!waiter) {
		slots->running--;
		return;
	}
	slots_forget(slots, waiter);
	waiter->ready(waiter);
}

bool slots_take_lasting(struct slots *slots)
{
	if (slots->lasting >= slots->most_lasting)
		return false;
	slots->lasting++;
	return true;
}

void slots_give_back_lasting(struct slots *slots)
{
	slots->lasting--;
}
