/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two sides of a forward on demand. The process that serves has no rights, and asks its parent, which has them, for
 * each connection: is the machine awake? The parent looks at the run folder, or runs `berth _wake`, and answers with the
 * machine's addresses. Either side ends with the other.
 */
#ifndef BERTH_FORWARDER_DEMAND_H
#define BERTH_FORWARDER_DEMAND_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* In the run folder: the addresses of the machine, "ADDRESS ADDRESS6" in a line, ADDRESS6 "-" if there is none. */
#define DEMAND_ADDRESSES "addresses"

/* The words of the command line by which the parent starts the machine: borrowed. */
struct demand {
	const char *berth;   /* the program */
	const char *root;    /* of --root; "": none */
	const char *machine; /* names */
	const char *forward;
	const char *run; /* the run folder of the machine, which is there only while it runs */
};

struct demand_answer {
	int32_t code; /* 0, or an errno: the machine is not awake, and its start has failed or ended */
	/* Milliseconds from now on in which a port that does not listen yet is waited for, after a start; 0: none. */
	int32_t fresh_ms;
	bool ipv6; /* address6 is filled in */
	struct in_addr address;
	struct in6_addr address6;
};

/* The parent: answers questions from fd until its other end is closed. Does not return. */
void demand_serve(const struct demand *demand, int fd) __attribute__((noreturn));

/* The other side. Sends a question; one that is not answered yet stands for all. 0 or -errno. */
int demand_ask(int fd);
/*
 * Takes an answer. *use gets a descriptor, owned by the caller, which holds the lock of a use of the machine, or -1. 0,
 * -EAGAIN, or -errno: the parent has ended.
 */
int demand_take(int fd, struct demand_answer *answer, int *use);

#endif
