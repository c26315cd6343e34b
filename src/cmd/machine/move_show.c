/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/move_show.h"

#include "cmd/cli/print.h"

json_t *move_mark_object(const struct move_mark *mark)
{
	if (mark->phase == MOVE_NONE)
		return json_null();
	return json_members((const struct json_member[]){
		{ "phase", json_string(move_phase_name(mark->phase)) },
		{ "host", *mark->host ? json_text(mark->host) : json_null() },
		{ "pool", *mark->pool ? json_text(mark->pool) : json_null() },
		{ 0 },
	});
}

json_t *move_object(const struct machine *machine)
{
	struct move_mark mark;

	move_read(machine, &mark, &(struct err){ 0 });
	return move_mark_object(&mark);
}

void move_show(const struct machine *machine,
	       void (*show)(const char *label, const char *form, ...))
{
	char sentence[400];
	struct move_mark mark;
	struct err err = { 0 };

	/* A mark that cannot be read is told with its reason. */
	if (move_read(machine, &mark, &err) < 0) {
		show("move:", "not known: %s", err.text);
		return;
	}
	move_tell(machine, &mark, sentence, sizeof sentence);
	show("move:", "%s", sentence);
}

const char *move_mark_state(const struct move_mark *mark, enum machine_state state)
{
	return machine_is_down(state) && mark->phase >= MOVE_HANDING ? move_phase_name(mark->phase)
								     : machine_state_name(state);
}

const char *move_state_name(const struct machine *machine, enum machine_state state)
{
	struct move_mark mark = { 0 };

	if (machine_is_down(state))
		move_read(machine, &mark, &(struct err){ 0 });
	return move_mark_state(&mark, state);
}
