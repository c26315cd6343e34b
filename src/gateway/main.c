/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-api [--listen unix:PATH|ADDRESS:PORT] [--idle SECONDS] [--limit NAME=NUMBER]... [--router PROGRAM] [--sign-in]
 *           [--tls | --cert FILE --key FILE]
 * Serves the API of berth over HTTP: berth-api(8). `berth api serve` executes it.
 */
#include "base/clock.h"
#include "base/dirs.h"
#include "base/file.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "gateway/account.h"
#include "gateway/cgi.h"
#include "gateway/connection.h"
#include "gateway/gateway.h"
#include "gateway/listen.h"
#include "gateway/request.h"
#include "gateway/server.h"
#include "gateway/socket.h"
#include "gateway/watch.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

enum {
	IDLE_SECONDS = 30,
	MOST_SECONDS = 86400,
	USAGE = 2,
};

struct options {
	const char *listen; /* borrowed; NULL: systemd's socket, or that of the installation */
	const char *router; /* borrowed; NULL: where berth was installed */
	uint64_t idle;      /* seconds without a connection after which it ends; 0: never */
	const char *certificate, *key; /* borrowed: files, or NULL */
	bool has_idle, signs_in, secure;
};

struct serving {
	struct gateway gateway;
	struct server server;
	struct watch signals;
	char *path;      /* owned: of a socket of our own, or NULL */
	int64_t idle;    /* milliseconds; 0: never */
	int64_t busy;    /* when there was a connection last */
	int64_t drained; /* when what is left is broken off; 0: it serves */
};

static int fail(const struct err *fault)
{
	fprintf(stderr, "berth-api: %s\n", fault->text);
	return fault->code == EINVAL ? USAGE : EXIT_FAILURE;
}

