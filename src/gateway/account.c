/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A list of users, each with the program that asks PAM about him. */
#include "gateway/account.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/scoped.h"
#include "gateway/login_program.h"
#include "gateway/peer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct account {
	struct account *next;
	struct gateway *gateway;
	char user[PEER_NAME];
	int64_t judged; /* when PAM has said yes last, or was asked in vain */
	int64_t began;  /* of the program that runs; 0: none does */
	struct process process;
	bool refused; /* by PAM, which nobody was told yet */
};

static int64_t interval(const struct gateway *gateway)
{
	return (int64_t)gateway->limits.account * 1000;
}

static struct account *find(struct gateway *gateway, const char *user)
{
	struct account *account = gateway->accounts;

	while (account && strcmp(account->user, user) != 0)
		account = account->next;
	if (account || !(account = calloc(1, sizeof *account)))
		return account;
	memccpy(account->user, user, 0, sizeof account->user - 1);
	account->gateway = gateway;
	account->judged = clock_ms() - interval(gateway);
	account->next = gateway->accounts;
	gateway->accounts = account;
	return account;
}

static void has_ended(struct process *process)
{
	struct account *account =
		(struct account *)(void *)((char *)process - offsetof(struct account, process));

	account->began = 0;
	account->judged = clock_ms();
	/* PAM that gives no answer takes nobody's session away. */
	account->refused = WIFEXITED(process->status) && WEXITSTATUS(process->status) == 1;
}

/* The name alone is asked about. */
static int start(struct account *account)
{
	const char *user = account->user;
	scoped_fd int name = memfd_create("berth-login", MFD_CLOEXEC);

	account->process.ended = has_ended;
	if (name < 0 || file_write_all(name, user, strlen(user) + 1, 0) < 0 ||
	    lseek(name, 0, SEEK_SET) < 0)
		return -EIO;
	return login_program(account->gateway, &account->process, name);
}

static void ask(struct account *account, int64_t now)
{
	if (start(account) < 0)
		account->judged = now;
	else
		account->began = now;
}

void account_signed_in(struct gateway *gateway, const char *user)
{
	struct account *account = find(gateway, user);

	if (account)
		account->judged = clock_ms();
}

void account_use(struct gateway *gateway, const char *user)
{
	int64_t now = clock_ms();
	/* Root signs in by a link alone. */
	struct account *account = strcmp(user, "root") == 0 ? NULL : find(gateway, user);

	if (account && !account->began && now - account->judged >= interval(gateway))
		ask(account, now);
}

void account_tick(struct gateway *gateway, int64_t now, int64_t *next,
		  bool (*lasts)(const struct gateway *gateway, const char *user))
{
	for (struct account *account = gateway->accounts; account; account = account->next) {
		int64_t end = account->began + (int64_t)gateway->limits.sign_in * 1000;
		if (account->began && end <= now)
			process_signal(&account->process, SIGKILL);
		else if (account->began)
			gateway_sooner(next, end);
		if (account->began || !lasts(gateway, account->user))
			continue;
		if (account->judged + interval(gateway) <= now)
			ask(account, now);
		else
			gateway_sooner(next, account->judged + interval(gateway));
	}
}

const char *account_refused(struct gateway *gateway)
{
	struct account *account = gateway->accounts;

	while (account && !account->refused)
		account = account->next;
	if (!account)
		return NULL;
	account->refused = false;
	return account->user;
}

void account_free_all(struct gateway *gateway)
{
	for (struct account *account = gateway->accounts, *next; account; account = next) {
		next = account->next;
		free(account);
	}
	gateway->accounts = NULL;
}
