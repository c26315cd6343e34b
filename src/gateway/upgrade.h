/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way from a request with a ticket to a WebSocket. */
#ifndef BERTH_GATEWAY_UPGRADE_H
#define BERTH_GATEWAY_UPGRADE_H

#include "gateway/request.h"

/* Whether the request is for a ticket, GET /1.0/sockets/ID. */
bool upgrade_is_asked(const struct request *request);
/* Answers it. */
enum MHD_Result upgrade_answer(struct request *request);

#endif
