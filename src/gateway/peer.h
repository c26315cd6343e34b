/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user at the other end of a socket. */
#ifndef BERTH_GATEWAY_PEER_H
#define BERTH_GATEWAY_PEER_H

#include "base/err.h"

#include <stddef.h>

enum { PEER_NAME = 256 };

/* The name of the user who made the connection, by SO_PEERCRED. 0 or -code; -EPERM: this host knows no such user. */
int peer_user(int fd, char *name, size_t room, struct err *err);

#endif
