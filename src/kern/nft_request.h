/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The transport to nf_tables. For the files of kern/nft alone. */
#ifndef BERTH_KERN_NFT_REQUEST_H
#define BERTH_KERN_NFT_REQUEST_H

#include <stddef.h>

struct nlmsghdr;

/* Loads libmnl and libnftnl, if they are not. 0, or -ELIBACC. */
int nft_library(void);

/*
 * Sends messages and reads the answers until the acknowledgement, the end of a dump, or an error; each answer that has
 * a body is given to each, of libmnl's mnl_cb_t. 0, or -errno: -EOPNOTSUPP if the kernel lacks a part of nf_tables.
 */
int nft_request(const void *data, size_t size,
		int (*each)(const struct nlmsghdr *head, void *context), void *context);

#endif
