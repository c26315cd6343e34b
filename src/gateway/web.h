/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the gateway knows as a server for browsers. */
#ifndef BERTH_GATEWAY_WEB_H
#define BERTH_GATEWAY_WEB_H

#include "gateway/pages.h"
#include "gateway/session.h"
#include "gateway/tls.h"

#include <limits.h>
#include <stdint.h>

enum { WEB_NAMES = 2 + TLS_NAMES, WEB_NAME = TLS_NAME + 8 };

/* Zeroed: it listens on a unix socket. */
struct web {
	bool secure; /* it speaks TLS, with */
	bool given;  /* files that it was given, and else a pair of its own: */
	struct tls tls;
	char names[WEB_NAMES][WEB_NAME]; /* what Host may be: HOST:PORT, or "" */
	char *sessions;                  /* owned: their folder */
	int note;              /* owned: the lock that says where the server is; 0: none */
	char folder[PATH_MAX]; /* of the files of the page */
	struct pages pages;
	unsigned failures;           /* sign-ins that have failed since then */
	int64_t failed_since;        /* milliseconds */
	unsigned wrong;              /* passwords that were, since then */
	int64_t wrong_since;         /* milliseconds */
	unsigned logins;             /* programs that ask PAM now */
	char secret[SESSION_SECRET]; /* of the session that is being answered */
};

/* Prepares a server at ADDRESS:PORT: names, files, sessions. 0 or -code; web_close after both. */
int web_open(struct web *web, const char *address, struct err *err);
/* Takes the names of its certificate too. */
void web_name(struct web *web);
/* Takes the place of the host's one server for the page, and says to others where it is. 0 or -code. */
int web_take_place(struct web *web, struct err *err);
int web_announce(const struct web *web, struct err *err);
/*
 * Whether another program serves that address, with TLS and the certificate of web, if it has been given some; secure is
 * what it says of itself then. 1; 0: none does; -EBUSY: it serves otherwise.
 */
int web_is_served(struct web *web, struct err *err);
/* Prints a link with which root signs in, once. 0 or -code. */
int web_print_link(const struct web *web, struct err *err);
void web_close(struct web *web);

#endif
