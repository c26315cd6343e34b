/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sign-in links and sessions of browsers, as files of the run folder that have the sum of a secret as their name: so
 * they outlive the program, and whoever reads the folder learns no secret.
 */
#ifndef BERTH_GATEWAY_SESSION_H
#define BERTH_GATEWAY_SESSION_H

#include "base/err.h"

#include <stddef.h>

enum {
	SESSION_SECRET = 44, /* 32 random bytes in base64 for URLs, and the end */
	SESSION_SECONDS = 12 * 3600,
	SESSION_LINK_SECONDS = 120,
};

enum session_kind { SESSION_LINK, SESSION_COOKIE };

/* Makes one for a user in that folder, which is made if it is missing. 0 or -code. */
int session_make(const char *folder, enum session_kind kind, const char *user, char *secret,
		 struct err *err);
/*
 * The user whose secret it is; a link is taken away by that. 0; -ENOENT: there is none, or it is too old.
 */
int session_find(const char *folder, enum session_kind kind, const char *secret, char *user,
		 size_t room);
void session_end(const char *folder, const char *secret);
/* Ends all sessions of a user. */
void session_end_all(const char *folder, const char *user);

#endif
