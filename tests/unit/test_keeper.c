/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper's parts that can be had without a guest: ring, protocol, notes of volumes. */
#include "base/file.h"
#include "base/remove.h"
#include "base/scoped.h"
#include "base/text.h"
#include "keeper/notify.h"
#include "keeper/protocol.h"
#include "keeper/ring.h"
#include "keeper/volume_note.h"
#include "suite.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void test_ring(void)
{
	struct ring ring;
	const char *data;
	uint64_t place = 0;

	CU_ASSERT_EQUAL(ring_open(&ring, 8), 0);
	CU_ASSERT_EQUAL(ring_peek(&ring, &place, &data), 0);
	ring_add(&ring, "abcde", 5);
	CU_ASSERT_EQUAL(ring_peek(&ring, &place, &data), 5);
	place += 2;
	ring_add(&ring, "fghij", 5);
	CU_ASSERT_EQUAL(ring_start(&ring), 2);
	CU_ASSERT_EQUAL(ring_peek(&ring, &place, &data), 6);
	CU_ASSERT_EQUAL(memcmp(data, "cdefgh", 6), 0);
	place += 6;
	CU_ASSERT_EQUAL(ring_peek(&ring, &place, &data), 2);
	CU_ASSERT_EQUAL(memcmp(data, "ij", 2), 0);
	ring_close(&ring);
}

/* Against a plain array, with portions of every length, readers that lag, and more than fits. */
static void test_ring_model(void)
{
	enum { SIZE = 64, TOTAL = 20000 };
	static char model[TOTAL + 300];
	struct ring ring;
	uint64_t end = 0, place = 0;
	unsigned seed = 1;

	CU_ASSERT_EQUAL(ring_open(&ring, SIZE), 0);
	for (size_t i = 0; i < sizeof model; i++)
		model[i] = (char)(i * 31 + i / 256);
	while (end < TOTAL) {
		size_t n = (size_t)rand_r(&seed) % 200;
		ring_add(&ring, model + end, n);
		end += n;
		CU_ASSERT_EQUAL(ring.end, end);
		for (int reads = rand_r(&seed) % 3; reads > 0; reads--) {
			const char *data;
			size_t got = ring_peek(&ring, &place, &data);
			CU_ASSERT_TRUE(place + got <= end && end - place <= SIZE);
			CU_ASSERT_EQUAL(memcmp(data, model + place, got), 0);
			place += got;
		}
	}
	ring_close(&ring);
}

static void test_messages(void)
{
	struct protocol_message message;
	int pair[2], fd = -1;

	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	CU_ASSERT_EQUAL(protocol_send(pair[0], SEND_INPUT, 9, "ls\n", 3, -1), 0);
	CU_ASSERT_EQUAL(protocol_receive(pair[1], &message, &fd), 1);
	CU_ASSERT_EQUAL(message.type, SEND_INPUT);
	CU_ASSERT_EQUAL(message.value, 9);
	CU_ASSERT_STRING_EQUAL(message.data, "ls\n");
	CU_ASSERT_EQUAL(fd, -1);
	CU_ASSERT_EQUAL(protocol_send(pair[0], SAY_GUEST, 0, NULL, 0, STDIN_FILENO), 0);
	CU_ASSERT_EQUAL(protocol_receive(pair[1], &message, &fd), 1);
	CU_ASSERT_TRUE(fd > 2);
	close(fd);
	static char big[PROTOCOL_DATA + 1];
	CU_ASSERT_EQUAL(protocol_send(pair[0], SEND_INPUT, 0, big, sizeof big, -1), -EMSGSIZE);
	CU_ASSERT_EQUAL(protocol_send(pair[0], SEND_INPUT, 0, big, PROTOCOL_DATA, -1), 0);
	CU_ASSERT_EQUAL(protocol_receive(pair[1], &message, NULL), 1);
	CU_ASSERT_EQUAL(message.length, PROTOCOL_DATA);
	close(pair[0]);
	CU_ASSERT_EQUAL(protocol_receive(pair[1], &message, NULL), 0);
	close(pair[1]);
}

/* Lengths that lie, messages that are cut: refused, and nothing is read beyond what came. */
static void test_forged_messages(void)
{
	struct protocol_message message;
	uint32_t lies[3] = { SEND_INPUT, 0, 4000 };
	int pair[2];

	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	CU_ASSERT_EQUAL(send(pair[0], lies, sizeof lies, 0), sizeof lies);
	CU_ASSERT_EQUAL(protocol_receive(pair[1], &message, NULL), -EPROTO);
	CU_ASSERT_EQUAL(send(pair[0], lies, 5, 0), 5);
	CU_ASSERT_EQUAL(protocol_receive(pair[1], &message, NULL), -EPROTO);
	close(pair[0]);
	close(pair[1]);
}

