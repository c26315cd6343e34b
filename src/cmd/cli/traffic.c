/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/traffic.h"

#include "cmd/cli/print.h"

#include <inttypes.h>

void traffic_add(const struct traffic *traffic, struct text *out)
{
	char received[16], sent[16];

	text_human_size(traffic->received_bytes, received, sizeof received);
	text_human_size(traffic->sent_bytes, sent, sizeof sent);
	text_add(out, "received %" PRIu64 " packets, %s; sent %" PRIu64 " packets, %s; ",
		 traffic->received_packets, received, traffic->sent_packets, sent);
	if (traffic->unguarded)
		text_add(out, "no guard");
	else
		text_add(out, "guard dropped %" PRIu64, traffic->guarded);
}

json_t *traffic_object(const struct traffic *traffic)
{
	return json_members((const struct json_member[]){
		{ "received_packets", json_integer((json_int_t)traffic->received_packets) },
		{ "received_bytes", json_integer((json_int_t)traffic->received_bytes) },
		{ "sent_packets", json_integer((json_int_t)traffic->sent_packets) },
		{ "sent_bytes", json_integer((json_int_t)traffic->sent_bytes) },
		{ "guard_dropped",
		  traffic->unguarded ? json_null() : json_integer((json_int_t)traffic->guarded) },
		{ 0 },
	});
}
