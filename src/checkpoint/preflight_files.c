/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/root.h"
#include "checkpoint/preflight_private.h"
#include "checkpoint/processes.h"
#include "gpustate/gpustate.h"

/* Files of the host in a capsule: what CRIU wants to find again where and as it was. */

enum { TABLE_MOST = 1 << 24 };

/* The mounts that a process sees, as a set of "\nID " in the text of its mountinfo. */
struct mounts {
	char *text;
	struct nvb_preflight_report *report;
};

static bool has_mount(const char *text, long id)
{
	char line[32];
	size_t n = (size_t)snprintf(line, sizeof(line), "\n%ld ", id);

	return strncmp(text, line + 1, n - 1) == 0 || strstr(text, line);
}

static long mount_of(int pid, int fd)
{
	_cleanup_free_ char *text = NULL;
	const char *line;
	char path[64];
	long id;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	if (nvb_file_read(AT_FDCWD, path, TABLE_MOST, &text, NULL, NULL) < 0)
		return -1;
	line = strstr(text, "mnt_id:");
	return line && sscanf(line, "mnt_id: %ld", &id) == 1 ? id : -1;
}

/* What is in one of its mounts is not looked at: that may be one behind which nobody answers. */
static bool see_descriptor(int pid, int fd, const char *target, void *data)
{
	const struct mounts *mounts = data;
	struct stat st;
	char path[64];
	long id;

	/* A memfd is in no mount, and CRIU keeps it. */
	if (*target != '/' || nvb_after(target, "/memfd:"))
		return true;
	id = mount_of(pid, fd);
	if (id < 0 || has_mount(mounts->text, id))
		return true;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
	if (stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		nvb_preflight_find(mounts->report, "file-outside", pid, true,
			"its descriptor %d is %s outside of the capsule's mounts", fd, target);
	return true;
}

static void see_tracer(int pid, struct nvb_preflight_report *report)
{
	_cleanup_free_ char *text = NULL;
	const char *line;
	char path[64];
	int tracer;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (nvb_file_read(AT_FDCWD, path, TABLE_MOST, &text, NULL, NULL) < 0)
		return;
	line = strstr(text, "\nTracerPid:");
	if (line && sscanf(line, "\nTracerPid: %d", &tracer) == 1 && tracer)
		nvb_preflight_find(report, "traced", pid, true, "process %d traces it", tracer);
}

/* As CRIU asks for them. Source: prlimit(2), EPERM. */
static void see_limits(int pid, struct nvb_preflight_report *report)
{
	struct rlimit limit;

	if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0 && errno == EPERM)
		nvb_preflight_find(report, "limits", pid, true,
			"it is of another user or group than root, whose limits root may not read here");
}

int nvb_preflight_descriptors(
	const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < capsule->count; i++) {
		_cleanup_free_ char *text = NULL;
		struct mounts mounts = {.report = report};
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/mountinfo", capsule->pids[i]);
		/* A process that is gone is none that could fail. */
		if (nvb_file_read(AT_FDCWD, path, TABLE_MOST, &text, NULL, NULL) < 0)
			continue;
		mounts.text = text;
		if (capsule->pids[i] == capsule->init)
			nvb_preflight_mounts(capsule->init, text, report);
		see_tracer(capsule->pids[i], report);
		see_limits(capsule->pids[i], report);
		rc = nvb_state_each_fd(capsule->pids[i], see_descriptor, &mounts, err);
	}
	return rc;
}

void nvb_preflight_sources(const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report)
{
	for (size_t i = 0; i < capsule->mount_count; i++) {
		const struct nvb_preflight_mount *mount = &capsule->mounts[i];
		struct stat st;

		if (!nvb_preflight_is_silent(mount->source) && stat(mount->source, &st) < 0)
			nvb_preflight_find(report, "mount-gone", 0, false,
				"%s, which is mounted at %s, is not there any more (%s): a restore needs it",
				mount->source, mount->target, strerror(errno));
	}
}

void nvb_preflight_processes(const struct nvb_preflight_capsule *capsule, struct nvb_preflight_report *report)
{
	size_t at = 0;
	pid_t pid;

	if (capsule->foreground)
		nvb_preflight_find(report, "foreground", 0, true,
			"it runs in the foreground of the program that started it, which cannot save it");
	if (capsule->paused)
		nvb_preflight_find(report, "frozen", 0, true,
			"the capsule is paused, and its processes must be able to run at first");
	while ((pid = nvb_processes_beside(
			capsule->init, capsule->supervisor, capsule->pids, capsule->count, &at))) {
		char name[17];

		nvb_process_name(pid, name);
		nvb_preflight_find(report, "beside", pid, true,
			"it (%s) was started beside the capsule's own program and cannot be saved with it",
			name);
	}
}

struct wanted {
	const struct nvb_preflight_mount *mounts;
	size_t count;
	char **lines;
	bool failed;
};

/* The mount that a path of the capsule lies below; *rest is what follows its target. */
static const struct nvb_preflight_mount *mount_above(
	const struct wanted *wanted, const char *path, const char **rest)
{
	const struct nvb_preflight_mount *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < wanted->count; i++) {
		size_t n = strlen(wanted->mounts[i].target);
		const char *behind = nvb_after(path, wanted->mounts[i].target);

		if (behind && (*behind == '/' || !*behind) && n >= longest) {
			best = &wanted->mounts[i];
			longest = n;
			*rest = behind;
		}
	}
	return best;
}

