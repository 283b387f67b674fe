/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/record.h"

char *nvb_state_join(const char *a, const char *b)
{
	char *path;

	return asprintf(&path, "%s/%s", a, b) < 0 ? NULL : path;
}

static char *base_directory(const char *roots, const char *variable, const char *below_home)
{
	const char *set = getenv(variable), *home = getenv("HOME");
	char *path;

	if (geteuid() == 0)
		return strdup(roots);
	if (set && *set == '/')
		return nvb_state_join(set, "bolt");
	return asprintf(&path, "%s/%s/bolt", home ? home : "", below_home) < 0 ? NULL : path;
}

/* Nothing that others could have made beforehand (/tmp) will do. */
static int check_home(const struct nvb_state *state, nvb_error **err)
{
	const char *home = getenv("HOME");

	if (!state->rootless || (home && *home == '/') ||
		(getenv("XDG_RUNTIME_DIR") && getenv("XDG_DATA_HOME")))
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_INVALID, "there is no place for capsules: HOME is not set"),
		"set HOME, or XDG_RUNTIME_DIR and XDG_DATA_HOME");
}

/* One that exists already, as nearly always, costs one call. */
static int make_directory(const char *path, mode_t mode, nvb_error **err)
{
	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	return nvb_file_mkdirs(AT_FDCWD, path, mode, err);
}

/* Whoever else could write there would decide what is mounted, run and removed. */
static int make_own(const char *path, nvb_error **err)
{
	struct stat st;
	int rc = make_directory(path, 0700, err);

	if (rc < 0)
		return rc;
	if (stat(path, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	if (st.st_uid == geteuid() && !(st.st_mode & 0022))
		return 0;
	return nvb_hint(err, nvb_fail(err, NVB_ERR_PERMISSION, "%s: others can write there", path),
		"XDG_RUNTIME_DIR and XDG_DATA_HOME must be directories of your own");
}

int nvb_state_open(struct nvb_state *state, nvb_error **err)
{
	static const char *const below_data[] = {"capsules", "names", "trash"};
	/* The last one tells that orphans were looked for since the host started. */
	static const char *const below_run[] = {"runtime", "workspace", "capsules"};
	const size_t last = NVB_ELEMENTS(below_data) + NVB_ELEMENTS(below_run) - 1;
	_cleanup_state_ struct nvb_state opened = {
		.run = base_directory("/run/bolt", "XDG_RUNTIME_DIR", ".cache"),
		.data = base_directory("/var/lib/bolt", "XDG_DATA_HOME", ".local/share"),
		.rootless = geteuid() != 0,
	};
	int rc = check_home(&opened, err);

	if (rc < 0)
		return rc;
	if (!opened.run || !opened.data)
		return nvb_fail_oom(err);
	opened.workspace = nvb_state_join(opened.run, "workspace");
	if (!opened.workspace)
		return nvb_fail_oom(err);
	if (nvb_streq(opened.run, opened.data))
		return nvb_fail(err, NVB_ERR_INVALID,
			"%s cannot be both: XDG_RUNTIME_DIR and XDG_DATA_HOME are the same", opened.run);
	if (opened.rootless) {
		rc = make_own(opened.run, err);
		if (rc == 0)
			rc = make_own(opened.data, err);
	}
	for (size_t i = 0; rc == 0 && i <= last; i++) {
		bool data = i < NVB_ELEMENTS(below_data);
		_cleanup_free_ char *path = nvb_state_join(data ? opened.data : opened.run,
			data ? below_data[i] : below_run[i - NVB_ELEMENTS(below_data)]);

		if (path && i == last && access(path, F_OK) < 0)
			nvb_state_sweep_orphans(&opened);
		rc = path ? make_directory(path, 0700, err) : nvb_fail_oom(err);
	}
	if (rc == 0) {
		*state = opened;
		opened = (struct nvb_state){0};
	}
	return rc;
}

void nvb_state_close(struct nvb_state *state)
{
	free(state->run);
	free(state->data);
	free(state->workspace);
	*state = (struct nvb_state){0};
}

int nvb_state_lock(const struct nvb_state *state, nvb_error **err)
{
	_cleanup_free_ char *path = nvb_state_join(state->run, "lock");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;

	if (!path)
		return nvb_fail_oom(err);
	if (fd < 0 || flock(fd, LOCK_EX) < 0) {
		int failed = errno;

		nvb_closep(&fd);
		return nvb_fail_errno(err, failed, "%s", path);
	}
	return fd;
}
