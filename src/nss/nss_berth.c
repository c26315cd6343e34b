/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nss/nss_berth.h"

#include "nss/find.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The caller's buffer, which all that is handed out lies in. */
struct callers_buffer {
	char *next;
	size_t left;
};

/* Takes aligned bytes of the caller's buffer, or NULL. */
static void *take_room(struct callers_buffer *room, size_t size)
{
	size_t pad = -(uintptr_t)room->next % sizeof(void *);

	if (room->left < pad || room->left - pad < size)
		return NULL;
	void *taken = room->next + pad;
	room->next += pad + size;
	room->left -= pad + size;
	return taken;
}

static char *take_text(struct callers_buffer *room, const char *text)
{
	char *copy = take_room(room, strlen(text) + 1);

	return copy ? strcpy(copy, text) : NULL;
}

static enum nss_status not_found(int *errnop, int *h_errnop)
{
	*errnop = ENOENT;
	*h_errnop = HOST_NOT_FOUND;
	return NSS_STATUS_NOTFOUND;
}

/* The caller tries again with a larger buffer. */
static enum nss_status too_small(int *errnop, int *h_errnop)
{
	*errnop = ERANGE;
	*h_errnop = NETDB_INTERNAL;
	return NSS_STATUS_TRYAGAIN;
}

static size_t length_of(int family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* Writes a hostent of the found addresses, which are of one family. */
static bool write_host(const struct found *found, int family, struct hostent *host, char *buffer,
		       size_t size)
{
	struct callers_buffer room = { buffer, size };
	size_t length = length_of(family);

	host->h_addrtype = family;
	host->h_length = (int)length;
	host->h_name = take_text(&room, found->name);
	host->h_aliases = take_room(&room, sizeof(char *));
	host->h_addr_list = take_room(&room, (found->count + 1) * sizeof(char *));
	if (!host->h_name || !host->h_aliases || !host->h_addr_list)
		return false;
	host->h_aliases[0] = NULL;
	for (size_t i = 0; i < found->count; i++) {
		host->h_addr_list[i] = take_room(&room, length);
		if (!host->h_addr_list[i])
			return false;
		memcpy(host->h_addr_list[i], &found->addresses[i].is, length);
	}
	host->h_addr_list[found->count] = NULL;
	return true;
}

enum nss_status _nss_berth_gethostbyname4_r(const char *name, struct gaih_addrtuple **all,
					    char *buffer, size_t size, int *errnop, int *h_errnop,
					    int32_t *ttl)
{
	struct callers_buffer room = { buffer, size };
	struct gaih_addrtuple *first = *all; /* the caller may give the first one */
	struct gaih_addrtuple **next = all;
	struct found found;

	nss_find(name, AF_UNSPEC, &found);
	if (found.count == 0)
		return not_found(errnop, h_errnop);
	char *whole = take_text(&room, found.name);
	for (size_t i = 0; i < found.count; i++) {
		struct gaih_addrtuple *one =
			i == 0 && first ? first : take_room(&room, sizeof *one);
		if (!whole || !one)
			return too_small(errnop, h_errnop);
		*one = (struct gaih_addrtuple){ .name = whole,
						.family = found.addresses[i].family };
		memcpy(one->addr, &found.addresses[i].is, length_of(one->family));
		*next = one;
		next = &one->next;
	}
	if (ttl)
		*ttl = 0;
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_berth_gethostbyname3_r(const char *name, int family, struct hostent *host,
					    char *buffer, size_t size, int *errnop, int *h_errnop,
					    int32_t *ttl, char **canonical)
{
	struct found found;

	if (family != AF_INET && family != AF_INET6) {
		*errnop = EAFNOSUPPORT;
		*h_errnop = NO_DATA;
		return NSS_STATUS_UNAVAIL;
	}
	nss_find(name, family, &found);
	if (found.count == 0)
		return not_found(errnop, h_errnop);
	if (!write_host(&found, family, host, buffer, size))
		return too_small(errnop, h_errnop);
	if (ttl)
		*ttl = 0;
	if (canonical)
		*canonical = host->h_name;
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_berth_gethostbyname2_r(const char *name, int family, struct hostent *host,
					    char *buffer, size_t size, int *errnop, int *h_errnop)
{
	return _nss_berth_gethostbyname3_r(name, family, host, buffer, size, errnop, h_errnop, NULL,
					   NULL);
}

enum nss_status _nss_berth_gethostbyname_r(const char *name, struct hostent *host, char *buffer,
					   size_t size, int *errnop, int *h_errnop)
{
	return _nss_berth_gethostbyname2_r(name, AF_INET, host, buffer, size, errnop, h_errnop);
}

enum nss_status _nss_berth_gethostbyaddr2_r(const void *address, socklen_t length, int family,
					    struct hostent *host, char *buffer, size_t size,
					    int *errnop, int *h_errnop, int32_t *ttl)
{
	struct found found;

	if ((family != AF_INET && family != AF_INET6) || length < length_of(family)) {
		*errnop = EAFNOSUPPORT;
		*h_errnop = NO_DATA;
		return NSS_STATUS_UNAVAIL;
	}
	nss_find_back(address, family, &found);
	if (found.count == 0)
		return not_found(errnop, h_errnop);
	memcpy(&found.addresses[0].is, address, length_of(family));
	if (!write_host(&found, family, host, buffer, size))
		return too_small(errnop, h_errnop);
	if (ttl)
		*ttl = 0;
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_berth_gethostbyaddr_r(const void *address, socklen_t length, int family,
					   struct hostent *host, char *buffer, size_t size,
					   int *errnop, int *h_errnop)
{
	return _nss_berth_gethostbyaddr2_r(address, length, family, host, buffer, size, errnop,
					   h_errnop, NULL);
}
