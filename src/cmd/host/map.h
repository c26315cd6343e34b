/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map of networks: an object with all that is known, and its forms for people and for graphviz. */
#ifndef BERTH_CMD_HOST_MAP_H
#define BERTH_CMD_HOST_MAP_H

#include "base/dirs.h"
#include "base/err.h"
#include "base/text.h"

#include <jansson.h>

/*
 * The map, which the caller owns; NULL with an error. Members: networks, each with uplinks and nics, and each nic with
 * forwards; machines, those without a network or whose settings cannot be read. An object that is broken has an error.
 */
json_t *map_make(const struct dirs *dirs, struct err *err);

/* Whether an object in it is broken. */
bool map_is_broken(const json_t *map);

/* Adds the map as a tree, in UTF-8 or with the characters of ASCII alone. */
void map_add_tree(const json_t *map, bool utf8, struct text *out);
/* Adds it as a graph in the language of graphviz, dot. */
void map_add_dot(const json_t *map, struct text *out);

#endif
