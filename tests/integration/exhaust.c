/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exhaust KIND MOST: takes as much of a resource as it is given, MOST at most, says how much that was and
 * why it was refused more, and holds it until its standard input ends. Of what needs descriptors, further
 * processes take when one has no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KEEP = 16384 };

/* Objects that survive their process, to be released at the end. */
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

static int file(int n)
{
	(void)n;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A namespace lives as long as a descriptor of it. */
static int namespace(int flag, const char *path)
{
	return unshare(flag) < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

static int network(int n)
{
	(void)n;
	return namespace(CLONE_NEWNET, "/proc/self/ns/net");
}

static int mounts(int n)
{
	(void)n;
	return namespace(CLONE_NEWNS, "/proc/self/ns/mnt");
}

static int ipc(int n)
{
	(void)n;
	return namespace(CLONE_NEWIPC, "/proc/self/ns/ipc");
}

static int one_mount(int n)
{
	(void)n;
	return mount("/proc", "/proc", NULL, MS_BIND, NULL);
}

/* Each epoll instance watches the same events. */
static int watch(int n)
{
	enum { EVENTS = 100 };
	static int events[EVENTS], instance;
	struct epoll_event event = { .events = EPOLLIN };

	if (n < EVENTS)
		events[n] = eventfd(0, EFD_CLOEXEC);
	if (n % EVENTS == 0)
		instance = epoll_create1(EPOLL_CLOEXEC);
	return instance < 0 ? -1 : epoll_ctl(instance, EPOLL_CTL_ADD, events[n % EVENTS], &event);
}

static int timer(int n)
{
	timer_t id;

	(void)n;
	return timer_create(CLOCK_MONOTONIC, NULL, &id);
}

/* Each process has so many at once that 64 processes use up the host's. */
static int requests(int n)
{
	aio_context_t context = 0;

	(void)n;
	return (int)syscall(SYS_io_setup, 1024, &context);
}

static int bytes_until_full(int fd)
{
	static const char data[65536];

	while (write(fd, data, sizeof data) > 0)
		;
	return errno == EAGAIN ? 0 : -1;
}

static int full_pipe(int n)
{
	int ends[2];

	(void)n;
	return pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 ? -1 : bytes_until_full(ends[1]);
}

static int full_socket(int n)
{
	int ends[2];

	(void)n;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0
		       ? -1
		       : bytes_until_full(ends[1]);
}

/* A mebibyte, touched. */
static int memory(int n)
{
	char *page =
		mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)n;
	if (page == MAP_FAILED)
		return -1;
	for (int i = 0; i < 1 << 20; i += 4096)
		page[i] = 1;
	return 0;
}

/* A page of a table for each, and nothing but one page of zeros read in it. */
static int page_table(int n)
{
	static char *sparse;
	const size_t step = (size_t)2 << 20;

	if (n % 4096 == 0)
		sparse = mmap(NULL, 4096 * step, PROT_READ,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sparse == MAP_FAILED)
		return -1;
	madvise(sparse, 4096 * step, MADV_NOHUGEPAGE);
	return *(volatile char *)(sparse + (size_t)(n % 4096) * step);
}

/* A name that is not there is remembered too. */
static int name(int n)
{
	char path[256];

	snprintf(path, sizeof path, "/tmp/%0200d", n);
	return access(path, F_OK) < 0 && errno == ENOENT ? 0 : -1;
}

/* The loopback exists in every machine: its entries never age. */
static int neighbour(int n)
{
	static int netlink = -1;
	struct {
		struct nlmsghdr head;
		struct ndmsg entry;
		struct rtattr to;
		unsigned address;
		struct rtattr hardware;
		char mac[8];
	} ask = {
		.head = { sizeof ask, RTM_NEWNEIGH, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK, 0,
			  0 },
		.entry = { .ndm_family = AF_INET, .ndm_state = NUD_PERMANENT },
		.to = { RTA_LENGTH(4), NDA_DST },
		.address = 10 | (unsigned)n << 8,
		.hardware = { RTA_LENGTH(6), NDA_LLADDR },
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} answer;

	if (netlink < 0)
		netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ask.entry.ndm_ifindex = (int)if_nametoindex("eth0");
	if (send(netlink, &ask, sizeof ask, 0) < 0 || recv(netlink, &answer, sizeof answer, 0) < 0)
		return -1;
	errno = -answer.error.error;
	return answer.error.error;
}

static int send_to(unsigned address, unsigned port)
{
	static int udp = -1;
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(address),
	};

	if (udp < 0)
		udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return sendto(udp, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to) < 0 ? -1 : 0;
}

/* Addresses that nobody has, 10.200.0.0/16, are looked for. */
static int stranger(int n)
{
	return send_to(10u << 24 | 200u << 16 | (unsigned)n, 9);
}

/* Each flow is a connection to a firewall on the way, here to 198.51.100.2. */
static int flow(int n)
{
	return send_to(198u << 24 | 51u << 16 | 100u << 8 | 2, 1024 + (unsigned)n % 60000);
}

struct kind {
	const char *name;
	int (*take)(int n);
	int (*give_back)(int id);
	bool elsewhere; /* another process takes more of it */
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
	{ "inotify", inotify, NULL, false },
	{ "ptys", terminal, NULL, false },
	{ "shm", memory_segment, drop_segment, false },
	{ "msg", message_queue, drop_queue, false },
	{ "sem", semaphores, drop_semaphores, false },
	{ "mqueue", posix_queue, NULL, false },
	{ "keys", key, NULL, false },
	{ "files", file, NULL, true },
	{ "netns", network, NULL, true },
	{ "mntns", mounts, NULL, true },
	{ "ipcns", ipc, NULL, true },
	{ "mounts", one_mount, NULL, false },
	{ "epoll", watch, NULL, false },
	{ "timers", timer, NULL, false },
	{ "aio", requests, NULL, false },
	{ "pipes", full_pipe, NULL, true },
	{ "sockets", full_socket, NULL, true },
	{ "memory", memory, NULL, false },
	{ "tables", page_table, NULL, false },
	{ "names", name, NULL, false },
	{ "neighbours", neighbour, NULL, false },
	{ "strangers", stranger, NULL, false },
	{ "flows", flow, NULL, false },
	{ NULL, NULL, NULL, false },
};

/* Whether another process can continue. It shares the descriptors of its parent. */
static int go_on_elsewhere(void)
{
	if (errno != EMFILE)
		return 0;
	pid_t pid = fork();
	if (pid > 0) {
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	return pid == 0 && close_range(3, ~0U, 0) == 0;
}

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
	while (n < most && (kind->take(n) >= 0 || (kind->elsewhere && go_on_elsewhere())))
		n++;
	printf("%d %s\n", n, n < most ? strerror(errno) : "as many as asked for");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	for (int i = 0; i < kept; i++)
		kind->give_back(ids[i]);
	return 0;
}
