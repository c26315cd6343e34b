/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tickets, what the router lets one attach to, and controls of a client: an id, a user, JSON, each up to a NUL, then a
 * target. A ticket is good once, for its user, and for nobody who knows a part of it.
 */
#include "fuzz.h"

#include "gateway/attach.h"
#include "gateway/target.h"
#include "gateway/ticket.h"

#include <stdlib.h>
#include <string.h>

enum { NOW = 1000 };

static void check_ticket(const char *id, const char *user, const char *json)
{
	static const char known[] = "0123456789012345678901234567890123456789012";
	struct tickets tickets = { 0 };
	bool kept = tickets_keep(&tickets, id, user, json, NOW) == 0;

	fuzz_check(kept == (strlen(id) >= 22 && strlen(id) < TICKET_ROOM));
	fuzz_check(tickets_keep(&tickets, known, "root", "{}", NOW) == 0);
	/* What is not the id takes nothing. */
	if (strcmp(id, known) != 0) {
		char *attach = tickets_take(&tickets, id, user, NOW);
		fuzz_check((attach != NULL) == kept);
		fuzz_check(!attach || strcmp(attach, json) == 0);
		free(attach);
		fuzz_check(tickets_take(&tickets, id, user, NOW) == NULL);
		attach = tickets_take(&tickets, known, "root", NOW);
		fuzz_check(attach != NULL);
		free(attach);
	}
	for (size_t i = 0; i < TICKETS; i++) {
		free(tickets.all[i].user);
		free(tickets.all[i].attach);
	}
}

static void check_attach(const char *json)
{
	struct attach attach = { 0 };
	struct attach_wish wish = { 0 };

	if (attach_read(&attach, json) == 0)
		fuzz_check(attach.words[0] != NULL);
	attach_free(&attach);
	if (attach_wish(&wish, json, strlen(json)) == 0)
		fuzz_check((wish.signal != 0) != (wish.columns && wish.rows));
}

static void check_target(const uint8_t *data, size_t size)
{
	const char *query = NULL;
	char *target = malloc(size + 1);

	fuzz_check(target != NULL);
	memcpy(target, data, size);
	target[size] = '\0';
	if (target_split(target, &query) == 0) {
		fuzz_check(*target == '/' && query);
		fuzz_check(target_patience(query, query) <= 3600);
	}
	free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *id = fuzz_word(&data, &size);
	char *user = fuzz_word(&data, &size);
	char *json = fuzz_word(&data, &size);

	check_ticket(id, user, json);
	check_attach(json);
	check_target(data, size);
	free(id);
	free(user);
	free(json);
	return 0;
}
