/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cli/traffic.h"

#include "cmd/cli/print.h"

#include <inttypes.h>

bool traffic_add(const struct network *network, const char *machine, struct text *out)
{
	struct traffic traffic;
	char received[16], sent[16];

	if (network_traffic(network, machine, &traffic) < 0)
		return false;
	text_human_size(traffic.received_bytes, received, sizeof received);
	text_human_size(traffic.sent_bytes, sent, sizeof sent);
	text_add(out, "received %" PRIu64 " packets, %s; sent %" PRIu64 " packets, %s; ",
		 traffic.received_packets, received, traffic.sent_packets, sent);
	if (traffic.unguarded)
		text_add(out, "no guard");
	else
		text_add(out, "guard dropped %" PRIu64, traffic.guarded);
	return true;
}

json_t *traffic_object(const struct network *network, const char *machine)
{
	struct traffic traffic;

	if (network_traffic(network, machine, &traffic) < 0)
		return json_null();
	return json_members((const struct json_member[]){
		{ "received_packets", json_integer((json_int_t)traffic.received_packets) },
		{ "received_bytes", json_integer((json_int_t)traffic.received_bytes) },
		{ "sent_packets", json_integer((json_int_t)traffic.sent_packets) },
		{ "sent_bytes", json_integer((json_int_t)traffic.sent_bytes) },
		{ "guard_dropped",
		  traffic.unguarded ? json_null() : json_integer((json_int_t)traffic.guarded) },
		{ 0 },
	});
}
