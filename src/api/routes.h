/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of routes: for a method and a path the verb that does it, with what a client may say besides. Each resource
 * has its rows in a file of its own; routes.c lists these, and finds the row for a request. Pure.
 */
#ifndef BERTH_API_ROUTES_H
#define BERTH_API_ROUTES_H

#include "api/request.h"
#include "api/response.h"
#include "cmd/cli/command.h"
#include "config/values.h"

/* A query parameter. With a flag it is given to the verb; with neither flag nor member the handler reads it. */
struct query {
	const char *name;
	const char *flag;         /* "--label=": the value follows; without '=' it is a switch */
	const char *member;       /* of a list: only objects whose member has that value */
	const char *const *words; /* the values that it may have, NULL-terminated; NULL: any */
};

enum route_shape {
	SHAPE_VALUE, /* what the verb prints */
	SHAPE_LIST,  /* an array: by ?recursion=1 its objects, else the path of each */
	SHAPE_FIRST, /* the one element of an array */
	SHAPE_NAMED, /* the element of an array that has the last name of the path */
};

/* A member of the body. */
struct field {
	const char *name; /* "config", or "source.pool" for a member of the object source */
	enum {
		FIELD_TEXT,   /* a string or a number: its flag with the value */
		FIELD_TIME,   /* the same, a time such as 90s or 5m */
		FIELD_SWITCH, /* true: its flag */
		FIELD_SET,    /* an object: the flag with KEY=VALUE for each member */
		FIELD_WORD, /* a string, in place of "{name}" in the verb; left out if it is not given */
		FIELD_NAME, /* the same, a DNS label */
		FIELD_PATH, /* the same, an absolute path */
		FIELD_CHOICE, /* one of the words in flag, "nat= proxy=--proxy": the flag behind it, if any */
		FIELD_PAIRS, /* an object: words KEY=VALUE at the end */
		FIELD_LIST,  /* an array of strings: words at the end */
	} kind;
	const char *flag; /* "--pool=", or "--force" of a switch */
	bool required;
};

/* One of several verbs, chosen by the value of a member of the body. */
struct variant {
	const char *value;
	const char *verb;
	const struct field *fields; /* ends with { 0 } */
};

enum { ROUTE_NAMES_MAX = 3 };
struct schema;
struct match;
struct exchange;
struct incoming;

/* Users who may, beside root and the group api.group. */
enum route_needs {
	NEEDS_ALL,    /* nobody else */
	NEEDS_SIGHT,  /* users with a right on any machine, who get what belongs to those */
	NEEDS_USE,    /* users of the path's machine */
	NEEDS_MANAGE, /* those who manage it */
};

struct route {
	const char *method;
	/* "/1.0/machines/{machine}": a part in braces takes a name, a DNS label. */
	const char *path;
	/* "info --json -- {machine}": a word in braces is that name of the path. */
	const char *verb;
	const char *
		config; /* the verb that prints the settings, which become member "config", and the ETag */
	enum route_needs needs;
	enum route_shape shape;
	const char *place; /* of SHAPE_LIST: the path of its elements, if it is another one */
	const char *const *members;  /* only these of an object, NULL-terminated; NULL: all */
	const struct query *queries; /* ends with { 0 }; NULL: none */
	const char *type;            /* of a stream: the verb's output goes through, as this type */
	const struct field *fields;  /* of the body; ends with { 0 }; NULL: it has none */
	const char *select;          /* the member of the body that chooses among the variants */
	const struct variant *variants; /* ends with { 0 } */
	bool goes_on;                   /* an operation, which may last longer than the request */
	bool octets;                    /* its body is no JSON, and the handler reads it */
	const struct schema
		*schema; /* of the settings in member config, which PUT and PATCH change */
	int (*run)(struct exchange *exchange,
		   struct err *err); /* instead of the general way; 0 or -code */
};

/* One resource's rows; ends with { 0 }. */
extern const struct route host_routes[], machine_routes[], template_routes[], pool_routes[],
	network_routes[], volume_routes[], backup_routes[], event_routes[], operation_routes[],
	machine_changes[], part_changes[], attach_routes[], file_routes[];

/* All of them; ends with NULL. */
extern const struct route *const route_tables[];

/* A row, and the names that the path has for its braces, in their order. */
struct match {
	const struct route *route;
	const char *names[ROUTE_NAMES_MAX]; /* borrowed from the request */
};

/*
 * Finds the row. 0; or the status of the failure with err: 404 for a path that no row has, 405 with the methods of those
 * that have it in allow, 400 for a name that cannot be one, an unknown query parameter or a value that it cannot have.
 */
int route_find(const struct request *request, struct match *match, char allow[64], struct err *err);

/* The name that the path has for "{machine}", given without braces; NULL: it has none. */
const char *match_name(const struct match *match, const char *name);

/*
 * Adds the words of a verb, with names in place of braces, and query parameters and the fields of the body (NULL: none)
 * as flags. 0, -code.
 */
int match_verb(const struct match *match, const struct request *request, const char *verb,
	       const struct field *fields, struct argv *argv, struct err *err);

/* All that a handler works with. */
struct exchange {
	const struct call *call; /* its dirs, and how a verb is run */
	const struct request *request;
	struct match match;
	struct response *response;
	bool all;                        /* the user may see and do all */
	enum access_right right;         /* on the machine of the path */
	const struct incoming *incoming; /* of a row that takes octets: its body, unread */
};

#endif
