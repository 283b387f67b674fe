/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_DOCTOR_ASK_H
#define NVB_DOCTOR_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/*
 * Asking programs for their versions: all are started at once, since each takes tens of milliseconds and most
 * of it waiting, and read when the first answer is wanted.
 */
enum nvb_doctor_program {
	NVB_DOCTOR_DOCKER,
	NVB_DOCTOR_PODMAN,
	NVB_DOCTOR_CONTAINERD,
	NVB_DOCTOR_CRIO,
	NVB_DOCTOR_CRUN,
	NVB_DOCTOR_RUNC,
	NVB_DOCTOR_CRIU,
	NVB_DOCTOR_FABRIC_MANAGER,
	NVB_DOCTOR_PROGRAMS,
};

struct nvb_doctor_question {
	char *path; /* of the program; NULL: it is not here */
	pid_t pid;
	int from; /* -1: closed */
	char answer[512];
	size_t size;
};

struct nvb_doctor_versions {
	struct nvb_doctor_question questions[NVB_DOCTOR_PROGRAMS];
	bool started, read;
};

/* Starts those that are here. `fabric_manager`: its host path, since it belongs to the driver; or NULL.
 * `engines` false: that one alone. `criu`: the configured one, or NULL. */
void nvb_doctor_versions_start(
	struct nvb_doctor_versions *versions, const char *fabric_manager, const char *criu, bool engines);
/* The program's version ("4.3.1"), "" where it does not tell one in two seconds, NULL where it is not here.
 */
const char *nvb_doctor_version(struct nvb_doctor_versions *versions, enum nvb_doctor_program program);
void nvb_doctor_versions_stop(struct nvb_doctor_versions *versions);

/* Absolute path of a program in PATH and where administrators' programs are; malloc'd, NULL: there is none.
 */
char *nvb_doctor_find_program(const char *name);

/*
 * Runs a program (argv[0] is a path) to its end with nothing to read. *output gets at most `max` bytes of its
 * standard output, of its error output too with `errors`; malloc'd. Returns the exit status (128 + signal),
 * or a negated code. NVB_ERR_BUSY: it was ended when its time was up.
 */
int nvb_doctor_call(char *const *argv, bool errors, size_t max, int limit_ms, char **output, nvb_error **err);

/* Compares versions number by number, as far as both go: <0, 0, >0. */
int nvb_doctor_compare_versions(const char *a, const char *b);

#endif
