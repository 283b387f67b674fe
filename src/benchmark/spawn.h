/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_SPAWN_H
#define NVB_BENCHMARK_SPAWN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/mem.h"

/* Commands that are measured, or that get something ready for it. */

/* CLOCK_BOOTTIME in ns: the clock that a container's process reads as well. */
uint64_t nvb_boottime(void);

struct nvb_command {
	const char *const *argv; /* argv[0] is looked for in PATH */
	int namespace_fd;	 /* a mount namespace to run it in; -1: ours */
	int input;		 /* a descriptor that becomes its standard input; -1: /dev/null */
	int output;    /* one that becomes its standard output, which is not read then; -1: it is read */
	int cancel_fd; /* readable when it shall be given up; -1: never */
	int drain_fd;  /* what `drain` empties while the command runs; -1: nothing */
	void (*drain)(void *data);
	void *drain_data;
	uint64_t limit; /* ns; then it is ended and has failed */
};
#define NVB_COMMAND_INIT                                                                        \
	{                                                                                       \
		.namespace_fd = -1, .input = -1, .output = -1, .cancel_fd = -1, .drain_fd = -1, \
		.limit = 120000000000                                                           \
	}

struct nvb_command_result {
	int status;		/* of exit, or 128 and the signal */
	char *output, *message; /* what it wrote, to standard output and error: at most 1 MiB each */
	size_t output_size, message_size;
	uint64_t spawned, ended; /* CLOCK_BOOTTIME, ns: before it was spawned, after it was waited for */
};
void nvb_command_result_release(struct nvb_command_result *result);
#define _cleanup_command_result_ _cleanup_(nvb_command_result_release)

/*
 * Runs a command in a process group of its own to its end. NVB_ERR_NOT_FOUND when it cannot be executed,
 * NVB_ERR_CANCELLED, NVB_ERR_SYSTEM when it takes too long: then the group was sent SIGTERM and two seconds
 * later SIGKILL. A status other than 0 is no error here.
 */
int nvb_command_run(const struct nvb_command *command, struct nvb_command_result *result, nvb_error **err);

/* The same where it must succeed: else the error has the last line it wrote. `result` may be NULL. */
int nvb_command_must(const struct nvb_command *command, struct nvb_command_result *result, nvb_error **err);

/* Started and left to run; its pid, or a negated code. *output, when asked for, is its standard output. */
pid_t nvb_command_start(const struct nvb_command *command, int *output, nvb_error **err);
/* Ends one that was started, and its group; waits for it. 0 and negative numbers are allowed. */
void nvb_command_stop(pid_t pid);

/* The last line of a text, without control characters; malloc'd, NULL without memory. */
char *nvb_last_line(const char *text, size_t size);

#endif
