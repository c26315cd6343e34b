/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs that become berth-api(8), the server in front of the router. */
#include "cmd/cli/verbs.h"

#include "base/install.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 64 };

#define PAGE "127.0.0.1:8443"

static const struct flag flag_cert = { "cert", 0, false, "FILE",
				       "certificate of the server, with those above it, in PEM" };
static const struct flag flag_idle = {
	"idle", 0, false, "SECONDS", "end when nobody has been connected for so long; 0 is never"
};
static const struct flag flag_key = { "key", 0, false, "FILE", "key of the certificate" };
static const struct flag flag_limit = { "limit", 0, false, "NAME=NUMBER",
					"set a limit of berth-api(8); may be given several times" };
static const struct flag flag_listen = { "listen", 0, false, "ADDRESS",
					 "unix:PATH, or an address and a port" };
static const struct flag flag_page = { "listen", 0, false, "ADDRESS:PORT",
				       "an address of the host and a port; " PAGE " otherwise" };
static const struct flag flag_sign_in = { "sign-in", 0, false, NULL,
					  "print a link with which root signs in once" };
static const struct flag flag_tls = { "tls", 0, false, NULL,
				      "speak TLS, on the loopback interface too" };
static const struct flag *const serve_flags[] = { &flag_cert,  &flag_idle,   &flag_key,
						  &flag_limit, &flag_listen, &flag_sign_in,
						  &flag_tls,   NULL };
static const struct flag *const web_flags[] = { &flag_cert, &flag_key, &flag_page, &flag_tls,
						NULL };

/* Flags that every verb takes are not the server's. */
static bool is_of_server(const struct flag *flag)
{
	static const struct flag *const all[] = { &flag_cert,    &flag_idle,   &flag_key,
						  &flag_limit,   &flag_listen, &flag_page,
						  &flag_sign_in, &flag_tls };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (flag == all[i])
			return true;
	return false;
}

/* Becomes the server, with the flags of the call. */
static int become(const struct call *call, const char *const *further, struct err *err)
{
	char program[PATH_MAX], berth[PATH_MAX], *words[2 * WORDS + 8], *end;
	size_t count = 0;

	if (call->given_count > WORDS)
		return err_set(err, E2BIG, "there are more than %d flags", WORDS);
	if (install_program("berth-api", program, sizeof program) < 0 ||
	    install_berth(berth, sizeof berth) < 0)
		return err_set(err, ENAMETOOLONG, "the path of berth-api is too long");
	/* A program that was replaced meanwhile is started as the new one. */
	end = strstr(berth, " (deleted)");
	if (end)
		*end = '\0';
	const char *fixed[] = { program, "--router", berth };
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
		words[count++] = strdup(fixed[i]);
	for (; *further; further++)
		words[count++] = strdup(*further);
	for (size_t i = 0; i < call->given_count; i++) {
		const struct flag *flag = call->given[i].flag;
		const char *value = call->given[i].value;
		if (!is_of_server(flag))
			continue;
		words[count++] =
			text_format("--%s%s%s", flag->name, value ? "=" : "", value ? value : "");
	}
	words[count] = NULL;
	if (call->dirs.root)
		setenv("BERTH_ROOT", call->dirs.root, 1);
	execv(program, words);
	int code = errno;
	return code == ENOENT ? err_set(err, code,
					"'%s' is not there: berth was built without libmicrohttpd; "
					"install its headers, and build it again",
					program)
			      : err_set(err, code, "execute '%s': %s", program, strerror(code));
}

static int run_serve(struct call *call, struct err *err)
{
	static const char *const none[] = { NULL };

	return become(call, none, err);
}

static int run_web(struct call *call, struct err *err)
{
	static const char *const usual[] = { "--listen=" PAGE, "--sign-in", NULL };
	static const char *const chosen[] = { "--sign-in", NULL };

	return become(call, call_has(call, &flag_page) ? chosen : usual, err);
}

const struct command command_api_server = {
	.group = "api",
	.name = "serve",
	.args = "",
	.help = "Serve the API over HTTP, by berth-api(8)",
	.flags = serve_flags,
	.traits = COMMAND_LOOKS,
	.run = run_serve,
};

const struct command command_web = {
	.name = "web",
	.args = "",
	.help = "Serve the page for browsers, and print a link with which root signs in once",
	.flags = web_flags,
	.traits = COMMAND_LOOKS,
	.run = run_web,
};
