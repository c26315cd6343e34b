/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A response: its status, what is in the head, and the envelope around what a verb has printed. Pure. */
#ifndef BERTH_API_RESPONSE_H
#define BERTH_API_RESPONSE_H

#include "api/argv.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The output of a verb, which goes through after the head. */
struct stream {
	struct argv argv; /* owned: the verb; empty: the response is no stream */
	const char *type; /* of its content */
	bool waits;       /* the first bytes may be long in coming: the head goes ahead of them */
	bool framed;      /* lines of JSON become events of text/event-stream */
	const char *
		user; /* borrowed: what lasts is checked against the rights of the moment; NULL: root */
	char machine[64]; /* what it is of; "": each line names its own */
};

/* A file of a machine, which is the body. */
struct octets {
	int fd;     /* borrowed; 0: the body is no file */
	bool sized; /* it has so many bytes: */
	uint64_t size;
	char *fields; /* owned: lines of the head that tell of it */
	void *source; /* owned: what keeps it there, and */
	void (*release)(void *source);
};

enum { RESPONSE_TICKET = 44 };

struct response {
	int status;       /* of HTTP */
	json_t *metadata; /* owned */
	json_t *notes;    /* owned; an array, or NULL */
	struct err error; /* of a status from 400 on */
	char etag[24];    /* with its quotes; "" for none */
	bool bare;        /* a success is the metadata alone, without an envelope */
	bool etag_whole;  /* it stands for all of the metadata, and not for the settings alone */
	char allow[64];   /* methods, "" for none */
	char location[256];
	char operation[80]; /* the path of what goes on; "" for none */
	struct stream stream;
	struct octets octets;
	/* For the server alone: the child of a WebSocket, as JSON, and the number under which it is kept. */
	char ticket[RESPONSE_TICKET];
	char *attach; /* owned; NULL: none */
};

void response_free(struct response *response);
#define scoped_response __attribute__((cleanup(response_free)))

/* The status for an errno. */
int response_status_of(int code);
/* "Not Found" */
const char *response_reason(int status);

/* Makes the response an error of that status (0: by the errno), and empties err. */
void response_fail(struct response *response, int status, struct err *err);
/* Takes metadata over (NULL: out of memory) as a success. */
void response_succeed(struct response *response, json_t *metadata);
/* Sets an ETag made of a value. */
void response_set_etag(struct response *response, const json_t *value);
/* Whether a list of ETags, as in If-Match, has that one; "*" has any. */
bool response_etag_is_in(const char *list, const char *etag);

/* The envelope, which the caller owns; NULL: out of memory. */
json_t *response_envelope(const struct response *response);

#endif
