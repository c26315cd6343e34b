/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Machines by name and names by address, as the lease files have them (network/lease_file.h). Every program that looks
 * up a host runs this, with its own rights: each file is read once and bounded, and whatever is not as it has to be
 * counts as not found. errno stays as it was.
 */
#ifndef BERTH_NSS_FIND_H
#define BERTH_NSS_FIND_H

#include <netinet/in.h>
#include <stddef.h>

enum {
	NSS_NAME_MAX = 253, /* characters of a name with its domain */
	NSS_FOUND_MAX = 32, /* addresses of one machine, over all networks */
};

/* The addresses of a machine, and its name in the first network that has it. */
struct found {
	char name[NSS_NAME_MAX + 1];
	struct {
		int family;
		union {
			struct in_addr v4;
			struct in6_addr v6;
		} is;
	} addresses[NSS_FOUND_MAX];
	size_t count;
};

/*
 * Finds the addresses of "web", in every network, or of "web.berth", in the networks of that domain. family: AF_UNSPEC
 * = both. found->count is 0 if there is none.
 */
void nss_find(const char *name, int family, struct found *found);

/* Finds the name of the machine that has an address, a struct in_addr or in6_addr: found->count is 1, else 0. */
void nss_find_back(const void *address, int family, struct found *found);

#endif
