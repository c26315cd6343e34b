/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key and the certificate of the server: files that are given, or a pair of its own, made at the first run. */
#ifndef BERTH_GATEWAY_TLS_H
#define BERTH_GATEWAY_TLS_H

#include "base/err.h"

enum { TLS_FINGERPRINT = 3 * 32 };

struct tls {
	char *key, *certificate;           /* owned, PEM */
	char fingerprint[TLS_FINGERPRINT]; /* SHA-256 of the certificate, "AB:CD:..." */
};

struct tls_spec {
	const char *certificate, *key; /* files, or NULL: a pair of its own */
	const char *address; /* for which a new certificate is good, besides the host's name */
};

/* 0 or -code. Freed by tls_close. */
int tls_open(struct tls *tls, const struct tls_spec *spec, struct err *err);
void tls_close(struct tls *tls);

#endif
