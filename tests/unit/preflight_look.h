/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_TEST_PREFLIGHT_LOOK_H
#define NVB_TEST_PREFLIGHT_LOOK_H

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "checkpoint/preflight_private.h"
#include "fixture.h"
#include "scratch.h"

/* Processes that something is true of, and what the preflight finds of them. */

static struct nvb_inventory inventory;

/* A process that does something and then waits. */
static inline pid_t child_that(void (*does)(const char *), const char *argument)
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		close(null);
		if (does)
			does(argument);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static inline void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static inline const struct nvb_preflight_finding *found(
	const struct nvb_preflight_report *report, const char *id)
{
	for (size_t i = 0; i < report->count; i++)
		if (nvb_streq(report->list[i].id, id))
			return &report->list[i];
	return NULL;
}

static inline void expect(
	const struct nvb_preflight_report *report, const char *id, bool fatal, const char *words)
{
	const struct nvb_preflight_finding *f = found(report, id);

	if (!f)
		fail_msg("'%s' was not found", id);
	assert_int_equal(f->fatal, fatal);
	if (!strstr(f->reason, words))
		fail_msg("'%s' is not in: %s", words, f->reason);
	assert_null(strchr(f->reason, '\n'));
}

static inline void expect_none(const struct nvb_preflight_report *report)
{
	if (report->count)
		fail_msg("%s: %s", report->list[0].id, report->list[0].reason);
}

/* What is found of a capsule of these processes, the first of which is its init; the others are as health
 * checks are. */
static inline struct nvb_preflight_report look(const int *pids, size_t count)
{
	const struct nvb_preflight_capsule capsule = {.inventory = &inventory,
		.pids = pids,
		.count = count,
		.init = pids[0],
		.supervisor = getpid(),
		.place = scratch.path,
		.criu = {.path = "/usr/sbin/criu", .major = 4}};
	struct nvb_preflight_report report = {0};
	nvb_error *err = NULL;

	if (nvb_preflight_take(&capsule, &report, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return report;
}

static inline struct nvb_preflight_report look_at(void (*does)(const char *), const char *argument)
{
	int pid = child_that(does, argument);
	struct nvb_preflight_report report = look(&pid, 1);

	end_child(pid);
	return report;
}

/* A libcuda that says it has the calls, in the machine's own directory. */
static inline void make_driver(const char *version)
{
	static char top[64];

	scratch_mkdir("usr/lib/x86_64-linux-gnu");
	assert_int_equal(nvb_file_write(scratch.fd, "usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15",
				 "\0cuCheckpointProcessLock", 25, 0755, NULL),
		0);
	assert_in_range(snprintf(top, sizeof(top), "%s", scratch.path), 1, sizeof(top) - 1);
	inventory.roots.driver.fd = scratch.fd;
	inventory.roots.driver.path = top;
	inventory.driver.version = version;
	inventory.gpus[2].name = "NVIDIA Other";
}

static inline void keep_open(const char *path)
{
	if (open(path, O_RDONLY) < 0 || memfd_create("x", 0) < 0)
		_exit(1);
}

#endif
