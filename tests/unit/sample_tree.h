/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree with one of every kind of object, and the comparison of two trees attribute by attribute. */
#ifndef BERTH_TESTS_SAMPLE_TREE_H
#define BERTH_TESTS_SAMPLE_TREE_H

#include <stddef.h>

/* A new file with that text, or of so many MiB of data that do not compress. A failure is the test's. */
void sample_file(const char *path, const char *text);
void sample_big_file(const char *path, size_t mebibytes);
/* Makes the tree at a path where nothing is. */
void sample_tree(const char *path);
void sample_attribute(const char *path, const char *name, const void *value, size_t n);
/* An access control list with a user, a group and a mask, as system.posix_acl_* have it. */
enum { SAMPLE_ACL_SIZE = 44 };
extern const unsigned char sample_acl[SAMPLE_ACL_SIZE];
/* The number of entries of a folder. */
int sample_entries(const char *path);
/* The number of differences, each of which is printed. */
int sample_differences(const char *one, const char *other);

#endif
