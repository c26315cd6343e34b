/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log of a process without a terminal: lines with a time, to a descriptor. */
#ifndef BERTH_BASE_LOG_H
#define BERTH_BASE_LOG_H

/* The descriptor that log_line writes to; -1, the default, discards. Borrowed: the caller keeps it open. */
void log_to(int fd);

/* Writes "2026-01-31T12:00:00Z text" in one write(2), so that writers do not mix. Never fails. */
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
