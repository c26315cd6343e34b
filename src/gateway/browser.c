/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sign-in, sign-out, files of the page. */
#include "gateway/browser.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/account.h"
#include "gateway/pages.h"
#include "gateway/session.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SIGN_IN  "/sign-in/"
#define SIGN_OUT "/sign-out"

enum { FAILURES = 10, FAILURES_MS = 60000 };

static const char *header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->http, MHD_HEADER_KIND, name);
}

static const char *scheme(const struct request *request)
{
	return request->gateway->web.secure ? "https" : "http";
}

/* With the prefix a browser takes it only over TLS, from this host itself and for all of its paths. */
static const char *cookie_name(const struct request *request)
{
	return request->gateway->web.secure ? "__Host-berth" : "berth";
}

static const char *cookie(const struct request *request)
{
	return MHD_lookup_connection_value(request->http, MHD_COOKIE_KIND, cookie_name(request));
}

/* A name that leads here, but is not ours, is another page's, which would get the answers. */
static bool is_own_host(const struct request *request)
{
	const struct web *web = &request->gateway->web;
	const char *host = header(request, "Host"), *usual = web->secure ? ":443" : ":80";

	for (size_t i = 0; host && i < WEB_NAMES; i++) {
		const char *name = web->names[i];
		size_t length = strlen(name), n = strlen(host);
		/* A browser leaves the usual port out. */
		if (text_ends(name, usual) && n + strlen(usual) == length)
			length = n;
		if (n > 0 && n == length && strncasecmp(host, name, n) == 0)
			return true;
	}
	return false;
}

/* Whether our own page has made the request. What changes something, and a socket, must say so. */
static bool is_own_origin(const struct request *request)
{
	const char *origin = header(request, "Origin"), *site = header(request, "Sec-Fetch-Site"),
		   *host = header(request, "Host");
	char own[WEB_NAME + 16];

	if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return request->looks && !origin && !header(request, "Upgrade") &&
		       !text_starts(request->target, "/1.0");
	if (!origin)
		return request->looks && !header(request, "Upgrade");
	return text_print(own, sizeof own, "%s://%s", scheme(request), host) == 0 &&
	       strcmp(origin, own) == 0;
}

static void refuse_origin(struct request *request)
{
	log_line("refused a request of another page");
	/* A caller without a browser is told what a page sends. */
	if (!header(request, "Origin") && !header(request, "Sec-Fetch-Site"))
		answer_refuse(&request->fault, 403, "EACCES",
			      "the request may be of another page: one that changes something "
			      "needs the header 'Origin: %s://%s'",
			      scheme(request), header(request, "Host"));
	else
		answer_refuse(&request->fault, 403, "EACCES", "the request is of another page");
}

static bool is_throttled(struct web *web, int64_t now)
{
	if (now - web->failed_since >= FAILURES_MS)
		web->failures = 0;
	return web->failures >= FAILURES;
}

static void note_failure(struct request *request, int64_t now)
{
	struct web *web = &request->gateway->web;

	if (web->failures++ == 0)
		web->failed_since = now;
	log_line("refused a sign-in");
	answer_refuse(&request->fault, 401, "EACCES",
		      "the link is not valid: it is good once, for two minutes; 'berth web' prints "
		      "another");
}

static void sign_in(struct request *request)
{
	struct web *web = &request->gateway->web;
	struct err err = { 0 };
	int64_t now = clock_ms();

	if (is_throttled(web, now)) {
		answer_refuse(&request->fault, 429, "EAGAIN",
			      "too many sign-ins have failed; try again in a minute");
		request->fault.retry = FAILURES_MS / 1000;
	} else if (session_find(web->sessions, SESSION_LINK, request->target + strlen(SIGN_IN),
				request->user, sizeof request->user) < 0) {
		note_failure(request, now);
	} else if (session_make(web->sessions, SESSION_COOKIE, request->user, web->secret, &err) <
		   0) {
		answer_refuse(&request->fault, 500, "EIO", "%s", err.text);
	} else {
		log_line("signed in user %s", request->user);
	}
}

static bool is_login(const struct request *request)
{
	return strcmp(request->target, "/sign-in") == 0 && strcmp(request->method, "POST") == 0;
}

bool browser_check(struct request *request)
{
	struct web *web = &request->gateway->web;
	const char *secret = cookie(request);

	*request->user = '\0';
	if (!is_own_host(request)) {
		answer_refuse(&request->fault, 421, "EACCES", "this host is %s", web->names[0]);
		return true;
	}
	if (!is_own_origin(request)) {
		refuse_origin(request);
		return true;
	}
	if (request->looks && text_starts(request->target, SIGN_IN)) {
		sign_in(request);
		return true;
	}
	if (is_login(request)) {
		request->signs_in = true;
		return true;
	}
	if (request->looks && pages_find(&web->pages, request->target))
		return true;
	if (secret && session_find(web->sessions, SESSION_COOKIE, secret, request->user,
				   sizeof request->user) == 0) {
		account_use(request->gateway, request->user);
		return strcmp(request->target, SIGN_OUT) == 0 && !request->looks;
	}
	answer_refuse(&request->fault, 401, "EACCES",
		      "nobody is signed in; sign in with a password, or as root by the link that "
		      "'berth web' prints");
	return true;
}

enum MHD_Result browser_give_cookie(struct request *request, const char *secret, unsigned status)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	char text[256];

	if (!response)
		return MHD_NO;
	snprintf(text, sizeof text, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s; Max-Age=%d",
		 cookie_name(request), secret, request->gateway->web.secure ? "; Secure" : "",
		 *secret ? SESSION_SECONDS : 0);
	MHD_add_response_header(response, "Set-Cookie", text);
	explicit_bzero(text, sizeof text);
	if (status == 303)
		MHD_add_response_header(response, "Location", "/");
	/* The link is in the address. */
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	return answer_queue(request->http, status, response);
}

static enum MHD_Result give_page(struct request *request, const struct page *page)
{
	/* A terminal in the page makes styles of its own. */
	bool styles = strcmp(page->path, "/terminal.html") == 0;
	unsigned status;
	struct MHD_Response *response = pages_read(&request->gateway->web.pages, page,
						   header(request, "If-None-Match"), &status);

	if (!response) {
		answer_refuse(&request->fault, 404, "ENOENT", "'%s' is gone", page->path);
		return answer_fault(request->http, &request->fault);
	}
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
	return answer_queue_policy(
		request->http, status, response,
		styles ? "default-src 'none'; script-src 'self'; style-src 'self' "
			 "'unsafe-inline'; " ANSWER_REST
		       : "default-src 'none'; script-src 'self'; style-src 'self'; " ANSWER_REST);
}

enum MHD_Result browser_answer(struct request *request)
{
	struct web *web = &request->gateway->web;
	const struct page *page = pages_find(&web->pages, request->target);

	if (request->fault.status)
		return answer_fault(request->http, &request->fault);
	if (text_starts(request->target, SIGN_IN)) {
		enum MHD_Result queued = browser_give_cookie(request, web->secret, 303);
		explicit_bzero(web->secret, sizeof web->secret);
		return queued;
	}
	if (page)
		return give_page(request, page);
	session_end(web->sessions, cookie(request));
	return browser_give_cookie(request, "", 303);
}
