/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reports of a guest's init to its NOTIFY_SOCKET, sd_notify(3): lines of NAME=value. */
#ifndef BERTH_KEEPER_NOTIFY_H
#define BERTH_KEEPER_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether an untrusted message has the line READY=1. */
bool notify_says_ready(const char *message, size_t length);

/*
 * Receives a message from a socket with SO_PASSCRED. 1: it says READY=1 and comes from init, one of our own processes,
 * or init's user; 0: anything else; or -errno.
 */
int notify_receive(int fd, pid_t init);

#endif
