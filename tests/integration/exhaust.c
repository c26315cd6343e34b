/*
 * exhaust KIND MOST: takes as much of a resource as it is given, MOST at most, says how much that was and
 * why it was refused more, and holds it until its standard input ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEEP = 16384 };

/* What outlives its maker, to be given back. */
static int ids[KEEP];
static int kept;

static int keep(int id)
{
	if (id >= 0 && kept < KEEP)
		ids[kept++] = id;
	return id;
}

static int inotify(int n)
{
	(void)n;
	return inotify_init1(IN_CLOEXEC);
}

static int terminal(int n)
{
	(void)n;
	return open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static int memory_segment(int n)
{
	(void)n;
	return keep(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600));
}

static int message_queue(int n)
{
	(void)n;
	return keep(msgget(IPC_PRIVATE, IPC_CREAT | 0600));
}

static int semaphores(int n)
{
	(void)n;
	return keep(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
}

static int posix_queue(int n)
{
	struct mq_attr small = { .mq_maxmsg = 1, .mq_msgsize = 16 };
	char name[64];

	snprintf(name, sizeof name, "/exhaust-%d-%d", (int)getpid(), n);
	mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &small);
	if (queue >= 0)
		mq_unlink(name);
	return queue;
}

/* KEY_SPEC_PROCESS_KEYRING is -2. */
static int key(int n)
{
	char name[32];

	snprintf(name, sizeof name, "exhaust-%d", n);
	return (int)syscall(SYS_add_key, "user", name, "value", (size_t)5, -2);
}

struct kind {
	const char *name;
	int (*take)(int n);
	int (*give_back)(int id);
};

static int drop_segment(int id)
{
	return shmctl(id, IPC_RMID, NULL);
}

static int drop_queue(int id)
{
	return msgctl(id, IPC_RMID, NULL);
}

static int drop_semaphores(int id)
{
	return semctl(id, 0, IPC_RMID);
}

static const struct kind kinds[] = {
	{ "inotify", inotify, NULL },
	{ "ptys", terminal, NULL },
	{ "shm", memory_segment, drop_segment },
	{ "msg", message_queue, drop_queue },
	{ "sem", semaphores, drop_semaphores },
	{ "mqueue", posix_queue, NULL },
	{ "keys", key, NULL },
	{ 0 },
};

int main(int argc, char **argv)
{
	const struct kind *kind = kinds;
	struct rlimit files;
	char byte;

	while (argc == 3 && kind->name && strcmp(kind->name, argv[1]) != 0)
		kind++;
	if (argc != 3 || !kind->name)
		return 2;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	int most = atoi(argv[2]), n = 0;
	while (n < most && kind->take(n) >= 0)
		n++;
	printf("%d %s\n", n, n < most ? strerror(errno) : "as many as asked for");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	for (int i = 0; i < kept; i++)
		kind->give_back(ids[i]);
	return 0;
}
