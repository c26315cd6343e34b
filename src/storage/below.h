/* Stepping down a tree that its owner may be changing meanwhile. */
#ifndef BERTH_STORAGE_BELOW_H
#define BERTH_STORAGE_BELOW_H

/*
 * Opens folder name in fd, or -errno: -ENOTDIR or -ELOOP when it is something else by now, -EXDEV
 * when another file system is mounted there. Neither a link nor a mount leads out of the tree.
 */
int below_open(int fd, const char *name);

#endif