/* Adds a file that is in use; links of the capsule's lead nowhere out of the mount. */
static void want_file(struct wanted *wanted, const char *path)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	_cleanup_free_ char *line = NULL;
	const char *rest = NULL;
	const struct nvb_preflight_mount *mount = mount_above(wanted, path, &rest);
	struct stat st;

	if (!mount)
		return;
	if (!*rest) {
		if (lstat(mount->source, &st) < 0 || !S_ISREG(st.st_mode))
			return;
	} else if (nvb_root_open(&root, mount->source, NULL) < 0 ||
		   nvb_root_stat(&root, rest, false, &st) < 0 || !S_ISREG(st.st_mode)) {
		return;
	}
	if (asprintf(&line, "f %lld %s%s", (long long)st.st_size, mount->source, rest) < 0) {
		line = NULL;
		wanted->failed = true;
	} else if (!nvb_strv_contains(wanted->lines, line) && !nvb_strv_add(&wanted->lines, line)) {
		wanted->failed = true;
	}
}

static bool want_descriptor(int pid, int fd, const char *target, void *data)
{
	(void)pid;
	(void)fd;
	if (*target == '/')
		want_file(data, target);
	return true;
}

static void want_mapped(int pid, struct wanted *wanted)
{
	_cleanup_fclose_ FILE *maps = NULL;
	_cleanup_free_ char *line = NULL, *last = NULL;
	size_t capacity = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && getline(&line, &capacity, maps) > 0) {
		const char *name = strchr(line, '/');

		line[strcspn(line, "\n")] = '\0';
		if (!name || (last && nvb_streq(last, name)))
			continue;
		want_file(wanted, name);
		free(last);
		last = strdup(name);
	}
}

static char kind_of(mode_t mode)
{
	return S_ISDIR(mode) ? 'd' : S_ISREG(mode) ? 'r' : 'o';
}

/* What a mount is, also where its source is not at its place any more: the capsule still has it. */
static bool see_mount(const struct nvb_preflight_mount *mount, const int *pids, size_t count, struct stat *st)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	char top[64];

	if (stat(mount->source, st) == 0)
		return true;
	if (!count)
		return false;
	snprintf(top, sizeof(top), "/proc/%d/root", pids[0]);
	return nvb_root_open(&root, top, NULL) == 0 && nvb_root_stat(&root, mount->target, true, st) == 0;
}

int nvb_preflight_files(const struct nvb_preflight_mount *mounts, size_t mount_count, const int *pids,
	size_t pid_count, char ***lines, nvb_error **err)
{
	struct wanted wanted = {.mounts = mounts, .count = mount_count};
	int rc = 0;

	for (size_t i = 0; i < mount_count; i++) {
		struct stat st;

		if (see_mount(&mounts[i], pids, pid_count, &st) &&
			!nvb_strv_addf(&wanted.lines, "%c %s", kind_of(st.st_mode), mounts[i].source))
			wanted.failed = true;
	}
	for (size_t i = 0; rc == 0 && mount_count && i < pid_count; i++) {
		rc = nvb_state_each_fd(pids[i], want_descriptor, &wanted, err);
		want_mapped(pids[i], &wanted);
	}
	if (rc == 0 && wanted.failed)
		rc = nvb_fail_oom(err);
	if (rc < 0) {
		nvb_strv_free(wanted.lines);
		return rc;
	}
	*lines = wanted.lines;
	return 0;
}

static void see_wanted(const char *line, struct nvb_preflight_report *report)
{
	const char *source = line + 2;
	long long size = 0;
	struct stat st;
	int used = 0;

	if (*line == 'f') {
		if (sscanf(line, "f %lld %n", &size, &used) != 1 || !used)
			return;
		source = line + used;
	} else if (!strchr("dro", *line) || line[1] != ' ') {
		return;
	}
	if (nvb_preflight_is_silent(source))
		nvb_preflight_find(report, "mount-silent", 0, true, "%s does not answer", source);
	else if (stat(source, &st) < 0)
		nvb_preflight_find(report, "mount-gone", 0, true, "%s: %s", source, strerror(errno));
	else if (*line == 'f' && st.st_size != size)
		nvb_preflight_find(report, "file-changed", 0, true,
			"%s has %lld bytes now and had %lld: a process has it open or mapped", source,
			(long long)st.st_size, size);
	else if (*line != 'f' && kind_of(st.st_mode) != *line)
		nvb_preflight_find(report, "mount-changed", 0, true, "%s was %s and is %s now", source,
			*line == 'd'   ? "a directory"
			: *line == 'r' ? "a file"
				       : "a special file",
			S_ISDIR(st.st_mode)   ? "a directory"
			: S_ISREG(st.st_mode) ? "a file"
					      : "a special file");
}

void nvb_preflight_wanted_files(char *const *lines, struct nvb_preflight_report *report)
{
	nvb_strv_foreach (line, lines)
		if (**line)
			see_wanted(*line, report);
}
