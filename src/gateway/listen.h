/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening sockets: those that systemd hands over, and unix sockets of our own. */
#ifndef BERTH_GATEWAY_LISTEN_H
#define BERTH_GATEWAY_LISTEN_H

#include "base/err.h"

#include <stdbool.h>

/*
 * The first socket of socket activation (sd_listen_fds(3)), which is two variables of the environment and needs no
 * library. A descriptor; -ENOENT: there is none for this process.
 */
int listen_activated(void);

/*
 * Listens on a unix socket at path, to which every user may connect. A socket there on which nobody listens any more is
 * replaced. A descriptor or -code.
 */
int listen_unix(const char *path, struct err *err);
/*
 * Listens on ADDRESS:PORT, with brackets about an address of IPv6. An address that others than this host reach needs
 * TLS, which *secure says or is made to. A descriptor or -code.
 */
int listen_tcp(const char *text, bool *secure, struct err *err);
/* Removes the name of a socket of listen_unix, if it is still that one. */
void listen_forget(int fd, const char *path);

#endif
