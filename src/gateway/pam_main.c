/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-login, the program that asks the host's PAM about a user: modules may hang, crash, or change their process, and
 * none of that is the server's. Standard input is "USER\0PASSWORD\0", or "USER\0" where a session is to go on. It ends
 * with 0: the user is who he says, or may go on; 1: he is not, or may not sign in; 2: PAM could not be asked.
 */
#include <errno.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <shadow.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { GOOD, REFUSED, UNKNOWN };
/* The delay of PAM for a wrong password is two seconds, up to half of that more or less (pam_fail_delay(3)). */
enum { INPUT_MAX = 2048, REFUSED_SECONDS = 3 };

static char input[INPUT_MAX + 1];

/* Each question that is not to be seen is that for the password; any other gets no answer. */
static int answer(int count, const struct pam_message **messages, struct pam_response **out,
		  void *password)
{
	struct pam_response *all;

	if (count <= 0 || count > PAM_MAX_NUM_MSG || !(all = calloc((size_t)count, sizeof *all)))
		return PAM_CONV_ERR;
	for (int i = 0; i < count; i++) {
		int style = messages[i]->msg_style;
		if (style == PAM_PROMPT_ECHO_OFF)
			all[i].resp = strdup(password);
		if (style == PAM_PROMPT_ECHO_ON || (style == PAM_PROMPT_ECHO_OFF && !all[i].resp)) {
			for (int j = 0; j <= i; j++)
				free(all[j].resp);
			free(all);
			return PAM_CONV_ERR;
		}
	}
	*out = all;
	return PAM_SUCCESS;
}

/* A module may mean another user, whose rights the first one would get. */
static int is_same(pam_handle_t *pam, const char *user)
{
	const void *now = NULL;

	return pam_get_item(pam, PAM_USER, &now) == PAM_SUCCESS && now && strcmp(now, user) == 0;
}

/* Modules of PAM that judge an account know nothing of a password that was locked, by an exclamation mark before it. */
static int is_locked(const char *user)
{
	enum { SHORTEST = 13 }; /* of a password, as crypt(3) makes it */
	const struct spwd *entry = getspnam(user);
	size_t marks = entry && entry->sp_pwdp ? strspn(entry->sp_pwdp, "!*") : 0;

	/* A user without a password of this host signs in by another module. */
	return marks > 0 && strlen(entry->sp_pwdp + marks) >= SHORTEST;
}

/* password: NULL: the account alone is judged */
static int ask(const char *user, char *password)
{
	const struct pam_conv conversation = { answer, password };
	pam_handle_t *pam = NULL;

	if (pam_start("berth", user, &conversation, &pam) != PAM_SUCCESS)
		return UNKNOWN;
	pam_set_item(pam, PAM_RHOST, "berth-api");
	pam_set_item(pam, PAM_TTY, "berth-api");
	int r = password ? pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK)
			 : PAM_SUCCESS;
	if (r == PAM_SUCCESS)
		r = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	int same = is_same(pam, user);
	pam_end(pam, r);
	if (r == PAM_SUCCESS && same)
		return GOOD;
	/* A session ends only for a certain cause. */
	if (!password && r != PAM_SUCCESS && r != PAM_ACCT_EXPIRED && r != PAM_PERM_DENIED &&
	    r != PAM_USER_UNKNOWN && r != PAM_AUTH_ERR && r != PAM_NEW_AUTHTOK_REQD)
		return UNKNOWN;
	return r == PAM_ABORT || r == PAM_SYSTEM_ERR || r == PAM_BUF_ERR ||
			       r == PAM_AUTHINFO_UNAVAIL
		       ? UNKNOWN
		       : REFUSED;
}

static size_t read_input(void)
{
	size_t length = 0;

	while (length < INPUT_MAX) {
		ssize_t n = read(STDIN_FILENO, input + length, INPUT_MAX - length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	return length;
}

/* PAM delays its answer for a wrong password alone: a refusal for another cause would tell that the password is right. */
static void wait_until(const struct timespec *began)
{
	struct timespec end = { .tv_sec = began->tv_sec + REFUSED_SECONDS,
				.tv_nsec = began->tv_nsec };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
}

int main(void)
{
	const struct rlimit none = { 0 };
	struct timespec began;

	clock_gettime(CLOCK_MONOTONIC, &began);

	/* No core and no tracer sees the password. */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	size_t length = read_input(), user = strlen(input);
	char *password = user + 1 == length ? NULL : input + user + 1;
	if (user == 0 || user >= length || (password && user + 1 + strlen(password) + 1 != length))
		return UNKNOWN;
	int code = ask(input, password);
	if (password)
		explicit_bzero(password, strlen(password));
	else if (code == GOOD && is_locked(input))
		code = REFUSED;
	/* Root signs in by a link, for which one has to be root already. */
	const struct passwd *entry = getpwnam(input);
	if (code == GOOD && (!entry || entry->pw_uid == 0))
		code = REFUSED;
	if (code == REFUSED && password)
		wait_until(&began);
	return code;
}
