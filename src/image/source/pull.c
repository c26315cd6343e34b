/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/source/pull.h"

#include "base/scoped.h"
#include "image/source/source.h"
#include "image/template/template.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

bool pull_is_remote(const char *word)
{
	return strchr(word, ':') != NULL;
}

void pull_name(const char *image, char name[64])
{
	size_t n = 0;

	for (; *image && n < 63; image++) {
		if (isalnum((unsigned char)*image))
			name[n++] = (char)tolower((unsigned char)*image);
		else if (n > 0 && name[n - 1] != '-')
			name[n++] = '-';
	}
	while (n > 0 && name[n - 1] == '-')
		n--;
	name[n] = '\0';
}

/* ---- Templates that were pulled */

struct finding {
	const char *remote, *image;
	char *name;      /* owned: the newest so far */
	char serial[64]; /* of that */
};

static int compare(void *context, const char *name, const struct template_config *config,
		   const struct err *fault)
{
	struct finding *finding = context;

	(void)fault;
	if (!config || strcmp(config->image_remote, finding->remote) != 0 ||
	    !offer_has_alias(config->image_aliases, finding->image) ||
	    (finding->name && strcmp(config->image_serial, finding->serial) <= 0))
		return 0;
	snprintf(finding->serial, sizeof finding->serial, "%s", config->image_serial);
	return text_take(&finding->name, strdup(name));
}

char *pull_find_local(const struct dirs *dirs, const char *word, struct err *err)
{
	char remote[64], image[128];
	struct finding finding = { .remote = remote, .image = image };

	if (source_split(word, remote, image, err) < 0 ||
	    template_list(dirs, compare, &finding, err) < 0) {
		free(finding.name);
		return NULL;
	}
	return finding.name;
}

bool pull_may_be_of(const struct dirs *dirs, const char *template, const char *word)
{
	char remote[64], image[128];
	struct template_config config;
	struct err why = { 0 };

	if (source_split(word, remote, image, &why) < 0)
		return false;
	int r = template_open(dirs, template, &config, &why);
	if (r < 0)
		return r == -ENOENT;
	bool is = strcmp(config.image_remote, remote) == 0 &&
		  offer_has_alias(config.image_aliases, image);
	config_free(&template_schema, &config);
	return is;
}

int pull_origin(const struct dirs *dirs, const char *template, char **word, char **serial,
		struct err *err)
{
	struct template_config config;

	*word = *serial = NULL;
	if (template_open(dirs, template, &config, err) < 0)
		return -err->code;
	if (*config.image_remote) {
		size_t n = strcspn(config.image_aliases, ",");
		*word = text_format("%s:%.*s", config.image_remote, (int)n, config.image_aliases);
		*serial = strdup(config.image_serial);
	}
	bool pulled = *config.image_remote, ordered = source_is_ordered(config.image_product);
	config_free(&template_schema, &config);
	if (!pulled)
		return err_set(err, EINVAL,
			       "template '%s' came from no image server, so that nothing newer is "
			       "known of; only those that were pulled can be updated",
			       template);
	if (!ordered)
		return err_set(
			err, EINVAL,
			"template '%s' came from a registry, which does not tell which image is "
			"newer; pull it by another name",
			template);
	return *word && *serial ? 0 : err_set(err, ENOMEM, "out of memory");
}
