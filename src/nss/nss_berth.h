/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The room of the module of the name service switch ("hosts: files berth dns" in nsswitch.conf(5)), by which the host
 * finds machines by name, and their names by address. It is a library of its own for the C library alone: no program of
 * berth includes it, and it includes nothing of theirs. No daemon and no network is asked; without berth's files it
 * finds nothing.
 */
#ifndef BERTH_NSS_NSS_BERTH_H
#define BERTH_NSS_NSS_BERTH_H

#include <netdb.h>
#include <nss.h>
#include <sys/socket.h>

/*
 * The interface of glibc (manual, "NSS Module Function Internals"). All results lie in the caller's buffer;
 * NSS_STATUS_TRYAGAIN with ERANGE asks for a larger one. family: AF_INET or AF_INET6. ttl, canonical: NULL, or filled
 * in.
 */
#pragma GCC visibility push(default)
enum nss_status _nss_berth_gethostbyname4_r(const char *name, struct gaih_addrtuple **all,
					    char *buffer, size_t size, int *errnop, int *h_errnop,
					    int32_t *ttl);
enum nss_status _nss_berth_gethostbyname3_r(const char *name, int family, struct hostent *host,
					    char *buffer, size_t size, int *errnop, int *h_errnop,
					    int32_t *ttl, char **canonical);
enum nss_status _nss_berth_gethostbyname2_r(const char *name, int family, struct hostent *host,
					    char *buffer, size_t size, int *errnop, int *h_errnop);
enum nss_status _nss_berth_gethostbyname_r(const char *name, struct hostent *host, char *buffer,
					   size_t size, int *errnop, int *h_errnop);
enum nss_status _nss_berth_gethostbyaddr2_r(const void *address, socklen_t length, int family,
					    struct hostent *host, char *buffer, size_t size,
					    int *errnop, int *h_errnop, int32_t *ttl);
enum nss_status _nss_berth_gethostbyaddr_r(const void *address, socklen_t length, int family,
					   struct hostent *host, char *buffer, size_t size,
					   int *errnop, int *h_errnop);
#pragma GCC visibility pop

#endif
