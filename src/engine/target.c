/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/file.h"
#include "base/str.h"
#include "base/toml.h"

void engine_target_release(struct engine_target *target)
{
	free(target->path);
	free(target->text);
	*target = (struct engine_target){0};
}

/* The path of a file that is not there: its nearest directory that is, links resolved, and the rest. */
static char *resolve_missing(const char *file)
{
	_cleanup_free_ char *head = strdup(file), *real = NULL;
	char *path = NULL, *slash;

	for (slash = head ? head + strlen(head) : NULL; slash;
		slash = memrchr(head, '/', (size_t)(slash - head))) {
		*slash = '\0';
		real = realpath(*head ? head : "/", NULL);
		if (real || slash == head)
			break;
	}
	if (real && asprintf(&path, "%s%s", nvb_streq(real, "/") ? "" : real, file + strlen(head)) < 0)
		return NULL;
	return path;
}

static int resolve(const char *file, char **path, nvb_error **err)
{
	_cleanup_free_ char *absolute = NULL, *here = NULL;
	struct stat st;

	if (*file == '/') {
		absolute = strdup(file);
	} else {
		here = getcwd(NULL, 0);
		if (!here || asprintf(&absolute, "%s/%s", here, file) < 0)
			absolute = NULL;
	}
	if (!absolute)
		return nvb_fail_oom(err);
	*path = realpath(absolute, NULL);
	if (*path)
		return 0;
	if (errno != ENOENT)
		return nvb_fail_errno(err, errno, "%s", file);
	if (lstat(absolute, &st) == 0)
		return nvb_fail(err, NVB_ERR_CONFLICT, "%s is a link to a file that is not there", file);
	*path = resolve_missing(absolute);
	return *path ? 0 : nvb_fail_oom(err);
}

static int read_text(struct engine_target *target, nvb_error **err)
{
	_cleanup_close_ int fd =
		open(target->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT) {
		target->text = strdup("");
		return target->text ? 0 : nvb_fail_oom(err);
	}
	if (fd < 0 || fstat(fd, &target->seen) < 0)
		return nvb_fail_errno(err, errno, "%s", target->path);
	target->exists = true;
	return nvb_file_read_fd(fd, target->path, NVB_TOML_MAX, &target->text, &target->size, err);
}

int engine_target_read(struct engine_target *target, const char *file, nvb_error **err)
{
	struct engine_target read = {0};
	int rc = *file ? 0 : nvb_fail(err, NVB_ERR_INVALID, "the name of the file is empty");

	if (rc == 0)
		rc = resolve(file, &read.path, err);
	if (rc == 0 && !nvb_utf8_valid(read.path, strlen(read.path)))
		rc = nvb_fail(err, NVB_ERR_INVALID, "the file's path is not UTF-8");
	if (rc == 0)
		rc = read_text(&read, err);
	if (rc < 0)
		engine_target_release(&read);
	else
		*target = read;
	return rc;
}

int engine_target_check_writable(const struct engine_target *target, nvb_error **err)
{
	_cleanup_free_ char *directory = strdup(target->path);
	int rc;

	if (!directory)
		return nvb_fail_oom(err);
	/* The file is replaced, so its directory counts; of one that is missing the nearest that is there. */
	do {
		char *slash = strrchr(directory, '/');

		slash[slash == directory] = '\0';
	} while (access(directory, F_OK) < 0 && errno == ENOENT && directory[1]);
	if (access(directory, W_OK | X_OK) == 0)
		return 0;
	rc = nvb_fail_errno(err, errno, "%s cannot be written", target->path);
	return errno == EROFS || geteuid() == 0 ? rc : nvb_hint(err, rc, "run it with sudo");
}
