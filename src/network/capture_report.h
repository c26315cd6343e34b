/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages of berth-capture to the process that runs it, over a socket that keeps their bounds. */
#ifndef BERTH_NETWORK_CAPTURE_REPORT_H
#define BERTH_NETWORK_CAPTURE_REPORT_H

#include <stdint.h>

/* Descriptors of the program. The end of the control socket asks it to end. */
enum { CAPTURE_CONTROL = 0, CAPTURE_OUTPUT = 1, CAPTURE_SPACE = 3 };

enum capture_kind {
	CAPTURE_READY = 1, /* it captures from now on */
	CAPTURE_FAILED,    /* code and why */
	CAPTURE_ENDED,     /* how, captured and dropped, and code */
};

struct capture_report {
	uint32_t kind; /* enum capture_kind */
	uint32_t how;  /* enum capture_end */
	int32_t code;  /* errno, of CAPTURE_FAILED and CAPTURE_LOST */
	uint32_t unused;
	uint64_t captured, dropped;
	char why[256];
};

#endif
