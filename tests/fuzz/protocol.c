/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A message on a keeper's control socket, from a peer that sends what it likes. */
#include "fuzz.h"

#include "base/scoped.h"
#include "keeper/protocol.h"

#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct protocol_message message;
	int pair[2];

	if (size > 8192 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	if (send(pair[0], data, size, MSG_DONTWAIT) >= 0) {
		close(pair[0]);
		if (protocol_receive(pair[1], &message, NULL) == 1)
			fuzz_check(message.length <= PROTOCOL_DATA);
	} else {
		close(pair[0]);
	}
	close(pair[1]);
	return 0;
}
