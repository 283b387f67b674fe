/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_SUPERVISOR_HEALTH_H
#define NVB_SUPERVISOR_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

struct nvb_exec_target;

/*
 * Health checks: a command that is run in the capsule again and again. Three failures in a row (retries) make
 * it unhealthy, one success healthy; failures within the start period do not count.
 */

/* As it was asked for, by the image or the user. Zero and NULL: not said. */
struct nvb_health_check {
	bool disabled;	      /* --no-healthcheck; the image's NONE */
	const char *shell;    /* a command line for the image's /bin/sh -c */
	char *const *command; /* or a program and its arguments */
	uint64_t interval, timeout, start_period, start_interval; /* nanoseconds */
	uint32_t retries;
};

/* What holds of both, docker's defaults for what neither says (30 s, 30 s, 0, 5 s, 3). False: there is no
 * check. Strings stay where they are. */
bool nvb_health_resolve(const struct nvb_health_check *asked, const struct nvb_health_check *image,
	struct nvb_health_check *check);

enum nvb_health_state {
	NVB_HEALTH_NONE,
	NVB_HEALTH_STARTING,
	NVB_HEALTH_HEALTHY,
	NVB_HEALTH_UNHEALTHY,
};
/* "none", "starting", "healthy", "unhealthy" */
const char *nvb_health_state_name(enum nvb_health_state state);

enum { NVB_HEALTH_RESULTS = 5, NVB_HEALTH_OUTPUT = 4096 };
struct nvb_health_result {
	struct timespec start, end;
	int status;   /* the check's exit status; -1: it could not be run or was killed after its time */
	char *output; /* of both streams, the first 4 KiB; malloc'd */
};

struct nvb_health_report {
	enum nvb_health_state state;
	uint32_t failures;				      /* in a row */
	struct nvb_health_result results[NVB_HEALTH_RESULTS]; /* the oldest first */
	uint32_t count;
};

/* Puts a result behind the others and counts it. `starting`: within the start period. Takes over the output.
 */
void nvb_health_add(struct nvb_health_report *report, const struct nvb_health_check *check,
	struct nvb_health_result result, bool starting);
void nvb_health_report_release(struct nvb_health_report *report);

/* As docker's inspect has it: {"Status": ..., "FailingStreak": ..., "Log": [...]}. */
void nvb_health_json(const struct nvb_health_report *report, struct nvb_strbuf *out);

/* The file below a capsule's run directory in which the report stands, as nvb_health_json writes it. */
#define NVB_HEALTH_FILE "health.json"

/* Checking a capsule that runs. */
struct nvb_health;

struct nvb_health_options {
	const struct nvb_health_check *check; /* resolved; borrowed */
	/* The capsule (capsule/exec.h). Borrowed. */
	const struct nvb_exec_target *target;
	/* There is another result, and perhaps another state. The file has been written. */
	void (*changed)(void *data, const struct nvb_health_report *report);
	void *data;
};

/* The first check runs after one interval. The caller adopts orphans (PR_SET_CHILD_SUBREAPER) and leaves
 * waiting for children that are not its own to others. */
int nvb_health_open(const struct nvb_health_options *options, struct nvb_health **out, nvb_error **err);
/* A poll(2)able descriptor; when readable nvb_health_turn does what is to be done, without waiting. */
int nvb_health_fd(const struct nvb_health *health);
void nvb_health_turn(struct nvb_health *health);
/* While the capsule is paused nothing is run. */
/* Pauses, and ends a check that is under way as if it had not begun. */
void nvb_health_interrupt(struct nvb_health *health);
void nvb_health_pause(struct nvb_health *health, bool paused);
const struct nvb_health_report *nvb_health_get(const struct nvb_health *health);
/* Ends a check that runs. NULL is fine. */
void nvb_health_close(struct nvb_health *health);

#endif
