/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames of WebSocket, and heads of CGI: what is read is the same in whatever pieces they come. */
#include "fuzz.h"

#include "gateway/cgi_head.h"
#include "gateway/websocket.h"

#include <stdlib.h>
#include <string.h>

/* What a reader makes of the input, as a sum over its events and their bytes. */
static uint64_t read_all(const uint8_t *data, size_t size, size_t piece)
{
	struct websocket reader = { 0 };
	struct websocket_event event = { 0 };
	uint64_t sum = 1;

	for (size_t at = 0; at < size && event.kind != WEBSOCKET_FAULT; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		/* On its own in memory, so that a read or a write beyond it is seen. */
		unsigned char *in = malloc(n);
		if (!in)
			abort();
		memcpy(in, data + at, n);
		for (size_t done = 0; done < n && event.kind != WEBSOCKET_FAULT;) {
			size_t taken = websocket_read(&reader, in + done, n - done, &event);
			if (taken == 0 || taken > n - done)
				abort();
			done += taken;
			for (size_t i = 0; i < event.length; i++)
				sum = sum * 31 + event.data[i];
			/* How many pieces a message has depends on those of the input. */
			if (event.kind != WEBSOCKET_NOTHING &&
			    (event.kind != WEBSOCKET_DATA || event.last))
				sum = sum * 31 + event.kind * 7 + event.cause;
		}
		free(in);
	}
	return sum;
}

static void read_head(const uint8_t *data, size_t size)
{
	struct cgi_head head;
	char *in = malloc(size + 1);

	if (!in)
		abort();
	memcpy(in, data, size);
	long n = cgi_head_parse(in, size, &head);
	if (n > (long)size || (n == 0 && memcmp(in, data, size) != 0))
		abort();
	if (n > 0)
		for (size_t i = 0; i < head.count; i++)
			if (head.fields[i].value + strlen(head.fields[i].value) > in + n)
				abort();
	free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A fault of a text may be seen before or behind the bytes of its piece that were good. */
	uint64_t whole = read_all(data, size, 1), again = read_all(data, size, 1);

	if (whole != again)
		abort();
	read_all(data, size, size ? size : 1);
	read_all(data, size, 3);
	read_head(data, size);
	return 0;
}
