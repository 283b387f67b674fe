/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_JOBS_H
#define NVB_BOLTFILE_JOBS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/str.h"

/*
 * Work that is done side by side as far as nothing orders it: each job in a child process, as soon as those
 * it comes after have got as far as it wants. A job that fails takes those behind it with it and no others.
 */
enum nvb_job_state {
	NVB_JOB_WAITING, /* for others */
	NVB_JOB_RUNNING,
	NVB_JOB_DONE,
	NVB_JOB_FAILED,
	NVB_JOB_LEFT_OUT, /* one that it comes after failed; the error says which */
};

struct nvb_job_link {
	size_t job;
	int condition; /* how far it must be once it is done: the caller's own */
};

struct nvb_job {
	const char *name;
	const struct nvb_job_link *after;
	size_t after_count;

	/* The engine's. */
	enum nvb_job_state state;
	nvb_error *error; /* of one that failed */
	int result;	  /* what `run` returned when it was 0 or more */
	pid_t child;
	int process, report; /* its pidfd; what it says at its end */
	struct nvb_strbuf said;
};

struct nvb_jobs {
	struct nvb_job *list;
	size_t count;

	/* In the child: does the work. A negated code with *err set, or what the job's `result` becomes. */
	int (*run)(void *data, size_t job, nvb_error **err);
	/* Whether a job that is done has met a condition: 1, 0 for not yet, a negated code for never. NULL:
	 * being done is all. */
	int (*met)(void *data, size_t job, int condition, nvb_error **err);
	/* A job's state is another one now; may be NULL. */
	void (*changed)(void *data, const struct nvb_job *job);
	/* To be polled besides; `turn` is called when one is readable. A result other than 0 ends the work:
	 * no job is begun any more, those that run are ended, and nvb_jobs_run returns it. */
	int extra; /* -1: none */
	int (*turn)(void *data);
	void *data;
};

/* At most that many children at a time: they are processes, and each holds descriptors. */
enum { NVB_JOBS_AT_ONCE = 64 };

/*
 * Returns when every job is done, failed or left out: 0 also when some failed. Signals that the caller blocks
 * are not blocked in the children. The caller has one thread and does not ignore SIGCHLD.
 */
int nvb_jobs_run(struct nvb_jobs *jobs, nvb_error **err);

/* How many failed or were left out. */
size_t nvb_jobs_failed(const struct nvb_jobs *jobs);

/* Frees errors; not the list. */
void nvb_jobs_release(struct nvb_jobs *jobs);

#endif
