/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room of lists that grow. */
#ifndef BERTH_BASE_ROOM_H
#define BERTH_BASE_ROOM_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Makes room for one item behind count others, each of size bytes: a full list gets twice its room. list is the address
 * of the caller's pointer to the items, which the caller owns. On -ENOMEM the list is as it was.
 */
static inline int room_for_one(void *list, size_t count, size_t *room, size_t size)
{
	void *items, *larger;

	if (count < *room)
		return 0;
	memcpy(&items, list, sizeof items);
	size_t wanted = *room ? *room * 2 : 32;
	larger = reallocarray(items, wanted, size);
	if (!larger)
		return -ENOMEM;
	memcpy(list, &larger, sizeof larger);
	*room = wanted;
	return 0;
}

#endif
