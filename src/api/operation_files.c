/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/operation_files.h"

#include "api/response.h"
#include "base/scoped.h"
#include "cmd/cli/print.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

char *operation_path(const struct dirs *dirs, const char *id, const char *file)
{
	return dirs_run_path(dirs, "operations/%s/%s", id, file);
}

pid_t operation_worker(const struct dirs *dirs, const char *id)
{
	scoped_free char *path = operation_path(dirs, id, "lock");
	scoped_fd int fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : -1;
}

bool operation_is_cancelled(const struct dirs *dirs, const char *id)
{
	scoped_free char *mark = operation_path(dirs, id, "cancelled");

	return mark && access(mark, F_OK) == 0;
}

void operation_end_record(json_t *record, int status_code, const char *error, int code, int http,
			  json_t *notes)
{
	static const struct {
		int code;
		const char *name;
	} names[] = { { OPERATION_RUNNING, "Running" },
		      { OPERATION_DONE, "Success" },
		      { OPERATION_FAILED, "Failure" },
		      { OPERATION_CANCELLED, "Cancelled" } };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i].code == status_code)
			json_object_set_new(record, "status", json_string(names[i].name));
	}
	json_object_set_new(record, "status_code", json_integer(status_code));
	json_object_set_new(record, "error", json_text(error));
	json_object_set_new(record, "code", code ? json_text(strerrorname_np(code)) : json_null());
	json_object_set_new(record, "error_code",
			    code ? json_integer(http ? http : response_status_of(code))
				 : json_null());
	json_object_set_new(record, "notes", notes);
}
