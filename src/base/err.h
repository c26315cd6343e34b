/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An error as a value: no heap, so it can be sent over a socket. */
#ifndef BERTH_BASE_ERR_H
#define BERTH_BASE_ERR_H

/*
 * Zero is "nothing has failed". A telling function takes a struct err last, fills it once, at the
 * place that knows the object's name, and returns -code; a quiet function has no such parameter
 * and returns -errno. Only cmd/ and the keeper's log print. A function that returns success leaves
 * err empty: what failed on the way and does not matter goes into an err of its own.
 */
struct err {
	int code;        /* errno value, 0 while nothing has failed */
	char text[1020]; /* room for several causes in one sentence */
};

/*
 * Says what failed: one sentence with object, cause and, where there is one, the remedy.
 * Returns -code (-EIO for a code that is not positive); a NULL err only gets the code.
 */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts what we were doing in front of what failed: "machine 'web': open ...". Returns -code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#ifdef BERTH_CHECK_ERR
/*
 * Called by every function that takes a `struct err *err`, just before it returns, in builds by
 * tests/lint/err-cc: stops the program if it returns success with an error filled in.
 */
enum { ERR_RETURNS_CODE, ERR_RETURNS_COUNT, ERR_RETURNS_POINTER };
void err_check_return(const struct err *err, long returned, int kind);
#endif

#endif
