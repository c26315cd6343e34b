/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sign-in with the name and the password of a user of this host: a program of its own asks PAM, and has so long. The
 * secrets are in memory alone, and in no argument, variable or log.
 */
#ifndef BERTH_GATEWAY_LOGIN_H
#define BERTH_GATEWAY_LOGIN_H

#include "gateway/process.h"
#include "gateway/request.h"

/* Programs at once, and bytes of a body. */
enum { LOGINS_MAX = 4, LOGIN_BODY = 4096 };

struct login {
	struct process process;
	struct gateway *gateway;
	struct request *request; /* NULL: it has gone */
	void (*ended)(struct request *request);
	char user[PEER_NAME];
};

/*
 * Begins with the body {"user": NAME, "password": WORD}; what is wrong is in the fault of the request. ended is called
 * when the program has judged.
 */
void login_start(struct request *request, void (*ended)(struct request *request));
/* The time of the program is over. */
void login_run_out(struct request *request);
/* The request goes: the program is killed. */
void login_leave(struct request *request);
/* The answer of a request whose program has ended, or that has a fault. */
enum MHD_Result login_answer(struct request *request);

#endif
