/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/stats.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

enum { LARGEST_FILE = 1 << 20 };

/* Source of names and units: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/. */

static char *read_text(const char *directory, const char *name)
{
	char path[PATH_MAX], *text = NULL;

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path) ||
		nvb_file_read(AT_FDCWD, path, LARGEST_FILE, &text, NULL, NULL) < 0)
		return NULL;
	return text;
}

/* A file with one number; "max" is none. */
static uint64_t read_number(const char *directory, const char *name)
{
	_cleanup_free_ char *text = read_text(directory, name);
	uint64_t value;

	if (!text)
		return NVB_STAT_UNKNOWN;
	text[strcspn(text, "\n")] = '\0';
	return nvb_parse_u64(text, &value) ? value : NVB_STAT_UNKNOWN;
}

/* The number before the next character that is none. */
static uint64_t number_at(const char *s)
{
	char digits[21];
	size_t n = strspn(s, "0123456789");
	uint64_t value;

	if (n == 0 || n >= sizeof(digits))
		return NVB_STAT_UNKNOWN;
	memcpy(digits, s, n);
	digits[n] = '\0';
	return nvb_parse_u64(digits, &value) ? value : NVB_STAT_UNKNOWN;
}

uint64_t nvb_stats_key(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, n) == 0 && line[n] == ' ')
			return number_at(line + n + 1);
	}
	return NVB_STAT_UNKNOWN;
}

static void add(uint64_t *sum, uint64_t value)
{
	if (value != NVB_STAT_UNKNOWN)
		*sum = *sum == NVB_STAT_UNKNOWN ? value : *sum + value;
}

void nvb_stats_io_v2(const char *text, uint64_t *read, uint64_t *written)
{
	*read = *written = 0;
	for (const char *at = text; (at = strstr(at, " rbytes=")); at++)
		add(read, number_at(at + strlen(" rbytes=")));
	for (const char *at = text; (at = strstr(at, " wbytes=")); at++)
		add(written, number_at(at + strlen(" wbytes=")));
}

void nvb_stats_io_v1(const char *text, uint64_t *read, uint64_t *written)
{
	*read = *written = 0;
	for (const char *at = text; (at = strstr(at, " Read ")); at++)
		add(read, number_at(at + strlen(" Read ")));
	for (const char *at = text; (at = strstr(at, " Write ")); at++)
		add(written, number_at(at + strlen(" Write ")));
}

/* Files that nobody uses any more count as memory until it is needed. */
static uint64_t without_cache(uint64_t usage, const char *stat, const char *key)
{
	uint64_t cache = stat ? nvb_stats_key(stat, key) : NVB_STAT_UNKNOWN;

	return usage == NVB_STAT_UNKNOWN || cache == NVB_STAT_UNKNOWN || cache > usage ? usage
										       : usage - cache;
}

static void read_v2(const char *directory, struct nvb_capsule_stats *s)
{
	_cleanup_free_ char *cpu = read_text(directory, "cpu.stat");
	_cleanup_free_ char *memory = read_text(directory, "memory.stat");
	_cleanup_free_ char *io = read_text(directory, "io.stat");
	uint64_t usec = cpu ? nvb_stats_key(cpu, "usage_usec") : NVB_STAT_UNKNOWN;

	s->cpu = usec == NVB_STAT_UNKNOWN ? usec : usec * 1000;
	s->memory = without_cache(read_number(directory, "memory.current"), memory, "inactive_file");
	s->memory_limit = read_number(directory, "memory.max");
	s->pids = read_number(directory, "pids.current");
	s->pids_limit = read_number(directory, "pids.max");
	if (io)
		nvb_stats_io_v2(io, &s->io_read, &s->io_written);
}

static void place(char *out, size_t size, const char *mounted, const char *controller, const char *group)
{
	snprintf(out, size, "%s/%s%s", mounted, controller, group);
}