/* A state root may have a path far longer than a socket's address holds. */
static void test_long_path(void)
{
	char folder[] = "/tmp/berth-test-keeper-XXXXXX";
	char path[600];
	struct err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	size_t n = (size_t)snprintf(path, sizeof path, "%s", folder);
	while (n < 500)
		n += (size_t)snprintf(path + n, sizeof path - n, "/a-folder-with-a-long-name");
	CU_ASSERT_EQUAL(file_make_dirs(path, 0700, &err), 0);
	int run = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int listening = protocol_listen(run);
	CU_ASSERT_TRUE(listening >= 0);
	int connected = protocol_connect(run);
	CU_ASSERT_TRUE(connected >= 0);
	close(connected);
	close(listening);
	CU_ASSERT_EQUAL(protocol_connect(run), -ECONNREFUSED);
	close(run);
	CU_ASSERT_EQUAL(remove_tree(AT_FDCWD, folder), 0);
}

static void report_as(uid_t uid, int fd, const char *text)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setresuid(uid, uid, uid) < 0)
			_exit(1);
		_exit(send(fd, text, strlen(text), 0) < 0);
	}
	CU_ASSERT_TRUE(waitpid(pid, &status, 0) == pid && status == 0);
}

/* Init and its root user may report that the machine is ready; other users may not. */
static void test_reports(void)
{
	int pair[2], on = 1;

	CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	CU_ASSERT_EQUAL(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
	CU_ASSERT_EQUAL(notify_receive(pair[0], getpid()), -EAGAIN);
	CU_ASSERT_EQUAL(send(pair[1], "STATUS=a\nREADY=1\n", 17, 0), 17);
	CU_ASSERT_EQUAL(notify_receive(pair[0], getpid()), 1);
	CU_ASSERT_EQUAL(send(pair[1], "STATUS=a", 8, 0), 8);
	CU_ASSERT_EQUAL(notify_receive(pair[0], getpid()), 0);
	report_as(getuid(), pair[1], "READY=1");
	CU_ASSERT_EQUAL(notify_receive(pair[0], getpid()), 1);
	if (getuid() == 0) {
		report_as(65534, pair[1], "READY=1");
		CU_ASSERT_EQUAL(notify_receive(pair[0], getpid()), 0);
	}
	close(pair[0]);
	close(pair[1]);
}

/* A note is read as it was written; one of an earlier version has the pool and the mode alone. */
static void test_notes_of_volumes(void)
{
	static const struct volume_note notes[] = {
		{ "p", false, "berth-p-pool", "/var/lib/berth/pools/p/a file" },
		{ "p", true, "berth-p-pool", "" },
		{ "p", false, "", "" },
	};
	static const char *const no_notes[] = { "", "\n", "p", "p\nrw" };
	char folder[] = "/tmp/berth-notes.XXXXXX";
	struct volume_note note;
	struct err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	scoped_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	scoped_free char *path = text_format("%s/note", folder);
	for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
		scoped_free char *text = volume_note_text(&notes[i]);
		CU_ASSERT_EQUAL(file_replace(path, text, strlen(text), 0600, &err), 0);
		CU_ASSERT_EQUAL(volume_note_read(fd, "note", &note), 0);
		CU_ASSERT_STRING_EQUAL(note.pool, notes[i].pool);
		CU_ASSERT_EQUAL(note.readonly, notes[i].readonly);
		CU_ASSERT_STRING_EQUAL(note.device, notes[i].device);
		CU_ASSERT_STRING_EQUAL(note.file, notes[i].file);
	}
	CU_ASSERT_EQUAL(file_replace(path, "old ro\n", 7, 0600, &err), 0);
	CU_ASSERT_EQUAL(volume_note_read(fd, "note", &note), 0);
	CU_ASSERT_STRING_EQUAL(note.pool, "old");
	CU_ASSERT_TRUE(note.readonly);
	CU_ASSERT_STRING_EQUAL(note.device, "");
	CU_ASSERT_STRING_EQUAL(note.file, "");
	for (size_t i = 0; i < sizeof no_notes / sizeof *no_notes; i++) {
		CU_ASSERT_EQUAL(file_replace(path, no_notes[i], strlen(no_notes[i]), 0600, &err),
				0);
		CU_ASSERT_EQUAL(volume_note_read(fd, "note", &note), -EINVAL);
	}
	CU_ASSERT_EQUAL(volume_note_read(fd, "none", &note), -ENOENT);
	CU_ASSERT_EQUAL(remove_tree(AT_FDCWD, folder), 0);
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "a ring", test_ring },
		{ "a ring beside a model", test_ring_model },
		{ "messages", test_messages },
		{ "forged messages", test_forged_messages },
		{ "a socket with a long path", test_long_path },
		{ "a guest's reports", test_reports },
		{ "notes of volumes", test_notes_of_volumes },
		CU_TEST_INFO_NULL,
	};

	return suite_run("keeper", NULL, NULL, tests);
}
