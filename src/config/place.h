/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Places of backups, as users write them. */
#ifndef BERTH_CONFIG_PLACE_H
#define BERTH_CONFIG_PLACE_H

/*
 * Why a text names no place of backups, a folder or ssh:[USER@]HOST:/FOLDER, as the end of a sentence; NULL: it does.
 */
const char *config_place_fault(const char *text);
/* Splits a place without a fault; the caller frees both. *host: NULL for a folder of this host. 0 or -ENOMEM. */
int config_place_split(const char *text, char **host, char **folder);

#endif
