/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file with the host's name servers, wherever the link /etc/resolv.conf leads. */
#ifndef BERTH_BASE_RESOLV_CONF_H
#define BERTH_BASE_RESOLV_CONF_H

/*
 * The file, which need not be there yet while its folder is; "" when the link leads into a folder that is
 * missing. The caller owns it; NULL: out of memory.
 */
char *resolv_conf_file(void);

enum { RESOLV_CONF_FOLDERS = 8 };

/*
 * Calls visit with each folder in which something would have to change before resolv_conf_file says something else:
 * those of all links on the way, or what is there of them. At most RESOLV_CONF_FOLDERS.
 */
void resolv_conf_folders(void (*visit)(void *, const char *folder), void *context);

#endif
