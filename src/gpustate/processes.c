/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "gpustate/gpustate.h"

/* What /proc and the cgroups say of processes. The host's own /proc, as libcuda itself looks there. */

enum { STATUS_MAX = 1 << 16, CGROUP_DEPTH = 32 };

int nvb_state_each_fd(
	int pid, bool (*visit)(int pid, int fd, const char *target, void *data), void *data, nvb_error **err)
{
	_cleanup_closedir_ DIR *directory = NULL;
	const struct dirent *entry;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	directory = opendir(path);
	if (!directory)
		return errno == ENOENT || errno == ESRCH ? 0 : nvb_fail_errno(err, errno, "%s", path);
	while ((entry = readdir(directory))) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		uint32_t fd;

		if (n <= 0 || !nvb_parse_u32(entry->d_name, &fd))
			continue;
		target[n] = '\0';
		if (!visit(pid, (int)fd, target, data))
			break;
	}
	return 0;
}

struct opened {
	const char *prefix;
	char *found;
	bool failed;
};

static bool see_open(int pid, int fd, const char *target, void *data)
{
	struct opened *opened = data;

	(void)pid;
	(void)fd;
	if (!nvb_after(target, opened->prefix))
		return true;
	opened->found = strdup(target);
	opened->failed = !opened->found;
	return false;
}

int nvb_state_find_open(int pid, const char *prefix, char **what, nvb_error **err)
{
	struct opened opened = {.prefix = prefix};
	int rc = nvb_state_each_fd(pid, see_open, &opened, err);

	if (rc == 0 && opened.failed)
		rc = nvb_fail_oom(err);
	if (rc == 0 && opened.found)
		*what = opened.found;
	return rc;
}

static int find_mapped(int pid, const char *prefix, char **what, nvb_error **err)
{
	_cleanup_fclose_ FILE *maps = NULL;
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return errno == ENOENT || errno == ESRCH ? 0 : nvb_fail_errno(err, errno, "%s", path);
	while (getline(&line, &capacity, maps) > 0) {
		char *name = strchr(line, '/');

		if (!name || !nvb_after(name, prefix))
			continue;
		name[strcspn(name, "\n")] = '\0';
		*what = strdup(name);
		return *what ? 0 : nvb_fail_oom(err);
	}
	return 0;
}

/* Calls `visit` with size and name of each mapping that has one. */
static void each_mapping(int pid, void (*visit)(uint64_t size, const char *name, void *data), void *data)
{
	_cleanup_fclose_ FILE *maps = NULL;
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && getline(&line, &capacity, maps) > 0) {
		char *name = strchr(line, '/');
		unsigned long from, to;

		if (!name || sscanf(line, "%lx-%lx", &from, &to) != 2 || to <= from)
			continue;
		name[strcspn(name, "\n")] = '\0';
		visit(to - from, name, data);
	}
}

struct mapped {
	const char *wanted;
	uint64_t size;
};

static void add_mapping(uint64_t size, const char *name, void *data)
{
	struct mapped *mapped = data;

	if (nvb_after(name, mapped->wanted))
		mapped->size += size;
}

static void see_library(uint64_t size, const char *name, void *data)
{
	struct mapped *mapped = data;

	if (nvb_after(strrchr(name, '/') + 1, mapped->wanted))
		mapped->size += size;
}

uint64_t nvb_state_mapped(int pid, const char *prefix)
{
	struct mapped mapped = {.wanted = prefix};

	each_mapping(pid, add_mapping, &mapped);
	return mapped.size;
}

bool nvb_state_maps_library(int pid, const char *name)
{
	struct mapped mapped = {.wanted = name};

	each_mapping(pid, see_library, &mapped);
	return mapped.size;
}

uint64_t nvb_state_host_room(void)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long available, swap = 0;
	const char *line;

	if (nvb_file_read(AT_FDCWD, "/proc/meminfo", STATUS_MAX, &text, NULL, NULL) < 0)
		return UINT64_MAX;
	line = strstr(text, "MemAvailable:");
	if (!line || sscanf(line, "MemAvailable: %llu kB", &available) != 1)
		return UINT64_MAX;
	line = strstr(text, "SwapFree:");
	if (line && sscanf(line, "SwapFree: %llu kB", &swap) != 1)
		swap = 0;
	return (uint64_t)(available + swap) << 10;
}

int nvb_state_leftover(int pid, char **what, nvb_error **err)
{
	int rc = nvb_state_find_open(pid, "/dev/nvidia", what, err);

	return rc == 0 && !*what ? find_mapped(pid, "/dev/nvidia", what, err) : rc;
}

/* A file below a cgroup's directory, or of one that is above it: its number. "max" and no file: UINT64_MAX.
 */
