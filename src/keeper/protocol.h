/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages between commands and a keeper over RUN/machines/NAME/control. */
#ifndef BERTH_KEEPER_PROTOCOL_H
#define BERTH_KEEPER_PROTOCOL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Each is a SEQPACKET message: a head and at most PROTOCOL_DATA bytes. The socket is in a folder of root's and the
 * keeper checks the peer's uid; every length is checked all the same.
 */
enum { PROTOCOL_DATA = 4096 };

/*
 * A machine keeps its keeper over an upgrade of berth, so the two sides may be of different versions. The upper half of
 * a message's type is the format minus one; it is increased when the other side would misread a message. Messages of
 * protocol_lasts have no format and never change: any command can end a machine and ask for its guest. A message of
 * another format has a type that is not listed below.
 */
enum { PROTOCOL_FORMAT = 1 };

enum protocol_type {
	/* from a command */
	ASK_GUEST =
		1, /* -> SAY_GUEST with a pidfd of init; and SAY_HALTING when a stop is requested */
	ASK_HALT,  /* value: seconds until it is killed -> SAY_ENDED */
	ASK_KILL,  /* -> SAY_ENDED */
	ASK_BOOTED,   /* -> SAY_BOOTED or SAY_ENDED */
	ASK_CONSOLE,  /* value: enum console_role -> SAY_OUTPUT ... SAY_ENDED */
	ASK_OWN,      /* no answer; the guest is killed when the connection ends */
	SEND_INPUT,   /* data: what was typed */
	SEND_SIZE,    /* value: rows << 16 | columns */
	TELL_VOLUMES, /* no answer; the notes of its volumes for data have changed */
	/* from the keeper */
	SAY_GUEST = 64,
	SAY_BOOTED,
	SAY_ENDED, /* value: enum ended; data: how, in words; the clean-up is done */
	SAY_OUTPUT,
	SAY_REFUSED, /* value: errno (EPROTO: unknown request); data: why */
	SAY_HALTING, /* to clients of ASK_GUEST; value: seconds until it is killed */
};

enum console_role {
	CONSOLE_READER,
	CONSOLE_WRITER, /* refused while there is another */
	CONSOLE_TAKEOVER,
};

enum ended {
	ENDED_CLEAN,  /* the guest went down by itself */
	ENDED_KILLED, /* by the time-out of a stop, or by force */
	ENDED_FAILED, /* init died, or the next start of a reboot failed */
};

struct protocol_message {
	uint32_t type;
	uint32_t value;
	uint32_t length;
	char data[PROTOCOL_DATA];
};

/* Whether messages of that type are the same in all formats. */
bool protocol_lasts(uint32_t type);

/* Opens the control socket in a run folder, whose path may be long. A descriptor or -errno. */
int protocol_listen(int run_fd);
int protocol_connect(int run_fd);

/* Sends a message, with a descriptor unless fd is -1. 0 or -errno (-EAGAIN: a non-blocking socket is full). */
int protocol_send(int socket, enum protocol_type type, uint32_t value, const void *data,
		  size_t length, int fd);

/*
 * Receives a message: 1; 0: the other side closed; or -errno. *fd becomes a descriptor that was sent along, or -1
 * (NULL: it is closed). data is NUL-terminated if there is room.
 */
int protocol_receive(int socket, struct protocol_message *message, int *fd);

#endif
