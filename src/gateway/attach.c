/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON about children of sockets. */
#include "gateway/attach.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

void attach_free(struct attach *attach)
{
	for (size_t i = 0; attach->words[i]; i++)
		free(attach->words[i]);
	free(attach->as);
	*attach = (struct attach){ 0 };
}

static int fill(struct attach *attach, json_t *root)
{
	const json_t *argv = json_object_get(root, "argv");
	const char *as = json_string_value(json_object_get(root, "as"));
	size_t count = json_array_size(argv);

	if (count < 2 || count > ATTACH_WORDS)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		const char *word = json_string_value(json_array_get(argv, i));
		attach->words[i] = word ? strdup(word) : NULL;
		if (!attach->words[i])
			return -EINVAL;
	}
	attach->as = as ? strdup(as) : NULL;
	attach->terminal = json_is_true(json_object_get(root, "terminal"));
	attach->raw = json_is_true(json_object_get(root, "raw"));
	return as && !attach->as ? -EINVAL : 0;
}

int attach_read(struct attach *attach, const char *json)
{
	json_t *root = json_loads(json, 0, NULL);

	*attach = (struct attach){ 0 };
	int r = fill(attach, root);
	if (r < 0)
		attach_free(attach);
	json_decref(root);
	return r;
}

static int find_signal(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} signals[] = {
		{ "HUP", SIGHUP },   { "INT", SIGINT },   { "QUIT", SIGQUIT }, { "TERM", SIGTERM },
		{ "KILL", SIGKILL }, { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 },
	};

	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (strcmp(signals[i].name, name) == 0)
			return signals[i].number;
	return 0;
}

static bool is_size(json_int_t value)
{
	return value >= 1 && value <= 10000;
}

static int read_wish(struct attach_wish *wish, const json_t *root)
{
	const json_t *resize = json_object_get(root, "resize");
	const char *signal = json_string_value(json_object_get(root, "signal"));
	const char *control = json_string_value(json_object_get(root, "control"));
	json_int_t columns = json_integer_value(json_object_get(resize, "columns"));
	json_int_t rows = json_integer_value(json_object_get(resize, "rows"));

	if (json_object_size(root) != 1 || (!resize && !signal && !control))
		return -EINVAL;
	/* The viewers of a desktop take these signals for it. */
	if (control && strcmp(control, "take") == 0)
		signal = "USR1";
	else if (control && strcmp(control, "give") == 0)
		signal = "USR2";
	else if (control)
		return -EINVAL;
	if (resize && (!is_size(columns) || !is_size(rows)))
		return -EINVAL;
	wish->columns = (unsigned short)columns;
	wish->rows = (unsigned short)rows;
	wish->signal = signal ? find_signal(signal) : 0;
	return signal && !wish->signal ? -EINVAL : 0;
}

const char attach_no_wish[] =
	"{\"error\":\"a text is {\\\"resize\\\":{\\\"columns\\\":C,\\\"rows\\\":R}}, "
	"{\\\"control\\\":\\\"take\\\"} or give, or {\\\"signal\\\":NAME}, NAME one of "
	"HUP, INT, QUIT, TERM, KILL, USR1, USR2\"}";

int attach_wish(struct attach_wish *wish, const char *json, size_t length)
{
	json_t *root = json_loadb(json, length, 0, NULL);

	*wish = (struct attach_wish){ 0 };
	int r = read_wish(wish, root);
	json_decref(root);
	return r;
}
