/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libcurl has TLS, proxies of the environment and redirects; ours are the bounds: of size, of time without data, of
 * where a redirect may lead, and of how often a transfer is tried again.
 */
#include "image/fetch/transport.h"

#include "base/file.h"
#include "base/scoped.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

enum {
	ATTEMPTS = 3,              /* without any progress */
	PROGRESS_BYTES = 64 << 10, /* what counts as some */
	REDIRECTS_MAX = 5,
	CONNECT_SECONDS = 20,
	STALL_SECONDS = 30, /* with fewer bytes a second than the next: documented in berth(1) */
	STALL_BYTES = 1000,
};

struct transfer {
	const char *url;
	CURL *curl;
	struct text *text; /* NULL: into fd */
	int fd;
	uint64_t done, max;
	bool too_large;
	int write_code; /* errno of a failed write */
	char said[CURL_ERROR_SIZE];
	long status;       /* of HTTP */
	long proxy_status; /* of a proxy that was asked to connect */
};

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
	struct transfer *t = context;
	size_t n = size * count;

	if (n > t->max - t->done) {
		t->too_large = true;
		return 0;
	}
	int r = t->text ? text_add_bytes(t->text, bytes, n)
			: file_write_all(t->fd, bytes, n, (off_t)t->done);
	if (r < 0) {
		t->write_code = -r;
		return 0;
	}
	t->done += n;
	return n;
}

static long stall_seconds(void)
{
	const char *given = getenv("BERTH_STALL");
	uint64_t seconds;

	if (given && text_to_seconds(given, 1, 3600, &seconds) == 0)
		return (long)seconds;
	return STALL_SECONDS;
}

/* A transfer by https follows redirects to https only: an attacker on the way could otherwise choose the file. */
static void set_protocols(CURL *curl, bool secure)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS,
			 secure ? CURLPROTO_HTTPS : CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
}

static void set_up(struct transfer *t)
{
	const char *authorities = getenv("SSL_CERT_FILE");
	CURL *curl = t->curl;

	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, t->url);
	set_protocols(curl, text_starts(t->url, "https:"));
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "berth");
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)STALL_BYTES);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stall_seconds());
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->said);
	curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->done);
	if (authorities && *authorities)
		curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
}

/* The message of the server, which may contain any bytes. */
static const char *said(struct transfer *t)
{
	for (char *p = t->said; *p; p++)
		*p = *p < ' ' || *p > '~' ? '?' : *p;
	return *t->said ? t->said : "unknown failure";
}

static int tell_http(const struct transfer *t, struct err *err)
{
	if (t->status == 404 || t->status == 410)
		return err_set(err, ENOENT, "'%s' is not there (HTTP status %ld)", t->url,
			       t->status);
	if (t->status == 407 || t->proxy_status == 407)
		return err_set(err, EACCES,
			       "the proxy asks for a name and password (HTTP status 407)");
	if (t->status == 0)
		return err_set(err, ECONNREFUSED,
			       "'%s': the proxy refused to connect, with HTTP status %ld", t->url,
			       t->proxy_status);
	return err_set(err, EIO, "'%s': the server refused it with HTTP status %ld", t->url,
		       t->status);
}

/* Failures before a server was reached, those of the proxy among them. */
static int tell_unreached(struct transfer *t, CURLcode code, struct err *err)
{
	const char *proxy = NULL;

	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
		return err_set(err, EHOSTUNREACH,
			       "the name of the proxy cannot be resolved: %s; see http_proxy and "
			       "https_proxy of the environment",
			       said(t));
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(err, EHOSTUNREACH,
			       "'%s': the server's name cannot be resolved; is the network up, and "
			       "does DNS answer? (%s)",
			       t->url, said(t));
	default:
		break;
	}
	if (text_starts(t->url, "https:"))
		proxy = getenv("https_proxy") ? getenv("https_proxy") : getenv("HTTPS_PROXY");
	else
		proxy = getenv("http_proxy");
	if (!proxy)
		proxy = getenv("all_proxy") ? getenv("all_proxy") : getenv("ALL_PROXY");
	if (proxy && *proxy)
		return err_set(err, ECONNREFUSED,
			       "'%s': no connection through the proxy of the environment: %s",
			       t->url, said(t));
	return err_set(err, ECONNREFUSED, "'%s': no connection to the server: %s", t->url, said(t));
}

static int tell_timeout(struct transfer *t, struct err *err)
{
	long connected = 0;

	curl_easy_getinfo(t->curl, CURLINFO_NUM_CONNECTS, &connected);
	if (connected > 0 && strstr(said(t), "too slow"))
		return err_set(err, ETIMEDOUT,
			       "'%s': the server stalls: hardly anything came in %ld seconds",
			       t->url, stall_seconds());
	return err_set(err, ETIMEDOUT, "'%s': no connection in %d seconds", t->url,
		       CONNECT_SECONDS);
}

