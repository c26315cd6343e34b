/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the users who have signed in with a password may still: PAM is asked again at bounded intervals while they use
 * their session, and all that they have here ends once it says no.
 */
#ifndef BERTH_GATEWAY_ACCOUNT_H
#define BERTH_GATEWAY_ACCOUNT_H

#include "gateway/gateway.h"

/* A user has signed in: his account was judged just now. */
void account_signed_in(struct gateway *gateway, const char *user);
/* A user makes a request by his session. PAM is asked beside it, if that was long ago. */
void account_use(struct gateway *gateway, const char *user);
/* Asks about those of whom something lasts, and ends programs that take too long. */
void account_tick(struct gateway *gateway, int64_t now, int64_t *next,
		  bool (*lasts)(const struct gateway *gateway, const char *user));
/* The name of one who may not go on, told once. NULL: there is none. */
const char *account_refused(struct gateway *gateway);
void account_free_all(struct gateway *gateway);

#endif
