/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child of a socket: the router's own program, with the words of the ticket. */
#ifndef BERTH_GATEWAY_ATTACH_START_H
#define BERTH_GATEWAY_ATTACH_START_H

#include "gateway/attach.h"
#include "gateway/gateway.h"
#include "gateway/terminal.h"

/* Starts it on the far ends of the streams. 0 or -errno. */
int attach_start(struct attach *attach, const struct streams *streams, struct gateway *gateway,
		 struct process *process);

#endif
