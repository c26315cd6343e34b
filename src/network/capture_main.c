/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * berth-capture LINK SNAPLEN COUNT UNTIL HEADER FILTER
 * Captures from a link into its standard output, as a pcap file. COUNT and UNTIL, milliseconds of the monotonic
 * clock, may be 0 for no limit; HEADER is 0 if the file has its header. With descriptor 3 it enters that network
 * namespace. Once the link is open it has no rights: what it copies comes from guests.
 */
#include "base/clock.h"
#include "base/scoped.h"
#include "network/capture.h"
#include "network/capture_report.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>

enum {
	NOBODY = 65534,
	BUFFER = 16 << 20, /* bytes that the kernel collects while the output waits */
	BLOCK_MS = 100,    /* time after which the kernel hands out a block that is not full */
	LOOK_MS = 1000,
	HEADER = sizeof(struct pcap_file_header),
	PACKET_HEADER = 16,
	CHUNK = 4096, /* bytes that are written at once, less than the buffer of stdio: whole packets */
};

struct output {
	size_t skip; /* bytes of the header that are still to be left out */
	int failure; /* errno of the first write that failed */
	off_t loose; /* bytes that were written since the last packet that is whole */
};

struct work {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	struct output output;
	uint64_t captured, count; /* packets: handed to the dumper; to be captured, or 0 */
	uint64_t written;         /* those that are in the file */
	size_t waiting;           /* bytes of packets that the dumper may still have */
	int64_t until;
};

static void say(const struct capture_report *report)
{
	ssize_t ignored = send(CAPTURE_CONTROL, report, sizeof *report, MSG_NOSIGNAL);

	(void)ignored;
}

static __attribute__((noreturn)) void fail(int code, const char *what, const char *why)
{
	struct capture_report report = { .kind = CAPTURE_FAILED, .code = code };

	snprintf(report.why, sizeof report.why, "%s%s", what, why);
	say(&report);
	_exit(EXIT_FAILURE);
}

static ssize_t put(void *context, const char *bytes, size_t size)
{
	struct output *output = context;
	size_t done = output->skip < size ? output->skip : size;

	output->skip -= done;
	while (done < size) {
		ssize_t n = write(CAPTURE_OUTPUT, bytes + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			output->failure = n < 0 ? errno : EIO;
			return 0;
		}
		done += (size_t)n;
		output->loose += n;
	}
	return (ssize_t)size;
}

static pcap_t *open_link(const char *link, int snaplen)
{
	char why[PCAP_ERRBUF_SIZE];

	if (if_nametoindex(link) == 0)
		fail(ENODEV, "there is no link ", link);
	pcap_t *pcap = pcap_create(link, why);
	if (!pcap)
		fail(EIO, "", why);
	pcap_set_snaplen(pcap, snaplen);
	pcap_set_timeout(pcap, BLOCK_MS);
	pcap_set_buffer_size(pcap, BUFFER);
	int r = pcap_activate(pcap);
	if (r < 0)
		fail(r == PCAP_ERROR_NO_SUCH_DEVICE || r == PCAP_ERROR_IFACE_NOT_UP ? ENODEV : EIO,
		     pcap_statustostr(r), "");
	if (pcap_setnonblock(pcap, 1, why) < 0)
		fail(EIO, "", why);
	return pcap;
}

