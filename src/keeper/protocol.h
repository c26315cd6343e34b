/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages between commands and a keeper over RUN/machines/NAME/control. */
#ifndef BERTH_KEEPER_PROTOCOL_H
#define BERTH_KEEPER_PROTOCOL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One SEQPACKET message each: a head and at most PROTOCOL_DATA bytes. The socket lies in a folder of
 * root's and the keeper checks its peer's uid, but every length is checked all the same.
 */
enum { PROTOCOL_DATA = 4096 };

/*
 * A machine keeps the keeper that it was started by, so that after an upgrade the two sides may be of two
 * versions. The upper half of a message's type is the format less one, which is to be stepped when the other side
 * would misread one. protocol_lasts names those that bear none and never change: whoever runs a machine can
 * always be told to end it, and asked for its guest. A message of another format has a type that is not below.
 */
enum { PROTOCOL_FORMAT = 1 };

enum protocol_type {
	/* from a command */
	ASK_GUEST =
		1, /* -> SAY_GUEST with a pidfd of init, and once it is asked to halt SAY_HALTING */
	ASK_HALT,  /* value: seconds until it is killed -> SAY_ENDED */
	ASK_KILL,  /* -> SAY_ENDED */
	ASK_BOOTED,  /* -> SAY_BOOTED or SAY_ENDED */
	ASK_CONSOLE, /* value: enum console_role -> SAY_OUTPUT ... SAY_ENDED */
	ASK_OWN,     /* nothing; when the connection ends, so does the guest */
	SEND_INPUT,  /* data: what was typed */
	SEND_SIZE,   /* value: rows << 16 | columns */
	/* from the keeper */
	SAY_GUEST = 64,
	SAY_BOOTED,
	SAY_ENDED, /* value: enum ended; data: how, in words. All is cleaned up. */
	SAY_OUTPUT,
	SAY_REFUSED, /* value: errno, EPROTO: this keeper knows no such request; data: why */
	SAY_HALTING, /* to who asked for the guest; value: seconds until it is killed */
};

enum console_role {
	CONSOLE_READER,
	CONSOLE_WRITER, /* refused while there is another */
	CONSOLE_TAKEOVER,
};

enum ended {
	ENDED_CLEAN,  /* the guest went down by itself */
	ENDED_KILLED, /* by a stop's time-out or by force */
	ENDED_FAILED, /* init died, or the next start of a reboot failed */
};

struct protocol_message {
	uint32_t type;
	uint32_t value;
	uint32_t length;
	char data[PROTOCOL_DATA];
};

/* Whether it means the same in all formats, for ever. */
bool protocol_lasts(uint32_t type);

/* The control socket in a run folder, whatever the length of its path. Descriptors or -errno. */
int protocol_listen(int run_fd);
int protocol_connect(int run_fd);

/* 0 or -errno (-EAGAIN on a non-blocking socket that is full). fd -1: none is sent along. */
int protocol_send(int socket, enum protocol_type type, uint32_t value, const void *data,
		  size_t length, int fd);

/*
 * 1: a message; 0: the other side closed; or -errno. *fd becomes a descriptor sent along, or -1 (NULL:
 * any is closed). data is NUL-terminated where there is room.
 */
int protocol_receive(int socket, struct protocol_message *message, int *fd);

#endif
