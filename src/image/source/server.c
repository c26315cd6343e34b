/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of servers of simplestreams: found in the server's catalogue, fetched by berth-fetch. */
#include "image/source/source.h"

#include "base/scoped.h"
#include "image/source/import.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { RELEASES_SHOWN = 12 };

static bool fits(const struct source *source)
{
	return source->url != NULL;
}

/* Two releases of a distribution, in any letters. */
static bool same_os(const struct offer *offer, const char *wanted, size_t length)
{
	return strncasecmp(offer->os, wanted, length) == 0 && !offer->os[length];
}

/* The releases of a distribution that the server has. */
static bool list_releases(const struct catalogue *catalogue, const char *wanted, struct text *out)
{
	size_t length = strcspn(wanted, "/");
	const char *last = "";
	unsigned count = 0;

	for (size_t i = 0; i < catalogue->count; i++) {
		const struct offer *offer = &catalogue->offers[i];
		if (!same_os(offer, wanted, length) || strcmp(last, offer->release) == 0)
			continue;
		last = offer->release;
		if (count++ < RELEASES_SHOWN)
			text_add(out, "%s%s", out->length ? ", " : "", offer->release);
	}
	if (count > RELEASES_SHOWN)
		text_add(out, " and %u more", count - RELEASES_SHOWN);
	return count > 0;
}

/* The nearest name to one that the server does not have. */
static const char *nearest_os(const struct catalogue *catalogue, const char *wanted)
{
	scoped_free char *word = strdup(wanted);
	const char **names = calloc(catalogue->count + 1, sizeof *names);
	const char *near = NULL;

	if (word && names) {
		word[strcspn(word, "/")] = '\0';
		for (size_t i = 0; i < catalogue->count; i++)
			names[i] = catalogue->offers[i].os;
		for (char *p = word; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		near = text_nearest(word, names);
	}
	free(names);
	return near;
}

static int tell_unknown(const struct catalogue *catalogue, const struct source *source,
			struct err *err)
{
	scoped_text struct text releases = { 0 };
	const char *near = nearest_os(catalogue, source->image);

	if (list_releases(catalogue, source->image, &releases))
		return err_set(err, ENOENT,
			       "remote '%s' has no '%s' for this host; of '%.*s' it has %s",
			       source->remote, source->image, (int)strcspn(source->image, "/"),
			       source->image, text_str(&releases));
	if (near)
		return err_set(
			err, ENOENT,
			"remote '%s' has no '%s' for this host; did you mean '%s'? See: berth "
			"template search %s:%s",
			source->remote, source->image, near, source->remote, near);
	return err_set(err, ENOENT,
		       "remote '%s' has no '%s' for this host; see what it has: berth template "
		       "search %s:",
		       source->remote, source->image, source->remote);
}

/* The one that has it as an alias; the newest, should there be several. */
static int choose(struct source *source, const struct catalogue *catalogue, struct err *err)
{
	const struct offer *found = NULL;

	for (size_t i = 0; i < catalogue->count; i++) {
		const struct offer *offer = &catalogue->offers[i];
		if (offer_is(offer, source->image) &&
		    (!found || strcmp(offer->serial, found->serial) > 0))
			found = offer;
	}
	if (!found)
		return tell_unknown(catalogue, source, err);
	source->offer = *found;
	return 0;
}

static int fetch_files(struct source *source, const struct download *download, struct err *err)
{
	const struct offer *offer = &source->offer;
	char sum[SHA256_HEX + 1];
	struct sha256 both;

	if (sha256_begin(&both, err) < 0)
		return -err->code;
	if (*offer->metadata.path) {
		source->input.metadata_fd =
			download_file(&(struct download){ .dirs = download->dirs,
							  .url = download->url,
							  .map = download->map },
				      &offer->metadata, &both, err);
		if (source->input.metadata_fd < 0)
			return source->input.metadata_fd;
	}
	source->input.archive_fd = download_file(download, &offer->root, &both, err);
	if (source->input.archive_fd < 0)
		return source->input.archive_fd;
	sha256_end(&both, sum);
	if (*offer->combined && strcmp(sum, offer->combined) != 0)
		return err_set(
			err, EBADMSG,
			"metadata and root do not belong together: the index promises SHA-256 "
			"%.16s... of both, but it is %.16s...",
			offer->combined, sum);
	return 0;
}

static int begin(struct source *source, struct err *err)
{
	struct catalogue catalogue;

	if (catalogue_fetch(source->dirs, source->remote, source->url, &catalogue, err) < 0)
		return -err->code;
	int r = choose(source, &catalogue, err);
	catalogue_free(&catalogue);
	if (r < 0)
		return r;
	const struct offer *offer = &source->offer;
	snprintf(source->lock, sizeof source->lock, "image.%.16s", offer->root.sha256);
	source->what = text_format("%s/%s", source->url, offer->root.path);
	source->aliases = text_format("%s%s%s/%s/%s", offer->aliases, *offer->aliases ? "," : "",
				      offer->os, offer->release, offer->variant);
	return source->what && source->aliases ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int fetch(struct source *source, const struct download_watch *watch, struct err *err)
{
	struct download download = { .dirs = source->dirs, .url = source->url, .watch = watch };

	if (import_ids(source->dirs, &download.map, err) < 0)
		return -err->code;
	download_sweep(source->dirs);
	return fetch_files(source, &download, err) < 0
		       ? err_wrap(err, "image '%s:%s'", source->remote, source->image)
		       : 0;
}

/* The template is what is kept of them; files without a template stay for another try. */
static void end(struct source *source, bool made)
{
	if (!made)
		return;
	download_forget(source->dirs, &source->offer.metadata);
	download_forget(source->dirs, &source->offer.root);
}

const struct source_ops source_server = {
	.noun = "archive",
	.ordered = true,
	.fits = fits,
	.begin = begin,
	.fetch = fetch,
	.list = catalogue_fetch,
	.end = end,
};
