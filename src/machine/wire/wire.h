/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connection between a berth that sends a machine and one that receives it: lines, and a stream between them. */
#ifndef BERTH_MACHINE_WIRE_WIRE_H
#define BERTH_MACHINE_WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The first words of both sides; another version has another number. */
#define WIRE_SENDER   "berth-send 1"
#define WIRE_RECEIVER "berth-receive 1"
/* A line of the sender's machine.conf. */
#define WIRE_SETTING "setting "
/* The name and the uuid of a volume that comes with the machine. */
#define WIRE_VOLUME "volume "

enum { WIRE_LINE = 2048, WIRE_LINES = 8192 };

/* Lines from the other side, which is not trusted. */
struct wire {
	int fd;           /* borrowed */
	unsigned lines;   /* read so far, at most WIRE_LINES */
	unsigned seconds; /* how long a line may take */
};

/*
 * Reads one line, and no byte behind it: what follows may be a stream. Control characters become '?'. 1; 0: the other
 * side has closed the connection; -ETIMEDOUT, -EBADMSG for a line that is too long or one too many, or -errno.
 */
int wire_read(struct wire *wire, char line[WIRE_LINE]);

/* A process that passes bytes on, so that neither side waits for ever. */
struct pump {
	pid_t pid;
	int fd; /* owned: our end of the pipe to it or from it */
};

/* One end of bytes that are passed on. */
struct wire_end {
	int fd; /* borrowed */
	unsigned
		seconds; /* how long it may take no byte, or give none; 0: it is ours, and waited for */
	bool framed;     /* as of struct pump_spec */
};
/*
 * Passes bytes on in this process until the first end has no more. rate: bytes a second; 0: as fast as it goes. 0;
 * -ETIMEDOUT; -ECONNRESET: pieces without their end; or -errno.
 */
int wire_pass(const struct wire_end *from, const struct wire_end *to, uint64_t rate);

struct pump_spec {
	int fd;           /* borrowed: the far end */
	uint64_t rate;    /* bytes a second; 0: as fast as it goes */
	unsigned seconds; /* how long the far end may take no byte, or give none */
	/*
	 * The stream does not end with the connection: it is in pieces, each behind its length (4 bytes, little-endian), and
	 * a length of 0 ends it.
	 */
	bool framed;
};

/* Bytes that are written to pump->fd go to spec->fd; SIGPIPE or -EPIPE when that fails. 0 or -errno. */
int pump_to(struct pump *pump, const struct pump_spec *spec);
/* Bytes of spec->fd can be read from pump->fd. 0 or -errno. */
int pump_from(struct pump *pump, const struct pump_spec *spec);
/* Whether the far end has given its last byte, and that one was read. */
bool pump_is_dry(const struct pump *pump);
/* Closes our end, lets the rest go through, and waits for the process. 0, or -EIO: not all bytes have passed. */
int pump_end(struct pump *pump);

#endif
