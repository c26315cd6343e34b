/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/shared/sha256.h"

#include "kern/library.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 64 << 10 };

#define NETTLE_CALLS(CALL) \
	CALL(nettle_sha256_init) CALL(nettle_sha256_update) CALL(nettle_sha256_digest)

static struct {
	NETTLE_CALLS(LIBRARY_CALL)
} nettle;

static const char *const names[] = { NETTLE_CALLS(LIBRARY_NAME) };
static struct library library = { "libnettle.so.8", names, sizeof names / sizeof *names, &nettle,
				  false };

int sha256_begin(struct sha256 *sum, struct err *err)
{
	int r = library_load(&library);

	if (r < 0)
		return err_set(err, -r,
			       "sums of downloads need the library nettle, which cannot be "
			       "loaded: %s",
			       library_why());
	nettle.nettle_sha256_init(&sum->context);
	return 0;
}

void sha256_add(struct sha256 *sum, const void *bytes, size_t n)
{
	nettle.nettle_sha256_update(&sum->context, n, bytes);
}

void sha256_end(struct sha256 *sum, char hex[SHA256_HEX + 1])
{
	uint8_t digest[SHA256_DIGEST_SIZE];

	nettle.nettle_sha256_digest(&sum->context, sizeof digest, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

int sha256_file(int fd, char hex[SHA256_HEX + 1], struct sha256 *also, struct err *err)
{
	unsigned char chunk[CHUNK];
	struct sha256 sum;
	off_t at = 0;

	if (sha256_begin(&sum, err) < 0)
		return -err->code;
	for (;;) {
		ssize_t n = pread(fd, chunk, sizeof chunk, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, errno, "read what was downloaded: %s", strerror(errno));
		if (n == 0)
			break;
		sha256_add(&sum, chunk, (size_t)n);
		if (also)
			sha256_add(also, chunk, (size_t)n);
		at += n;
	}
	sha256_end(&sum, hex);
	return 0;
}
