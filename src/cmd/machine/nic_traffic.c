/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/machine/nic_traffic.h"

#include "base/text.h"
#include "cmd/cli/print.h"
#include "cmd/cli/traffic.h"
#include "machine/life/life.h"

void nic_traffic_show(const struct machine *machine,
		      void (*show)(const char *label, const char *form, ...))
{
	struct nic_traffic list[NICS_MAX];
	size_t count = machine_traffic(machine, list);

	for (size_t i = 0; i < count; i++) {
		scoped_text struct text line = { 0 };
		traffic_add(&list[i].traffic, &line);
		show("traffic:", "%s %s", list[i].nic, text_str(&line));
	}
}

json_t *nic_traffic_array(const struct machine *machine)
{
	struct nic_traffic list[NICS_MAX];
	size_t count = machine_traffic(machine, list);
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++) {
		json_t *traffic = traffic_object(&list[i].traffic);
		if (traffic && json_object_set_new(traffic, "nic", json_string(list[i].nic)) == 0)
			json_array_append(array, traffic);
		json_decref(traffic);
	}
	return array;
}
