/* SPDX-License-Identifier: GPL-2.0-or-later */
/* berth-login, which asks PAM: pam_main.c has what it reads and how it ends. */
#ifndef BERTH_GATEWAY_LOGIN_PROGRAM_H
#define BERTH_GATEWAY_LOGIN_PROGRAM_H

#include "gateway/gateway.h"

/* Starts it with that input, which stays the caller's. 0 or -errno. */
int login_program(struct gateway *gateway, struct process *process, int input);

#endif
