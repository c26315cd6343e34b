/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the gateway itself, and the headers that every answer has. */
#ifndef BERTH_GATEWAY_ANSWER_H
#define BERTH_GATEWAY_ANSWER_H

#include <microhttpd.h>

/* Why a request gets no answer of the router. Zeroed: it gets one. */
struct answer_fault {
	unsigned status;
	const char *code;    /* of static life: the name of an errno */
	const char *upgrade; /* of static life: the protocol that the address is for, or NULL */
	unsigned retry;      /* seconds after which a client may try again, or 0 */
	char text[512];
};

/* Fills it in, if there is none yet. */
void answer_refuse(struct answer_fault *fault, unsigned status, const char *code, const char *fmt,
		   ...) __attribute__((format(printf, 4, 5)));

/* The policy of every page but for scripts and styles, which follow "default-src 'none'". */
#define ANSWER_REST                                                                           \
	"connect-src 'self'; img-src 'self' data: blob:; font-src 'self'; frame-src 'self'; " \
	"frame-ancestors 'self'; base-uri 'none'; form-action 'none'"

/* Hands a response over, with the headers that all have, and this Content-Security-Policy. */
enum MHD_Result answer_queue_policy(struct MHD_Connection *connection, unsigned status,
				    struct MHD_Response *response, const char *policy);
/* The same for one that is no page. */
enum MHD_Result answer_queue(struct MHD_Connection *connection, unsigned status,
			     struct MHD_Response *response);
/* Answers with a fault, as the router would: an envelope with the sentence. */
enum MHD_Result answer_fault(struct MHD_Connection *connection, const struct answer_fault *fault);

#endif
