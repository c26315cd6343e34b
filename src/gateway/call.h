/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head of a request as its child gets it, and the sentences with which it is refused. */
#ifndef BERTH_GATEWAY_CALL_H
#define BERTH_GATEWAY_CALL_H

#include "gateway/environment.h"
#include "gateway/request.h"

/* Checks method, path, user and size. What is wrong is in request->fault. */
void call_check(struct request *request);
/* Seconds that the client lets the answer wait. */
/* Whether the client sends its body only when it is asked to, or has more than so many bytes of it. */
bool call_body_waits(const struct request *request, uint64_t most);
unsigned call_patience(const struct request *request);
/* The variables of CGI. */
void call_describe(const struct request *request, struct environment *env);

void call_refuse_size(struct request *request);
/* The child has given no head. */
void call_refuse_child(struct request *request);

#endif
