/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A child that asks PAM, for one request. */
#include "gateway/login.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "gateway/account.h"
#include "gateway/browser.h"
#include "gateway/login_program.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { PASSWORD_MAX = 512, FAILURES = 10, FAILURES_MS = 60000 };

static bool is_throttled(struct web *web, int64_t now)
{
	if (now - web->wrong_since >= FAILURES_MS)
		web->wrong = 0;
	return web->wrong >= FAILURES || web->logins >= LOGINS_MAX;
}

/* The same words for a name that nobody has, a wrong password, and a user who may not. */
static void refuse(struct request *request)
{
	struct web *web = &request->gateway->web;

	if (web->wrong++ == 0)
		web->wrong_since = clock_ms();
	log_line("refused a sign-in by password");
	answer_refuse(&request->fault, 401, "EACCES",
		      "the name or the password is wrong, or the user may not sign in here");
}

static void refuse_unknown(struct request *request)
{
	log_line("a sign-in could not be judged: the host's PAM gave no answer");
	answer_refuse(&request->fault, 503, "EIO",
		      "the host cannot judge passwords now; its log has the cause, and 'berth web' "
		      "prints a link for root");
}

static void sign_in(struct request *request, const char *user)
{
	struct web *web = &request->gateway->web;
	struct err err = { 0 };

	if (session_make(web->sessions, SESSION_COOKIE, user, request->secret, &err) < 0) {
		answer_refuse(&request->fault, 500, "EIO", "%s", err.text);
		return;
	}
	account_signed_in(request->gateway, user);
	log_line("signed in user %s", user);
}

static void has_ended(struct process *process)
{
	struct login *login =
		(struct login *)(void *)((char *)process - offsetof(struct login, process));
	struct request *request = login->request;
	int status = process->status;

	login->gateway->web.logins--;
	if (request) {
		request->login = NULL;
		if (request->fault.status)
			; /* its time was over */
		else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			sign_in(request, login->user);
		else if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
			refuse(request);
		else
			refuse_unknown(request);
		login->ended(request);
	}
	free(login);
}

/* "USER\0PASSWORD\0" in a file of memory. -EINVAL: the body is not what it is to be. */
static int take_body(struct request *request, char user[PEER_NAME])
{
	char bytes[PEER_NAME + PASSWORD_MAX + 2];
	scoped_free char *text = NULL;
	json_t *body = NULL;
	int r = -EINVAL;

	if (request->body < 0 || lseek(request->body, 0, SEEK_SET) < 0)
		return -EINVAL;
	ssize_t n = file_read_opened(request->body, LOGIN_BODY, &text);
	if (n > 0)
		body = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	const char *name = json_string_value(json_object_get(body, "user"));
	const char *password = json_string_value(json_object_get(body, "password"));
	if (name && password && *name && json_object_size(body) == 2 && strlen(name) < PEER_NAME &&
	    strlen(password) <= PASSWORD_MAX) {
		text_print(user, PEER_NAME, "%s", name);
		size_t one = strlen(name) + 1, other = strlen(password) + 1;
		memcpy(bytes, name, one);
		memcpy(bytes + one, password, other);
		r = memfd_create("berth-login", MFD_CLOEXEC);
		if (r >= 0 && (file_write_all(r, bytes, one + other, 0) < 0)) {
			close(r);
			r = -ENOSPC;
		}
		explicit_bzero(bytes, sizeof bytes);
	}
	json_decref(body);
	if (n > 0)
		explicit_bzero(text, (size_t)n);
	scoped_close_fd(&request->body);
	return r;
}

void login_start(struct request *request, void (*ended)(struct request *request))
{
	struct web *web = &request->gateway->web;

	if (is_throttled(web, clock_ms())) {
		answer_refuse(&request->fault, 429, "EAGAIN",
			      "too many sign-ins have failed; try again in a minute");
		request->fault.retry = FAILURES_MS / 1000;
		return;
	}
	struct login *login = calloc(1, sizeof *login);
	scoped_fd int secrets = login ? take_body(request, login->user) : -ENOMEM;
	if (login)
		login->process.ended = has_ended;
	if (secrets == -EINVAL)
		answer_refuse(
			&request->fault, 400, "EINVAL",
			"a sign-in is an object with 'user' and 'password', both short texts");
	else if (secrets < 0 || lseek(secrets, 0, SEEK_SET) < 0 ||
		 login_program(request->gateway, &login->process, secrets) < 0)
		refuse_unknown(request);
	if (request->fault.status) {
		free(login);
		return;
	}
	web->logins++;
	login->gateway = request->gateway;
	login->request = request;
	login->ended = ended;
	request->login = login;
}

void login_run_out(struct request *request)
{
	if (!request->login)
		return;
	refuse_unknown(request);
	process_signal(&request->login->process, SIGKILL);
}

void login_leave(struct request *request)
{
	if (!request->login)
		return;
	request->login->request = NULL;
	process_signal(&request->login->process, SIGKILL);
	request->login = NULL;
}

enum MHD_Result login_answer(struct request *request)
{
	if (request->fault.status)
		return answer_fault(request->http, &request->fault);
	enum MHD_Result queued = browser_give_cookie(request, request->secret, 200);
	explicit_bzero(request->secret, sizeof request->secret);
	return queued;
}
