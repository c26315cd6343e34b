/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests over TCP, which come from a browser: by Host and Origin they are of our own page, by a cookie they are a
 * user's; and what is answered without the router, which is the page and the sign-in.
 */
#ifndef BERTH_GATEWAY_BROWSER_H
#define BERTH_GATEWAY_BROWSER_H

#include "gateway/request.h"

/* Judges the request; finds its user. Whether the answer is not the router's; then browser_answer gives it. */
bool browser_check(struct request *request);
enum MHD_Result browser_answer(struct request *request);
/* Answers with the cookie of a session, "" to take it away; with status 303 the browser goes to the page. */
enum MHD_Result browser_give_cookie(struct request *request, const char *secret, unsigned status);

#endif
