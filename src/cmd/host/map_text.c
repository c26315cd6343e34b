/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map of networks as a tree for a terminal, and as a graph. */
#include "cmd/cli/print.h"
#include "cmd/host/map.h"

#include <string.h>

/* ---- What stands for an object */

static const char *word(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

/* Adds a member, and what comes before it, unless it is null. */
static void add_member(const json_t *object, const char *name, const char *before, struct text *out)
{
	const char *value = word(object, name);

	if (*value)
		text_add(out, "%s%s", before, value);
}

static void add_fault(const json_t *object, struct text *out)
{
	add_member(object, "error", ": broken: ", out);
}

static void describe_network(const json_t *network, struct text *out)
{
	text_add(out, "network %s", word(network, "name"));
	add_member(network, "kind", ", ", out);
	add_member(network, "bridge", " ", out);
	add_member(network, "subnet", ", ", out);
	add_member(network, "subnet6", ", ", out);
	if (strcmp(word(network, "state"), "broken") != 0)
		add_member(network, "state", ", ", out);
	add_fault(network, out);
}

static bool is_missing(const json_t *network, const char *uplink)
{
	const json_t *missing = json_object_get(network, "missing_uplinks");
	size_t i;
	json_t *each;

	json_array_foreach(missing, i, each)
	{
		if (strcmp(json_string_value(each), uplink) == 0)
			return true;
	}
	return false;
}

static void describe_nic(const json_t *nic, struct text *out)
{
	text_add(out, "%s %s", word(nic, "machine"), word(nic, "nic"));
	add_member(nic, "address", ", ", out);
	add_member(nic, "address6", ", ", out);
	add_member(nic, "state", ", ", out);
	if (json_is_true(json_object_get(nic, "route")))
		text_add(out, ", default route");
	add_fault(nic, out);
}

static void describe_forward(const json_t *forward, struct text *out)
{
	text_add(out, "forward %s, ", word(forward, "name"));
	if (strchr(word(forward, "listen"), ':'))
		text_add(out, "[%s]:", word(forward, "listen"));
	else if (*word(forward, "listen"))
		text_add(out, "%s:", word(forward, "listen"));
	text_add(out, "%s/%s to %s%s%s%s", word(forward, "port"), word(forward, "protocol"),
		 word(forward, "target"),
		 strcmp(word(forward, "mode"), "nat") == 0 ? "" : " by a process of the host",
		 json_is_true(json_object_get(forward, "on_demand")) ? ", on demand" : "",
		 json_is_true(json_object_get(forward, "active")) ? "" : ", not active");
}

static void describe_machine(const json_t *machine, struct text *out)
{
	text_add(out, "machine %s, %s", word(machine, "name"), word(machine, "state"));
	if (strcmp(word(machine, "state"), "broken") == 0)
		add_member(machine, "error", ": ", out);
	else
		text_add(out, ", no network");
}

/* ---- Tree */

struct tree {
	struct text *out;
	bool utf8;
};

/* Adds a line; what comes from settings has no control characters then. */
static void add_line(const struct tree *tree, const char *before, bool branch, bool last,
		     const struct text *said)
{
	const char *mark = tree->utf8 ? (last ? "└─ " : "├─ ") : (last ? "`- " : "|- ");

	text_add(tree->out, "%s%s", before, branch ? mark : "");
	print_plain(text_str(said), tree->out);
	text_add(tree->out, "\n");
}

static void add_forwards(const struct tree *tree, const json_t *nic, bool last_nic)
{
	const json_t *forwards = json_object_get(nic, "forwards");
	const char *before = last_nic ? "   " : tree->utf8 ? "│  " : "|  ";
	size_t i, count = json_array_size(forwards);
	json_t *forward;

	json_array_foreach(forwards, i, forward)
	{
		scoped_text struct text said = { 0 };
		describe_forward(forward, &said);
		add_line(tree, before, true, i + 1 == count, &said);
	}
}

static void add_network(const struct tree *tree, const json_t *network)
{
	const json_t *uplinks = json_object_get(network, "uplinks");
	const json_t *nics = json_object_get(network, "nics");
	size_t i, count = json_array_size(nics);
	scoped_text struct text title = { 0 };
	json_t *each;

	describe_network(network, &title);
	add_line(tree, "", false, false, &title);
	json_array_foreach(uplinks, i, each)
	{
		scoped_text struct text said = { 0 };
		const char *name = json_string_value(each);
		text_add(&said, "uplink %s%s%s", name,
			 json_is_true(json_object_get(network, "nat")) ? ", NAT" : "",
			 is_missing(network, name) ? ", missing" : "");
		add_line(tree, "", true, i + 1 == json_array_size(uplinks) && count == 0, &said);
	}
	json_array_foreach(nics, i, each)
	{
		scoped_text struct text said = { 0 };
		describe_nic(each, &said);
		add_line(tree, "", true, i + 1 == count, &said);
		add_forwards(tree, each, i + 1 == count);
	}
}

void map_add_tree(const json_t *map, bool utf8, struct text *out)
{
	const struct tree tree = { .out = out, .utf8 = utf8 };
	json_t *each;
	size_t i;

	json_array_foreach(json_object_get(map, "networks"), i, each)
	{
		add_network(&tree, each);
	}
	json_array_foreach(json_object_get(map, "machines"), i, each)
	{
		scoped_text struct text said = { 0 };
		describe_machine(each, &said);
		add_line(&tree, "", false, false, &said);
	}
}

/* ---- Graph */

/* Adds a string of dot, whose only special characters are the quote and the backslash. */
static void add_string(const char *text, struct text *out)
{
	scoped_text struct text plain = { 0 };

	print_plain(text, &plain);
	text_add(out, "\"");
	for (const char *at = text_str(&plain); *at; at++)
		text_add(out, "%s%c", *at == '"' || *at == '\\' ? "\\" : "", *at);
	text_add(out, "\"");
}

static void add_node(const char *kind, const char *name, const char *label, const char *shape,
		     bool broken, struct text *out)
{
	scoped_text struct text id = { 0 };

	text_add(&id, "%s %s", kind, name);
	text_add(out, "\t");
	add_string(text_str(&id), out);
	text_add(out, " [shape=%s%s, label=", shape, broken ? ", color=red" : "");
	add_string(label, out);
	text_add(out, "];\n");
}

static void add_edge(const char *from_kind, const char *from, const char *to_kind, const char *to,
		     const char *label, struct text *out)
{
	struct text ends[2] = { { 0 }, { 0 } };

	text_add(&ends[0], "%s %s", from_kind, from);
	text_add(&ends[1], "%s %s", to_kind, to);
	text_add(out, "\t");
	add_string(text_str(&ends[0]), out);
	text_add(out, " -- ");
	add_string(text_str(&ends[1]), out);
	text_add(out, " [label=");
	add_string(label, out);
	text_add(out, "];\n");
	text_free(&ends[0]);
	text_free(&ends[1]);
}

static bool is_broken(const json_t *object)
{
	return json_is_string(json_object_get(object, "error"));
}

static void add_nic_edges(const json_t *network, const json_t *nic, struct text *out)
{
	const char *machine = word(nic, "machine");
	scoped_text struct text label = { 0 };
	json_t *forward;
	size_t i;

	add_node("machine", machine, machine, "box", is_broken(nic), out);
	text_add(&label, "%s", word(nic, "nic"));
	add_member(nic, "address", " ", &label);
	add_member(nic, "address6", " ", &label);
	add_fault(nic, &label);
	add_edge("network", word(network, "name"), "machine", machine, text_str(&label), out);
	json_array_foreach(json_object_get(nic, "forwards"), i, forward)
	{
		scoped_text struct text said = { 0 };
		describe_forward(forward, &said);
		add_edge("host", "", "machine", machine, text_str(&said), out);
	}
}

static void add_network_nodes(const json_t *network, struct text *out)
{
	const char *name = word(network, "name");
	scoped_text struct text title = { 0 };
	json_t *each;
	size_t i;

	describe_network(network, &title);
	add_node("network", name, text_str(&title), "ellipse", is_broken(network), out);
	json_array_foreach(json_object_get(network, "uplinks"), i, each)
	{
		const char *uplink = json_string_value(each);
		add_node("uplink", uplink, uplink, "hexagon", is_missing(network, uplink), out);
		add_edge("host", "", "uplink", uplink, "", out);
	}
	add_edge("host", "", "network", name, word(network, "bridge"), out);
	json_array_foreach(json_object_get(network, "nics"), i, each)
	{
		add_nic_edges(network, each, out);
	}
}

void map_add_dot(const json_t *map, struct text *out)
{
	json_t *each;
	size_t i;

	text_add(out, "strict graph berth {\n");
	add_node("host", "", "host", "house", false, out);
	json_array_foreach(json_object_get(map, "networks"), i, each)
	{
		add_network_nodes(each, out);
	}
	json_array_foreach(json_object_get(map, "machines"), i, each)
	{
		scoped_text struct text said = { 0 };
		describe_machine(each, &said);
		add_node("machine", word(each, "name"), text_str(&said), "box", is_broken(each),
			 out);
	}
	text_add(out, "}\n");
}