/* Failures of the server, the connection or the proxy. */
static int tell_remote(struct transfer *t, CURLcode code, struct err *err)
{
	switch ((int)code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_ISSUER_ERROR:
		return err_set(err, EACCES, "'%s': the server's certificate is not trusted: %s",
			       t->url, said(t));
	case CURLE_TOO_MANY_REDIRECTS:
		return err_set(err, ELOOP, "'%s': the server redirects more than %d times", t->url,
			       REDIRECTS_MAX);
	case CURLE_UNSUPPORTED_PROTOCOL:
		return err_set(err, EACCES,
			       "'%s': the server redirects to a place that is not https", t->url);
	case CURLE_HTTP_RETURNED_ERROR:
		return tell_http(t, err);
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
		return err_set(err, EIO,
			       "'%s' is truncated: the server ended after %" PRIu64 " bytes",
			       t->url, t->done);
	case CURLE_OPERATION_TIMEDOUT:
		return tell_timeout(t, err);
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return tell_unreached(t, code, err);
	default:
		break;
	}
	/* A proxy that refuses to connect has many codes. */
	if (strstr(said(t), "proxy") || strstr(said(t), "CONNECT"))
		return tell_unreached(t, code, err);
	return err_set(err, EIO, "'%s': %s", t->url, said(t));
}

static int tell(struct transfer *t, CURLcode code, struct err *err)
{
	if (t->too_large)
		return err_set(err, EFBIG, "'%s' is larger than the %" PRIu64 " bytes allowed",
			       t->url, t->max);
	if (t->write_code)
		return err_set(err, t->write_code, "%s",
			       t->write_code == ENOSPC ? "the disk is full"
						       : strerror(t->write_code));
	return tell_remote(t, code, err);
}

/* Whether another try may end better. */
static bool may_pass(const struct transfer *t, CURLcode code)
{
	if (t->too_large || t->write_code)
		return false;
	switch ((int)code) {
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_RANGE_ERROR:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return !strstr(t->said, "proxy");
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return t->done > 0;
	case CURLE_HTTP_RETURNED_ERROR:
		return t->status == 416 || t->status == 408 || t->status == 429 || t->status >= 500;
	default:
		return false;
	}
}

/* Begins again, because the server cannot continue at the present offset. */
static void start_over(struct transfer *t)
{
	t->done = 0;
	if (t->text)
		text_free(t->text);
	else if (ftruncate(t->fd, 0) < 0)
		t->write_code = errno;
}

/* exact: fewer bytes than max are a truncated file. */
static CURLcode fetch_once(struct transfer *t, bool exact)
{
	t->said[0] = '\0';
	t->status = 0;
	set_up(t);
	CURLcode code = curl_easy_perform(t->curl);
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &t->status);
	curl_easy_getinfo(t->curl, CURLINFO_HTTP_CONNECTCODE, &t->proxy_status);
	if (code == CURLE_OK && exact && t->done < t->max)
		code = CURLE_PARTIAL_FILE;
	return code;
}

static int fetch_with_retries(struct transfer *t, bool exact, struct err *err)
{
	CURLcode code;

	t->curl = curl_easy_init();
	if (!t->curl)
		return err_set(err, ENOMEM, "out of memory");
	for (unsigned tries = 0;;) {
		uint64_t before = t->done;
		code = fetch_once(t, exact);
		if (code == CURLE_OK || !may_pass(t, code))
			break;
		tries = t->done >= before + PROGRESS_BYTES ? 0 : tries + 1;
		if (tries == ATTEMPTS)
			break;
		if (code == CURLE_RANGE_ERROR || t->status == 416 || t->text)
			start_over(t);
		sleep(tries);
	}
	int r = code == CURLE_OK ? 0 : tell(t, code, err);
	curl_easy_cleanup(t->curl);
	return r;
}

int transport_begin(struct err *err)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
		       ? 0
		       : err_set(err, EIO, "libcurl does not start");
}

int transport_read(const char *url, size_t max, struct text *text, struct err *err)
{
	struct transfer t = { .url = url, .text = text, .fd = -1, .max = max };

	return fetch_with_retries(&t, false, err);
}

int transport_save(const char *url, int fd, uint64_t size, struct err *err)
{
	struct transfer t = { .url = url, .fd = fd, .max = size };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, errno, "%s", strerror(errno));
	t.done = (uint64_t)st.st_size;
	if (t.done > size)
		start_over(&t);
	return t.done == size ? 0 : fetch_with_retries(&t, true, err);
}