static int read_options(int argc, char **argv, struct options *options, struct limits *limits,
			struct err *err)
{
	static const struct option known[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "idle", required_argument, NULL, 'i' },
		{ "limit", required_argument, NULL, 'm' },
		{ "router", required_argument, NULL, 'r' },
		{ "sign-in", no_argument, NULL, 's' },
		{ "tls", no_argument, NULL, 't' },
		{ "cert", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	int letter;

	opterr = 0;
	while ((letter = getopt_long(argc, argv, "+:", known, NULL)) != -1) {
		if (letter == 'l')
			options->listen = optarg;
		else if (letter == 'r')
			options->router = optarg;
		else if (letter == 'm' && limits_set(limits, optarg, err) < 0)
			return -err->code;
		else if (letter == 'i' && text_to_u64(optarg, 0, MOST_SECONDS, &options->idle) < 0)
			return err_set(err, EINVAL, "--idle takes 0 to %d seconds, not '%s'",
				       MOST_SECONDS, optarg);
		else if (letter == ':' || letter == '?')
			return err_set(err, EINVAL, "%s '%s'; see berth-api(8)",
				       letter == ':' ? "a value is missing behind"
						     : "there is no option",
				       argv[optind - 1]);
		options->has_idle |= letter == 'i';
		options->signs_in |= letter == 's';
		options->secure |= letter == 't' || letter == 'c';
		if (letter == 'c')
			options->certificate = optarg;
		if (letter == 'k')
			options->key = optarg;
	}
	if (!options->certificate != !options->key)
		return err_set(err, EINVAL, "--cert and --key are given both or not at all");
	bool is_local = !options->listen || text_starts(options->listen, "unix:");
	if (options->signs_in && is_local)
		return err_set(err, EINVAL, "a browser needs --listen ADDRESS:PORT%s%s%s",
			       options->listen ? ", not '" : "",
			       options->listen ? options->listen : "", options->listen ? "'" : "");
	if (options->secure && is_local)
		return err_set(err, EINVAL,
			       "--tls and --cert need --listen ADDRESS:PORT: on a unix socket the "
			       "kernel tells who has connected");
	if (optind < argc)
		return err_set(err, EINVAL, "'%s' is no option; see berth-api(8)", argv[optind]);
	return 0;
}

/* Finds the socket, and its path if it is one of our own. A descriptor or -code. */
static int open_socket(const struct options *options, char **path, bool *secure, struct err *err)
{
	scoped_dirs struct dirs dirs = { 0 };
	int fd = options->listen ? -ENOENT : listen_activated();

	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		return err_set(err, -fd, "what systemd has handed over is no socket that listens");
	if (options->listen && !text_starts(options->listen, "unix:"))
		return listen_tcp(options->listen, secure, err);
	if (options->listen) {
		*path = strdup(options->listen + strlen("unix:"));
	} else {
		if (dirs_open(&dirs, NULL, err) < 0 || file_make_dirs(dirs.run, 0711, err) < 0)
			return -err->code;
		*path = dirs_run_path(&dirs, "api.socket");
	}
	if (!*path)
		return err_set(err, ENOMEM, "out of memory");
	return listen_unix(*path, err);
}

static void drain(struct serving *serving)
{
	struct gateway *gateway = &serving->gateway;

	if (gateway->draining)
		return;
	gateway->draining = true;
	serving->drained = clock_ms() + (int64_t)gateway->limits.drain * 1000;
	int fd = server_quiesce(&serving->server);
	if (fd >= 0 && serving->path)
		listen_forget(fd, serving->path);
	if (fd >= 0)
		close(fd);
	request_drain(gateway);
	socket_end_all(gateway, NULL);
	connection_drain(gateway);
}

static void signal_ready(struct watch *watch, uint32_t events)
{
	struct serving *serving =
		(struct serving *)(void *)((char *)watch - offsetof(struct serving, signals));
	struct signalfd_siginfo signal;

	(void)events;
	while (read(watch->fd, &signal, sizeof signal) == sizeof signal)
		if (signal.ssi_signo != SIGCHLD)
			drain(serving);
	process_reap(&serving->gateway.processes);
	watch_arm(serving->gateway.epoll, watch, EPOLLIN);
}

static int open_loop(struct serving *serving, struct err *err)
{
	static const int told[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
		sigaddset(&set, told[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	serving->gateway.epoll = epoll_create1(EPOLL_CLOEXEC);
	serving->signals = (struct watch){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = signal_ready,
	};
	if (serving->gateway.epoll < 0 || serving->signals.fd < 0 ||
	    watch_arm(serving->gateway.epoll, &serving->signals, EPOLLIN) < 0)
		return err_set(err, errno, "wait for signals: %s", strerror(errno));
	return 0;
}

/* Whether it is over. A connection that has not said anything yet counts: its request may be on the way. */
static bool is_over(struct serving *serving, int64_t now)
{
	const struct gateway *gateway = &serving->gateway;

	if (gateway->connections || gateway->children || gateway->sockets)
		serving->busy = now;
	if (!gateway->draining && serving->idle && now - serving->busy >= serving->idle)
		drain(serving);
	if (!gateway->draining)
		return false;
	return now >= serving->drained ||
	       (!gateway->connections && !gateway->children && !gateway->sockets);
}

static int patience(const struct serving *serving, int64_t now, int64_t next)
{
	int server = server_patience(&serving->server);

	if (serving->gateway.draining)
		gateway_sooner(&next, serving->drained);
	else if (serving->idle)
		gateway_sooner(&next, serving->busy + serving->idle);
	if (!next)
		return server;
	int own = next <= now ? 0 : next - now > 60000 ? 60000 : (int)(next - now);
	return server >= 0 && server < own ? server : own;
}

static bool something_lasts(const struct gateway *gateway, const char *user)
{
	return request_lasts(gateway, user) || socket_lasts(gateway, user);
}

/* A user who may not sign in any more keeps no session, stream or socket. */
static void end_refused(struct gateway *gateway)
{
	const char *user;

	while ((user = account_refused(gateway))) {
		log_line("user %s may not sign in any more: what was signed in has ended", user);
		session_end_all(gateway->web.sessions, user);
		request_end_all(gateway, user);
		socket_end_all(gateway, user);
	}
}

static void serve(struct serving *serving)
{
	struct gateway *gateway = &serving->gateway;

	serving->busy = clock_ms();
	for (;;) {
		server_run(&serving->server);
		/* Behind that, which sets deadlines. */
		int64_t now = clock_ms(), next = 0;
		gateway->resumed = false;
		connection_tick(gateway, now, &next);
		request_tick(gateway, now, &next);
		cgi_tick(gateway, now, &next);
		socket_tick(gateway, now, &next);
		account_tick(gateway, now, &next, something_lasts);
		end_refused(gateway);
		if (is_over(serving, now))
			return;
		watch_wait(gateway->epoll, gateway->resumed ? 0 : patience(serving, now, next));
	}
}

/* Descriptors 0 to 2 are there, so that none that is opened gets such a number. */
static void fill_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

static int open_tls(struct web *web, const struct options *options, struct err *err)
{
	char address[WEB_NAME];
	struct tls_spec spec = { .certificate = options->certificate,
				 .key = options->key,
				 .address = address };
	const char *begin = options->listen + (*options->listen == '[');

	if (!web->secure)
		return 0;
	text_print(address, sizeof address, "%.*s",
		   (int)strcspn(begin, *options->listen == '[' ? "]" : ":"), begin);
	if (tls_open(&web->tls, &spec, err) < 0)
		return -err->code;
	web_name(web);
	return 0;
}

static void tell_tls(const struct web *web)
{
	if (!web->secure)
		return;
	fprintf(stderr, "berth-api: SHA-256 of the certificate: %s\n", web->tls.fingerprint);
	if (*web->tls.note)
		fprintf(stderr, "berth-api: %s\n", web->tls.note);
}

/* The address is taken: another link of the server there, if it is one that was asked for. 1 or -code. */
static int join(struct web *web, const struct options *options, const struct err *in_use,
		struct err *err)
{
	if (web->given && open_tls(web, options, err) < 0)
		return -err->code;
	int served = web_is_served(web, err);
	if (served == 0) {
		*err = *in_use;
		return -err->code;
	}
	return served < 0 || web_print_link(web, err) < 0 ? -err->code : 1;
}

/* Makes it a server for browsers. 1: another program serves the address already, and nothing is left to do. */
static int open_web(struct web *web, const struct options *options, int *fd, struct err *err)
{
	struct err in_use = *err;

	if (!options->listen || text_starts(options->listen, "unix:"))
		return *fd < 0 ? *fd : 0;
	if (*fd < 0 && (in_use.code != EADDRINUSE || !options->signs_in))
		return *fd;
	*err = (struct err){ 0 };
	if (web_open(web, options->listen, err) < 0)
		return -err->code;
	if (*fd < 0)
		return join(web, options, &in_use, err);
	/* The own pair is that of the server which has the place. */
	if (web_take_place(web, err) < 0 || open_tls(web, options, err) < 0 ||
	    web_announce(web, err) < 0)
		return -err->code;
	tell_tls(web);
	if (web->pages.count == 0)
		fprintf(stderr,
			"berth-api: the page is not there, and the API alone is served: no files "
			"in '%s'; BERTH_WEB names their folder\n",
			web->folder);
	return options->signs_in ? web_print_link(web, err) : 0;
}

int main(int argc, char **argv)
{
	static struct serving serving;
	struct gateway *gateway = &serving.gateway;
	struct options options = { 0 };
	struct err err = { 0 };

	limits_default(&gateway->limits);
	if (read_options(argc, argv, &options, &gateway->limits, &err) < 0)
		return fail(&err);
	fill_standard();
	log_to(STDERR_FILENO);
	gateway->router = options.router ? options.router : BERTH_BINDIR "/berth";
	gateway->web.secure = options.secure;
	gateway->web.given = options.certificate != NULL;
	int fd = open_socket(&options, &serving.path, &gateway->web.secure, &err);
	int r = open_web(&gateway->web, &options, &fd, &err);
	if (r < 0)
		return fail(&err);
	if (r == 1)
		return EXIT_SUCCESS;
	/* Nothing would start it again behind a socket of its own. */
	serving.idle = options.has_idle ? (int64_t)options.idle * 1000
		       : serving.path   ? 0
					: IDLE_SECONDS * 1000;
	gateway->slots = (struct slots){ .most = gateway->limits.requests,
					 .most_waiting = gateway->limits.waiting,
					 .most_lasting = gateway->limits.streams };
	if (open_loop(&serving, &err) < 0 || server_open(&serving.server, gateway, fd, &err) < 0)
		return fail(&err);
	serve(&serving);
	request_abandon(gateway);
	socket_abandon(gateway);
	server_run(&serving.server);
	server_close(&serving.server);
	account_free_all(gateway);
	web_close(&gateway->web);
	free(serving.path);
	return EXIT_SUCCESS;
}
