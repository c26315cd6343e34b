/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/response.h"

#include "base/scoped.h"
#include "base/text.h"
#include "cmd/cli/print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void response_free(struct response *response)
{
	json_decref(response->metadata);
	json_decref(response->notes);
	free(response->attach);
	free(response->octets.fields);
	if (response->octets.release)
		response->octets.release(response->octets.source);
	argv_free(&response->stream.argv);
	*response = (struct response){ 0 };
}

int response_status_of(int code)
{
	static const struct {
		int code, status;
	} rows[] = {
		{ EINVAL, 400 },      { ENAMETOOLONG, 400 }, { ERANGE, 400 },
		{ EILSEQ, 400 },      { EPERM, 403 },        { EACCES, 403 },
		{ ENOENT, 404 },      { ENXIO, 404 },        { EEXIST, 409 },
		{ EBUSY, 409 },       { EAGAIN, 409 },       { EALREADY, 409 },
		{ EINPROGRESS, 409 }, { ENOTEMPTY, 409 },    { ESRCH, 409 },
		{ ESTALE, 409 },      { ENOTCONN, 409 },     { EISDIR, 409 },
		{ ENOTDIR, 409 },     { ETXTBSY, 409 },      { ECANCELED, 409 },
		{ EFBIG, 413 },       { EOPNOTSUPP, 501 },   { ENOSYS, 501 },
		{ ETIMEDOUT, 504 },   { ENOSPC, 507 },       { EDQUOT, 507 },
		{ EADDRINUSE, 409 },  { ENOTUNIQ, 409 },     { ENODEV, 409 },
		{ EINTR, 409 },       { EMEDIUMTYPE, 409 },  { ENODATA, 400 },
		{ EROFS, 409 },       { ELOOP, 409 },        { ENOKEY, 400 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].code == code)
			return rows[i].status;
	}
	return 500;
}

const char *response_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 411, "Length Required" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 501, "Not Implemented" },
		{ 504, "Gateway Timeout" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].status == status)
			return rows[i].reason;
	}
	return "Internal Server Error";
}

void response_fail(struct response *response, int status, struct err *err)
{
	response->status = status ? status : response_status_of(err->code);
	response->error = *err;
	*err = (struct err){ 0 };
}

void response_succeed(struct response *response, json_t *metadata)
{
	struct err err = { 0 };

	if (!metadata) {
		err_set(&err, ENOMEM, "out of memory");
		response_fail(response, 0, &err);
		return;
	}
	json_decref(response->metadata);
	response->metadata = metadata;
	response->status = 200;
}

void response_set_etag(struct response *response, const json_t *value)
{
	char *text =
		value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;

	if (text)
		snprintf(response->etag, sizeof response->etag, "\"%016" PRIx64 "\"",
			 text_hash(text));
	free(text);
}

bool response_etag_is_in(const char *list, const char *etag)
{
	while (*list) {
		list += strspn(list, " \t,");
		size_t n = strcspn(list, ",");
		size_t bare = n;
		while (bare > 0 && (list[bare - 1] == ' ' || list[bare - 1] == '\t'))
			bare--;
		if ((bare == 1 && *list == '*') ||
		    (bare > 0 && bare == strlen(etag) && strncmp(list, etag, bare) == 0))
			return true;
		list += n;
	}
	return false;
}

static json_t *error_envelope(const struct response *response)
{
	const char *name = response->error.code ? strerrorname_np(response->error.code) : NULL;

	return json_members((const struct json_member[]){
		{ "type", json_string("error") },
		{ "error", json_text(response->error.text) },
		{ "error_code", json_integer(response->status) },
		{ "code", json_text(name) },
		{ 0 },
	});
}

json_t *response_envelope(const struct response *response)
{
	bool goes_on = response->status == 202;
	json_t *envelope;

	if (response->bare && response->status < 400)
		return json_incref(response->metadata);
	if (response->status >= 400)
		envelope = error_envelope(response);
	else
		envelope = json_members((const struct json_member[]){
			{ "type", json_string(goes_on ? "async" : "sync") },
			{ "status", json_string(goes_on ? "Operation created" : "Success") },
			{ "status_code", json_integer(response->status) },
			{ "metadata",
			  response->metadata ? json_incref(response->metadata) : json_null() },
			{ 0 },
		});
	if (envelope && goes_on)
		json_object_set_new(envelope, "operation", json_string(response->operation));
	if (envelope && json_array_size(response->notes) > 0)
		json_object_set(envelope, "notes", response->notes);
	return envelope;
}