static uint64_t read_number(const char *directory, const char *name)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX + 64];
	uint64_t number;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (nvb_file_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0)
		return UINT64_MAX;
	text[strcspn(text, "\n")] = '\0';
	return nvb_parse_u64(text, &number) ? number : UINT64_MAX;
}

static bool file_says(const char *directory, const char *name, const char *words)
{
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return nvb_file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) == 0 && strstr(text, words);
}

/*
 * Calls `visit` with the directory of the process' cgroup of a controller, and of each above it up to the
 * mount's top. Version 2 has one tree; where it is mounted tells its cgroup.controllers.
 */
static void each_cgroup(
	int pid, const char *controller, void (*visit)(const char *directory, void *data), void *data)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t size;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	if (nvb_file_read(AT_FDCWD, path, STATUS_MAX, &text, &size, NULL) < 0)
		return;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		char *names = strchr(line, ':'), *place = names ? strchr(names + 1, ':') : NULL;
		char top[64], directory[PATH_MAX];
		bool unified;

		if (!place)
			continue;
		*place++ = '\0';
		unified = !*++names;
		if (!unified && !nvb_streq(names, controller))
			continue;
		snprintf(top, sizeof(top), "/sys/fs/cgroup%s%s", unified ? "" : "/",
			unified ? access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "" : "/unified"
				: controller);
		if ((size_t)snprintf(directory, sizeof(directory), "%s%s", top, place) >= sizeof(directory))
			continue;
		for (int depth = 0; depth < CGROUP_DEPTH && strlen(directory) > strlen(top); depth++) {
			visit(directory, data);
			*strrchr(directory, '/') = '\0';
		}
	}
}

static void see_frozen(const char *directory, void *data)
{
	*(bool *)data |= file_says(directory, "cgroup.events", "frozen 1") ||
			 file_says(directory, "freezer.state", "FROZEN") ||
			 file_says(directory, "freezer.state", "FREEZING");
}

bool nvb_state_is_frozen(int pid)
{
	_cleanup_free_ char *status = NULL;
	bool frozen = false;
	const char *state;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (nvb_file_read(AT_FDCWD, path, STATUS_MAX, &status, NULL, NULL) < 0)
		return false;
	state = strstr(status, "\nState:\t");
	if (state && strchr("Tt", state[strlen("\nState:\t")]))
		return true;
	each_cgroup(pid, "freezer", see_frozen, &frozen);
	return frozen;
}

static void see_room(const char *directory, void *data)
{
	uint64_t limit = read_number(directory, "memory.max"), used, *room = data;

	used = limit == UINT64_MAX ? 0 : read_number(directory, "memory.current");
	if (limit == UINT64_MAX) {
		limit = read_number(directory, "memory.limit_in_bytes");
		used = read_number(directory, "memory.usage_in_bytes");
	}
	if (limit == UINT64_MAX || used == UINT64_MAX)
		return;
	limit -= used < limit ? used : limit;
	if (limit < *room)
		*room = limit;
}

uint64_t nvb_state_cgroup_room(int pid)
{
	uint64_t room = UINT64_MAX;

	each_cgroup(pid, "memory", see_room, &room);
	return room;
}

struct pid_list {
	int *pids;
	size_t count, capacity;
};

static int read_procs(int directory, const char *name, struct pid_list *list, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	int rc = nvb_file_read(directory, "cgroup.procs", 1 << 24, &text, NULL, err);

	if (rc < 0)
		return nvb_wrap(err, rc, "%s", name);
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		uint32_t pid;

		if (!nvb_parse_u32(line, &pid) || !pid || pid > INT_MAX)
			continue;
		if (!NVB_GROW(list->pids, list->count, list->capacity))
			return nvb_fail_oom(err);
		list->pids[list->count++] = (int)pid;
	}
	return 0;
}

static int walk(int parent, const char *name, int depth, struct pid_list *list, nvb_error **err)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), rc;
	_cleanup_closedir_ DIR *directory = NULL;
	const struct dirent *entry;

	if (fd < 0)
		return depth && errno == ENOENT ? 0 : nvb_fail_errno(err, errno, "%s", name);
	directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return nvb_fail_oom(err);
	}
	rc = read_procs(fd, name, list, err);
	while (rc == 0 && depth < CGROUP_DEPTH && (entry = readdir(directory)))
		if (entry->d_type == DT_DIR && !nvb_streq(entry->d_name, ".") &&
			!nvb_streq(entry->d_name, ".."))
			rc = walk(fd, entry->d_name, depth + 1, list, err);
	return rc;
}

int nvb_gpu_state_cgroup(const char *directory, int **pids, size_t *count, nvb_error **err)
{
	struct pid_list list = {0};
	int rc = walk(AT_FDCWD, directory, 0, &list, err);

	if (rc < 0) {
		free(list.pids);
		return rc;
	}
	*pids = list.pids;
	*count = list.count;
	return 0;
}
