/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The indexes of an image server, and the lines that its images become, which berth reads. */
#include "fuzz.h"

#include "image/fetch/streams.h"
#include "image/shared/offer.h"

#include <stdlib.h>
#include <string.h>

/* The first letter tells which of both it is. */
static void parse_index(const char *json, size_t size)
{
	struct streams_files files;
	struct err err = { 0 };

	if (streams_index(json, size, &files, &err) < 0) {
		fuzz_check(err.code > 0 && *err.text);
		return;
	}
	fuzz_check(files.count > 0 && files.count <= STREAMS_FILES_MAX);
	for (size_t i = 0; i < files.count; i++)
		fuzz_check(files.path[i][0] && files.path[i][0] != '/' &&
			   strncmp(files.path[i], "../", 3) != 0 && !strstr(files.path[i], "/../"));
}

static void parse_products(const char *json, size_t size)
{
	struct streams_result result = { 0 };
	struct err err = { 0 };
	size_t lines = 0;

	int r = streams_products(json, size, "amd64", &result, &err);
	fuzz_check(r == 0 || (err.code > 0 && *err.text));
	/* The other side accepts each line. */
	char *rest = result.lines.data;
	for (char *line; rest && (line = strsep(&rest, "\n")) && *line; lines++) {
		struct offer offer;
		fuzz_check(offer_parse(line, &offer));
	}
	fuzz_check(lines == result.count);
	text_free(&result.lines);
}

static void parse_line(const uint8_t *data, size_t size)
{
	char *line = fuzz_word(&data, &size);
	struct offer offer;

	if (offer_parse(line, &offer))
		fuzz_check(!offer_fault(&offer));
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (*data == 'i')
		parse_index((const char *)data + 1, size - 1);
	else if (*data == 'p')
		parse_products((const char *)data + 1, size - 1);
	else
		parse_line(data + 1, size - 1);
	return 0;
}