static void read_v1(const char *mounted, const char *group, struct nvb_capsule_stats *s)
{
	char directory[PATH_MAX];
	_cleanup_free_ char *memory = NULL, *io = NULL;

	place(directory, sizeof(directory), mounted, "cpuacct", group);
	s->cpu = read_number(directory, "cpuacct.usage");
	if (s->cpu == NVB_STAT_UNKNOWN) {
		place(directory, sizeof(directory), mounted, "cpu,cpuacct", group);
		s->cpu = read_number(directory, "cpuacct.usage");
	}
	place(directory, sizeof(directory), mounted, "memory", group);
	memory = read_text(directory, "memory.stat");
	s->memory =
		without_cache(read_number(directory, "memory.usage_in_bytes"), memory, "total_inactive_file");
	s->memory_limit = read_number(directory, "memory.limit_in_bytes");
	place(directory, sizeof(directory), mounted, "pids", group);
	s->pids = read_number(directory, "pids.current");
	s->pids_limit = read_number(directory, "pids.max");
	place(directory, sizeof(directory), mounted, "blkio", group);
	io = read_text(directory, "blkio.throttle.io_service_bytes");
	if (io)
		nvb_stats_io_v1(io, &s->io_read, &s->io_written);
}

static bool is_v2(const char *mounted)
{
	struct statfs fs;

	return statfs(mounted, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

void nvb_stats_read(const char *mounted, const char *group, struct nvb_capsule_stats *out)
{
	struct nvb_capsule_stats s;
	char directory[PATH_MAX];
	struct sysinfo machine;

	memset(&s, 0xff, sizeof(s));
	if (is_v2(mounted)) {
		place(directory, sizeof(directory), mounted, "", group);
		read_v2(directory, &s);
	} else {
		read_v1(mounted, group, &s);
	}
	/* v1's "no limit" is a number beyond any machine. */
	if (s.memory != NVB_STAT_UNKNOWN && sysinfo(&machine) == 0 &&
		s.memory_limit > (uint64_t)machine.totalram * machine.mem_unit)
		s.memory_limit = (uint64_t)machine.totalram * machine.mem_unit;
	*out = s;
}

struct pids {
	pid_t *items;
	size_t count, capacity;
};

static bool add_pid(struct pids *pids, uint32_t pid)
{
	if (!NVB_GROW(pids->items, pids->count, pids->capacity))
		return false;
	pids->items[pids->count++] = (pid_t)pid;
	return true;
}

/* A capsule may nest groups as deep as it likes; nobody follows for ever. */
static bool collect(struct pids *pids, const char *directory, int depth)
{
	_cleanup_free_ char *list = read_text(directory, "cgroup.procs");
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char child[PATH_MAX];
	uint32_t pid;

	for (char *save = NULL, *line = list ? strtok_r(list, "\n", &save) : NULL; line;
		line = strtok_r(NULL, "\n", &save))
		if (nvb_parse_u32(line, &pid) && pid > 0 && !add_pid(pids, pid))
			return false;
	dir = depth > 0 ? opendir(directory) : NULL;
	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && *entry->d_name != '.' &&
			snprintf(child, sizeof(child), "%s/%s", directory, entry->d_name) <
				(int)sizeof(child) &&
			!collect(pids, child, depth - 1))
			return false;
	return true;
}

int nvb_stats_processes(const char *mounted, const char *group, pid_t **out, size_t *count, nvb_error **err)
{
	static const char *const hierarchies[] = {"pids", "memory", "devices", "systemd"};
	enum { DEPTH = 16 };
	struct pids pids = {0};
	char directory[PATH_MAX];
	bool ok;

	place(directory, sizeof(directory), mounted, "", group);
	for (size_t i = 0; !is_v2(mounted) && i < NVB_ELEMENTS(hierarchies); i++) {
		place(directory, sizeof(directory), mounted, hierarchies[i], group);
		if (access(directory, F_OK) == 0)
			break;
	}
	ok = collect(&pids, directory, DEPTH);
	if (!ok) {
		free(pids.items);
		return nvb_fail_oom(err);
	}
	*out = pids.items;
	*count = pids.count;
	return 0;
}

int nvb_stats_namespace_processes(pid_t init, pid_t **out, size_t *count, nvb_error **err)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	const struct dirent *entry;
	struct pids pids = {0};
	char path[64], wanted[64], found[64];
	ssize_t n, m;
	uint32_t pid;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", init);
	n = readlink(path, wanted, sizeof(wanted));
	while (n > 0 && dir && (entry = readdir(dir))) {
		if (!nvb_parse_u32(entry->d_name, &pid))
			continue;
		snprintf(path, sizeof(path), "/proc/%u/ns/pid", pid);
		m = readlink(path, found, sizeof(found));
		if (m == n && memcmp(found, wanted, (size_t)n) == 0 && !add_pid(&pids, pid)) {
			free(pids.items);
			return nvb_fail_oom(err);
		}
	}
	*out = pids.items;
	*count = pids.count;
	return 0;
}
