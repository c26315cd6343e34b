/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file with the host's name servers: the target of the link /etc/resolv.conf. */
#ifndef BERTH_BASE_RESOLV_CONF_H
#define BERTH_BASE_RESOLV_CONF_H

/*
 * The path of the file, which may not exist yet if its folder does; "" if the link leads into a missing folder. The
 * caller owns it; NULL: out of memory.
 */
char *resolv_conf_file(void);

enum { RESOLV_CONF_FOLDERS = 8 };

/*
 * Calls visit with each folder whose change could change the result of resolv_conf_file: the folders of all links on
 * the way, or their nearest existing parents. At most RESOLV_CONF_FOLDERS.
 */
void resolv_conf_folders(void (*visit)(void *, const char *folder), void *context);

#endif
