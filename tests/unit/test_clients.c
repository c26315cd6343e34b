/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A keeper's clients beside a real epoll, without the guest: what the loop is told of those who left. */
#include "suite.h"

#include "base/scoped.h"
#include "keeper/keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

void keeper_halt(struct keeper *keeper, unsigned seconds)
{
	(void)keeper;
	(void)seconds;
}

static int kills;

void keeper_kill(struct keeper *keeper)
{
	(void)keeper;
	kills++;
}

void keeper_set_booted(struct keeper *keeper)
{
	(void)keeper;
}

void space_watch(struct keeper *keeper)
{
	(void)keeper;
}

/* A child that the keeper forks has a copy of every client's socket until it executes something. */
static void test_copy_of_a_client(void)
{
	static struct keeper keeper = { .log = -1 };
	char folder[] = "/tmp/berth-clients.XXXXXX";
	struct epoll_event event;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	scoped_fd int run = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int epoll = epoll_create1(EPOLL_CLOEXEC);
	keeper.run = run;
	keeper.epoll = epoll;
	scoped_fd int control = protocol_listen(run);
	keeper.control.fd = control;
	scoped_fd int client = protocol_connect(run);
	CU_ASSERT_TRUE_FATAL(control >= 0 && client >= 0);
	requests_accept(&keeper, &keeper.control);
	if (getuid() == 0) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(keeper.clients);
		scoped_fd int copy = fcntl(keeper.clients->source.fd, F_DUPFD_CLOEXEC, 3);
		scoped_close_fd(&client);
		CU_ASSERT_EQUAL_FATAL(epoll_wait(epoll, &event, 1, 1000), 1);
		struct source *source = event.data.ptr;
		source->ready(&keeper, source);
		CU_ASSERT_PTR_NULL(keeper.clients);
		/* The copy is open, hung up, and nobody's. */
		CU_ASSERT_TRUE(copy >= 0);
		CU_ASSERT_EQUAL(epoll_wait(epoll, &event, 1, 0), 0);
	}
	clients_close(&keeper);
	unlinkat(run, "control", 0);
	rmdir(folder);
}

static void ask_raw(int client, uint32_t type)
{
	uint32_t head[3] = { type, CONSOLE_READER, 0 };

	CU_ASSERT_EQUAL(send(client, head, sizeof head, 0), sizeof head);
}

/* A command of another version is refused what may mean something else, and can end the machine. */
static void test_other_format(void)
{
	static struct keeper keeper = { .log = -1 };
	char folder[] = "/tmp/berth-clients.XXXXXX";
	struct protocol_message message;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	scoped_fd int run = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_fd int epoll = epoll_create1(EPOLL_CLOEXEC);
	scoped_fd int control = protocol_listen(run);
	scoped_fd int client = protocol_connect(run);
	CU_ASSERT_TRUE_FATAL(control >= 0 && client >= 0);
	keeper.epoll = epoll;
	keeper.control.fd = control;
	requests_accept(&keeper, &keeper.control);
	if (getuid() == 0) {
		struct source *source = &keeper.clients->source;
		ask_raw(client, ASK_CONSOLE | 7u << 16);
		source->ready(&keeper, source);
		CU_ASSERT_EQUAL_FATAL(protocol_receive(client, &message, NULL), 1);
		CU_ASSERT_EQUAL(message.type, SAY_REFUSED);
		CU_ASSERT_EQUAL(message.value, EPROTO);
		kills = 0;
		ask_raw(client, ASK_KILL);
		source->ready(&keeper, source);
		CU_ASSERT_EQUAL(kills, 1);
	}
	clients_close(&keeper);
	unlinkat(run, "control", 0);
	rmdir(folder);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a client that left, and a copy of its socket", test_copy_of_a_client },
		{ "a client of another version", test_other_format },
		CU_TEST_INFO_NULL,
	};

	return suite_run("clients", NULL, NULL, tests);
}
