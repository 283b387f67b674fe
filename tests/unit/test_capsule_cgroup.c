/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "capsule/cgroup.h"
#include "cmocka_all.h"

/* Control groups that go with all that runs in them. Needs root. */

static char group[64];

/* One of ours below every hierarchy there is; false where none can be made. */
static bool make_groups(char hierarchies[][256], size_t most, size_t *count)
{
	_cleanup_closedir_ DIR *dir = opendir("/sys/fs/cgroup");
	const struct dirent *entry;
	struct statfs fs;

	*count = 0;
	if (!dir || statfs("/sys/fs/cgroup", &fs) < 0)
		return false;
	if (fs.f_type == CGROUP2_SUPER_MAGIC)
		snprintf(hierarchies[(*count)++], 256, "/sys/fs/cgroup%s", group);
	while (fs.f_type != CGROUP2_SUPER_MAGIC && (entry = readdir(dir)) && *count < most)
		if (entry->d_type == DT_DIR && *entry->d_name != '.')
			snprintf(hierarchies[(*count)++], 256, "/sys/fs/cgroup/%.100s%s", entry->d_name,
				group);
	for (size_t i = 0; i < *count;) {
		if (mkdir(hierarchies[i], 0755) == 0 || errno == EEXIST)
			i++;
		else
			memmove(hierarchies[i], hierarchies[i + 1], 256 * (--*count - i));
	}
	return *count > 0;
}

/* cpusets of v1 take nobody before they know where: then the process stays out of that one. */
static bool join(char hierarchies[][256], size_t count)
{
	bool joined = false;

	for (size_t i = 0; i < count; i++) {
		char path[300];
		FILE *file;

		snprintf(path, sizeof(path), "%s/cgroup.procs", hierarchies[i]);
		file = fopen(path, "w");
		if (!file)
			continue;
		joined |= fputs("0", file) >= 0 && fflush(file) == 0;
		fclose(file);
	}
	return joined;
}

/* Is another process all the time: whoever kills what a list has named comes too late. */
static _Noreturn void wander(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid != 0)
			_exit(pid < 0);
	}
}

static bool is_empty(const char *hierarchy)
{
	return access(hierarchy, F_OK) < 0;
}

static void processes_that_multiply_go_with_their_group(void **state)
{
	static char hierarchies[32][256];
	size_t count;

	(void)state;
	snprintf(group, sizeof(group), "/nvbind-test-%d", getpid());
	if (geteuid() != 0 || !make_groups(hierarchies, 32, &count))
		skip();
	for (int i = 0; i < 24; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (!join(hierarchies, count))
				_exit(1);
			wander();
		}
		assert_true(pid > 0);
	}
	while (wait(NULL) > 0)
		;
	assert_int_equal(nvb_cgroup_remove(group, true, NULL), 0);
	for (size_t i = 0; i < count; i++)
		assert_true(is_empty(hierarchies[i]));
}

static void write_to(const char *directory, const char *name, const char *text)
{
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = access(path, W_OK) == 0 ? fopen(path, "w") : NULL;
	if (!file)
		return;
	fputs(text, file);
	fclose(file);
}

/* Frozen processes of v1 take no signal, SIGKILL included. */
static void paused_processes_go_with_their_group(void **state)
{
	static char hierarchies[32][256];
	size_t count;
	pid_t pid;

	(void)state;
	snprintf(group, sizeof(group), "/nvbind-test-%d", getpid());
	if (geteuid() != 0 || !make_groups(hierarchies, 32, &count))
		skip();
	pid = fork();
	if (pid == 0) {
		join(hierarchies, count);
		for (;;)
			pause();
	}
	usleep(50000);
	for (size_t i = 0; i < count; i++) {
		write_to(hierarchies[i], "freezer.state", "FROZEN");
		write_to(hierarchies[i], "cgroup.freeze", "1");
	}
	/* Nobody else waits for it. */
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(nvb_cgroup_remove(group, true, NULL), 0);
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < count; i++)
		assert_true(is_empty(hierarchies[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paused_processes_go_with_their_group),
		cmocka_unit_test(processes_that_multiply_go_with_their_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
