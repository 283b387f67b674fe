/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/login_name.h"

enum {
	LARGEST_FILE = 1 << 20,
	MOST_RANGES = 340, /* user_namespaces(7): extents of a map */
};

/* One of the two maps of a namespace. */
struct map {
	const char *file;    /* subordinate ids by user */
	const char *program; /* that may write the map */
	const char *proc;
	uint32_t own;
	char **argv; /* of the program; NULL: the user has no such ids */
	pid_t pid;
	int said;  /* what the program said, a memory file */
	char *why; /* it was not written */
};

static void release_map(struct map *map)
{
	nvb_strv_free(map->argv);
	nvb_closep(&map->said);
	free(map->why);
}

static long long sysctl(const char *path)
{
	_cleanup_free_ char *text = NULL;

	if (nvb_file_read(AT_FDCWD, path, 64, &text, NULL, NULL) < 0)
		return -1;
	return strtoll(text, NULL, 10);
}

int nvb_userns_hint(nvb_error **err, int rc)
{
	if (sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
		return nvb_hint(err, rc,
			"AppArmor takes the powers of user namespaces away here: root can allow them with "
			"'sysctl "
			"kernel.apparmor_restrict_unprivileged_userns=0', or with an AppArmor profile for "
			"bolt");
	return rc;
}

/* Why the kernel refused: the ways in which distributions and administrators switch user namespaces off. */
static int refused(int sys, nvb_error **err)
{
	int rc = nvb_fail(err, NVB_ERR_PERMISSION,
		"running without root needs a user namespace, which this host refuses: %s", strerror(sys));

	if (sysctl("/proc/sys/kernel/unprivileged_userns_clone") == 0)
		return nvb_hint(
			err, rc, "root can allow it with 'sysctl kernel.unprivileged_userns_clone=1'");
	if (sysctl("/proc/sys/user/max_user_namespaces") == 0)
		return nvb_hint(err, rc, "root can allow it with 'sysctl user.max_user_namespaces=15000'");
	if (sys == ENOSPC || sys == EUSERS)
		return nvb_hint(err, rc, "there are too many: see 'sysctl user.max_user_namespaces'");
	if (sys == EINVAL || sys == ENOSYS)
		return nvb_hint(err, rc, "the kernel was built without user namespaces (CONFIG_USER_NS)");
	return nvb_hint(err, rc,
		"inside a container its seccomp profile forbids them, in a chroot the kernel does; run bolt "
		"with sudo");
}

/* "name:first:count" lines of the user, as arguments "INSIDE FIRST COUNT" behind what is there. False without
 * memory. */
static bool add_ranges(char ***argv, char *text, const char *name, uint32_t uid, size_t *found)
{
	uint32_t inside = 1;

	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line && *found < MOST_RANGES - 1;
		line = strtok_r(NULL, "\n", &save)) {
		char *first = strchr(line, ':'), *count = first ? strchr(first + 1, ':') : NULL;
		uint32_t number, start, length;

		if (!count)
			continue;
		*first++ = *count++ = '\0';
		if (!(name && nvb_streq(line, name)) && !(nvb_parse_u32(line, &number) && number == uid))
			continue;
		if (!nvb_parse_u32(first, &start) || !nvb_parse_u32(count, &length) || !start || !length ||
			length > UINT32_MAX - inside || length > UINT32_MAX - start)
			continue;
		if (!nvb_strv_addf(argv, "%u", inside) || !nvb_strv_add(argv, first) ||
			!nvb_strv_add(argv, count))
			return false;
		inside += length;
		(*found)++;
	}
	return true;
}

/* Who has subordinate ids gets the program's command line, who has not gets the reason. */
static int look_up(struct map *map, const char *name, uint32_t uid, nvb_error **err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strv_ char **argv = NULL;
	size_t found = 0;

	if (nvb_file_read(AT_FDCWD, map->file, LARGEST_FILE, &text, NULL, NULL) < 0) {
		text = strdup("");
		if (!text)
			return nvb_fail_oom(err);
	}
	if (!nvb_strv_add(&argv, map->program) || !nvb_strv_addf(&argv, "%d", getpid()) ||
		!nvb_strv_add(&argv, "0") || !nvb_strv_addf(&argv, "%u", map->own) ||
		!nvb_strv_add(&argv, "1") || !add_ranges(&argv, text, name, uid, &found))
		return nvb_fail_oom(err);
	if (found) {
		map->argv = NVB_TAKE_PTR(argv);
		return 0;
	}
	if (asprintf(&map->why, "%s has no line for %s", map->file, name ? name : "this user") < 0) {
		map->why = NULL;
		return nvb_fail_oom(err);
	}
	return 0;
}

/* Between fork and exec. The program must start outside of the namespace, and only once that is there. */
static _Noreturn void become_program(const struct map *map, const int gate[2])
{
	char go;

	close(gate[1]);
	if (read(gate[0], &go, 1) != 1)
		_exit(125);
	if (map->said >= 0 && (dup2(map->said, STDOUT_FILENO) < 0 || dup2(map->said, STDERR_FILENO) < 0))
		_exit(125);
	execvp(map->argv[0], map->argv);
	_exit(errno == ENOENT ? 127 : 126);
}

static int prepare(struct map *map, const int gate[2], nvb_error **err)
{
	if (!map->argv)
		return 0;
	map->said = memfd_create("map", MFD_CLOEXEC);
	map->pid = fork();
	if (map->pid < 0)
		return nvb_fail_errno(err, errno, "starting %s", map->program);
	if (map->pid == 0)
		become_program(map, gate);
	return 0;
}