static void set_filter(pcap_t *pcap, const char *text)
{
	struct bpf_program program;

	if (!*text)
		return;
	if (pcap_compile(pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
		fail(EINVAL, "", pcap_geterr(pcap));
	if (pcap_setfilter(pcap, &program) < 0)
		fail(EIO, "set the filter: ", pcap_geterr(pcap));
	pcap_freecode(&program);
}

static void give_up_rights(void)
{
	cap_t none = cap_init();

	if (!none || setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0 || cap_set_proc(none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail(errno, "give up rights: ", strerror(errno));
	cap_free(none);
}

/* Writes what the dumper has. Whether all of it is in the output, which then ends with a whole packet. */
static bool flush(struct work *work)
{
	if (pcap_dump_flush(work->dumper) < 0 && !work->output.failure)
		work->output.failure = EIO;
	if (work->output.failure)
		return false;
	work->output.loose = 0;
	work->waiting = 0;
	work->written = work->captured;
	return true;
}

static void keep(unsigned char *context, const struct pcap_pkthdr *head, const unsigned char *bytes)
{
	struct work *work = (struct work *)context;

	if (work->waiting > 0 && work->waiting + PACKET_HEADER + head->caplen > CHUNK)
		flush(work);
	if (work->output.failure)
		return;
	pcap_dump((unsigned char *)work->dumper, head, bytes);
	work->waiting += PACKET_HEADER + head->caplen;
	work->captured++;
}

/* Takes the part of a packet away that a failed write has left in a regular file. */
static void cut_loose(struct work *work)
{
	off_t end = lseek(CAPTURE_OUTPUT, 0, SEEK_CUR);

	if (end >= work->output.loose && ftruncate(CAPTURE_OUTPUT, end - work->output.loose) == 0)
		lseek(CAPTURE_OUTPUT, end - work->output.loose, SEEK_SET);
}

/* Takes what the kernel has. *failed: the link gives nothing any more. Whether the output still takes all. */
static bool take(struct work *work, bool *failed)
{
	uint64_t left = work->count ? work->count - work->captured : INT32_MAX;
	int most = left < INT32_MAX ? (int)left : INT32_MAX;

	*failed = pcap_dispatch(work->pcap, most, keep, (unsigned char *)work) < 0;
	return flush(work);
}

static int time_left(const struct work *work)
{
	int64_t left = work->until ? work->until - clock_ms() : LOOK_MS;

	return left < 0 ? 0 : left < LOOK_MS ? (int)left : LOOK_MS;
}

static bool is_full(const struct work *work)
{
	return (work->count && work->captured >= work->count) ||
	       (work->until && clock_ms() >= work->until);
}

/* Takes the last block, which the kernel hands out when it is full or old enough, also of a link that is gone. */
static void drain(struct work *work)
{
	struct pollfd ready = { .fd = pcap_get_selectable_fd(work->pcap), .events = POLLIN };
	int64_t until = clock_ms() + 2 * BLOCK_MS;
	bool failed = false;

	for (int64_t left = 2 * BLOCK_MS; left > 0; left = until - clock_ms()) {
		if (work->count && work->captured >= work->count)
			return;
		/* The error of a link that is gone would end each wait at once. */
		if (poll(&ready, failed ? 0 : 1, failed ? BLOCK_MS / 4 : (int)left) >= 0 &&
		    !take(work, &failed))
			return;
	}
}

static enum capture_end follow(struct work *work)
{
	struct pollfd fds[] = {
		{ .fd = pcap_get_selectable_fd(work->pcap), .events = POLLIN },
		{ .fd = CAPTURE_CONTROL, .events = POLLIN },
		{ .fd = CAPTURE_OUTPUT },
	};
	bool failed = false;

	while (!is_full(work)) {
		if (poll(fds, 3, time_left(work)) < 0 && errno != EINTR)
			return CAPTURE_GONE;
		if (!take(work, &failed))
			return CAPTURE_CLOSED;
		if (is_full(work))
			break;
		if (failed)
			return CAPTURE_GONE;
		if (fds[1].revents)
			return CAPTURE_ASKED;
		if (fds[2].revents & (POLLERR | POLLHUP | POLLNVAL))
			return CAPTURE_CLOSED;
	}
	return CAPTURE_FULL;
}

static __attribute__((noreturn)) void end(struct work *work, enum capture_end how)
{
	struct capture_report report = { .kind = CAPTURE_ENDED, .how = how };
	struct pcap_stat stat = { 0 };

	if (how != CAPTURE_CLOSED)
		drain(work);
	if (pcap_stats(work->pcap, &stat) == 0)
		report.dropped = stat.ps_drop;
	if (!flush(work)) {
		cut_loose(work);
		report.how = work->output.failure == EPIPE ? CAPTURE_CLOSED : CAPTURE_LOST;
		report.code = work->output.failure;
	}
	report.captured = work->written;
	say(&report);
	_exit(EXIT_SUCCESS);
}

static uint64_t number(const char *text)
{
	return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
	/* The process that runs it decides when it ends. */
	static const int ignored[] = { SIGINT, SIGHUP, SIGTERM, SIGPIPE };
	struct work work = { 0 };

	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	if (argc != 7)
		return EXIT_FAILURE;
	if (fcntl(CAPTURE_SPACE, F_GETFD) >= 0 && setns(CAPTURE_SPACE, CLONE_NEWNET) < 0)
		fail(errno, "enter the machine's network: ", strerror(errno));
	work.pcap = open_link(argv[1], (int)number(argv[2]));
	set_filter(work.pcap, argv[6]);
	give_up_rights();
	work.count = number(argv[3]);
	work.until = (int64_t)number(argv[4]);
	work.output.skip = number(argv[5]) ? 0 : HEADER;
	FILE *file = fopencookie(&work.output, "w", (cookie_io_functions_t){ .write = put });
	work.dumper = file ? pcap_dump_fopen(work.pcap, file) : NULL;
	if (!work.dumper)
		fail(ENOMEM, "out of memory", "");
	say(&(struct capture_report){ .kind = CAPTURE_READY });
	/* A reader has the header before the first packet. */
	end(&work, flush(&work) ? follow(&work) : CAPTURE_CLOSED);
}
