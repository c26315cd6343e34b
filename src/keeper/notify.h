/* What a guest's init reports to its NOTIFY_SOCKET, sd_notify(3): lines of NAME=value. */
#ifndef BERTH_KEEPER_NOTIFY_H
#define BERTH_KEEPER_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a message, which may hold anything, has the line READY=1. */
bool notify_says_ready(const char *message, size_t length);

#endif