static char *complaint(const struct map *map)
{
	char text[256];
	ssize_t n = map->said < 0 ? 0 : pread(map->said, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strdup(*text ? text : "it said nothing");
}

/* Waits for the program; leaves in map->why that it did not write the map. */
static int finish(struct map *map, nvb_error **err)
{
	_cleanup_free_ char *said = NULL;
	int status = 0, n;

	if (map->pid <= 0)
		return 0;
	while (waitpid(map->pid, &status, 0) < 0)
		if (errno != EINTR)
			return nvb_fail_errno(err, errno, "waiting for %s", map->program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		n = asprintf(&map->why, "%s is not installed (package uidmap)", map->program);
	} else {
		said = complaint(map);
		n = said ? asprintf(&map->why, "%s failed: %s", map->program, said) : -1;
	}
	if (n >= 0)
		return 0;
	map->why = NULL;
	return nvb_fail_oom(err);
}

static int write_proc(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : nvb_write_all(fd, text, strlen(text));
}

/* The user's own id alone, which everybody may map; groups only after giving up setgroups(2). */
static int write_narrow(const struct map *map, nvb_error **err)
{
	char line[64];
	int rc = 0;

	snprintf(line, sizeof(line), "0 %u 1\n", map->own);
	if (nvb_streq(map->proc, "/proc/self/gid_map"))
		rc = write_proc("/proc/self/setgroups", "deny");
	if (rc == 0)
		rc = write_proc(map->proc, line);
	return rc < 0 ? nvb_userns_hint(err, nvb_fail_errno(err, -rc, "%s", map->proc)) : 0;
}

static int write_maps(struct map maps[2], nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; i < 2; i++) {
		int one = finish(&maps[i], rc < 0 ? NULL : err);

		rc = rc < 0 ? rc : one;
	}
	for (size_t i = 0; rc == 0 && i < 2; i++)
		if (maps[i].why)
			rc = write_narrow(&maps[i], err);
	return rc;
}

static int enter(struct map maps[2], nvb_error **err)
{
	_cleanup_close_ int waits = -1, opens = -1;
	int gate[2], rc = 0;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return nvb_fail_errno(err, errno, "pipe");
	waits = gate[0];
	opens = gate[1];
	for (size_t i = 0; rc == 0 && i < 2; i++)
		rc = prepare(&maps[i], gate, err);
	if (rc == 0 && unshare(CLONE_NEWUSER) < 0)
		rc = refused(errno, err);
	if (rc == 0 && write(opens, "go", 2) != 2)
		rc = nvb_fail_errno(err, errno, "pipe");
	/* Who still waits reads the end. */
	nvb_closep(&opens);
	opens = -1;
	if (rc < 0) {
		for (size_t i = 0; i < 2; i++)
			finish(&maps[i], NULL);
		return rc;
	}
	return write_maps(maps, err);
}

int nvb_userns_enter(char **narrow, nvb_error **err)
{
	struct map maps[2] = {
		{.file = "/etc/subuid",
			.program = "newuidmap",
			.proc = "/proc/self/uid_map",
			.own = geteuid(),
			.said = -1},
		{.file = "/etc/subgid",
			.program = "newgidmap",
			.proc = "/proc/self/gid_map",
			.own = getegid(),
			.said = -1},
	};
	_cleanup_free_ char *name = nvb_login_name(geteuid());
	int rc = look_up(&maps[0], name, geteuid(), err);

	if (rc == 0)
		rc = look_up(&maps[1], name, geteuid(), err);
	if (rc == 0)
		rc = enter(maps, err);
	if (rc == 0)
		*narrow = maps[0].why ? NVB_TAKE_PTR(maps[0].why) : NVB_TAKE_PTR(maps[1].why);
	release_map(&maps[0]);
	release_map(&maps[1]);
	return rc;
}

int nvb_ids_read(struct nvb_ids *ids, enum nvb_id_kind kind, nvb_error **err)
{
	const char *path = kind == NVB_IDS_USERS ? "/proc/self/uid_map" : "/proc/self/gid_map";
	_cleanup_free_ char *text = NULL;
	_cleanup_ids_ struct nvb_ids found = {0};
	int rc = nvb_file_read(AT_FDCWD, path, LARGEST_FILE, &text, NULL, err);

	if (rc < 0)
		return rc;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		unsigned first, outside, count;

		if (sscanf(line, "%u %u %u", &first, &outside, &count) != 3)
			continue;
		if (!NVB_GROW(found.ranges, found.count, found.capacity))
			return nvb_fail_oom(err);
		found.ranges[found.count].first = first;
		found.ranges[found.count++].count = count;
	}
	*ids = found;
	found = (struct nvb_ids){0};
	return 0;
}

bool nvb_ids_have(const struct nvb_ids *ids, uint32_t id)
{
	for (size_t i = 0; i < ids->count; i++)
		if (id >= ids->ranges[i].first && id - ids->ranges[i].first < ids->ranges[i].count)
			return true;
	return false;
}

void nvb_ids_release(struct nvb_ids *ids)
{
	free(ids->ranges);
	*ids = (struct nvb_ids){0};
}

bool nvb_userns_may_set_groups(void)
{
	_cleanup_free_ char *text = NULL;

	return nvb_file_read(AT_FDCWD, "/proc/self/setgroups", 16, &text, NULL, NULL) < 0 ||
	       !nvb_after(text, "deny");
}
