/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of WebSocket (RFC 6455) as a server reads and writes them, in whatever pieces they come. Pure. */
#ifndef BERTH_GATEWAY_WEBSOCKET_H
#define BERTH_GATEWAY_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEBSOCKET_HEAD = 10, WEBSOCKET_CONTROL = 125 };

enum websocket_opcode {
	WEBSOCKET_MORE = 0, /* goes on with the message before */
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

/* Causes of a close (7.4.1). */
enum {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_AWAY = 1001,
	WEBSOCKET_PROTOCOL = 1002,
	WEBSOCKET_NO_CAUSE = 1005,
	WEBSOCKET_NO_TEXT = 1007,
	WEBSOCKET_FORBIDDEN = 1008,
	WEBSOCKET_TOO_BIG = 1009,
	WEBSOCKET_INTERNAL = 1011,
};

/* A reader. Zeroed it begins. */
struct websocket {
	unsigned char head[14];                   /* of a frame, until it is whole */
	size_t have;                              /* bytes of it */
	bool in_frame;                            /* head is whole */
	uint64_t left;                            /* bytes of the frame that are still to come */
	size_t masked;                            /* those that have come, for the mask */
	enum websocket_opcode frame, message;     /* message: WEBSOCKET_MORE if none is going on */
	bool ends;                                /* the frame is the last of its message */
	unsigned char control[WEBSOCKET_CONTROL]; /* what a control frame carries */
	size_t carried;
	uint32_t utf8, lowest; /* the character that is going on, and the lowest of its length */
	unsigned utf8_left;    /* bytes of it that are still to come */
	bool closed;           /* no frame may follow */
};

/* What a piece of input was. */
struct websocket_event {
	enum {
		WEBSOCKET_NOTHING,
		WEBSOCKET_DATA,
		WEBSOCKET_ASKS,
		WEBSOCKET_ANSWERS,
		WEBSOCKET_ENDS,
		WEBSOCKET_FAULT
	} kind;
	bool text; /* DATA is of a message of text */
	bool last; /* DATA is the last of its message */
	const unsigned char
		*data; /* borrowed: DATA, and what ASKS (a ping) or ANSWERS (a pong) carry */
	size_t length;
	unsigned cause; /* of ENDS or FAULT */
};

/*
 * Reads n bytes, which it changes, up to the first event. The number of bytes that it has taken. After FAULT none may
 * follow.
 */
size_t websocket_read(struct websocket *reader, unsigned char *bytes, size_t n,
		      struct websocket_event *event);

/* Writes the head of a frame that is a whole message. Its length. */
size_t websocket_head(unsigned char *out, enum websocket_opcode opcode, uint64_t length);

/* The value of Sec-WebSocket-Accept for that key. -EINVAL: it is none. */
enum { WEBSOCKET_ACCEPT = 29 };
int websocket_accept(const char *key, char *out);

#endif
