/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key and the certificate of the server: files that are given, or a pair of its own, made at the first run. */
#ifndef BERTH_GATEWAY_TLS_H
#define BERTH_GATEWAY_TLS_H

#include "base/err.h"

/* TLS 1.2 and later. */
#define TLS_PRIORITIES "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"

enum { TLS_FINGERPRINT = 3 * 32, TLS_NAMES = 5, TLS_NAME = 128 };

struct tls {
	char *key, *certificate;           /* owned, PEM */
	char fingerprint[TLS_FINGERPRINT]; /* SHA-256 of the certificate, "AB:CD:..." */
	char names[TLS_NAMES][TLS_NAME];   /* hosts for which it is good, or "" */
	char note[160];                    /* what is to be told of its time, or "" */
};

struct tls_spec {
	const char *certificate, *key; /* files, or NULL: a pair of its own */
	const char *address; /* for which a new certificate is good, besides the host's name */
};

/* 0 or -code. Freed by tls_close. */
int tls_open(struct tls *tls, const struct tls_spec *spec, struct err *err);
void tls_close(struct tls *tls);

#endif
