/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_SUBJECT_H
#define NVB_BENCHMARK_SUBJECT_H

#include "benchmark/world.h"

/* Who starts a container: bolt, or a peer that it is compared with. */
struct nvb_subject;

struct nvb_subject_kind {
	const char *name; /* NULL ends the table */
	/*
	 * Finds the program, gets ready what a start needs and sets subject->what and ->argv. A peer that is
	 * not there or cannot do it is an error that says so; `finish` is called then too.
	 */
	int (*prepare)(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err);
	/* Takes away what `prepare` made, and a container that a run which was given up may have left. */
	void (*finish)(struct nvb_subject *subject, struct nvb_benchmark *benchmark);
};

struct nvb_subject {
	const struct nvb_subject_kind *kind;
	char *name; /* the kind's; of one without GPUs beside one with them, that and NVB_RECORD_PLAIN */
	bool gpu;   /* its container is given all GPUs */
	char *what; /* program, version, by which way GPUs come */
	const char **argv; /* one start, from nothing to nothing */
	/* Where a start is several commands: argv makes the container, these start it and, when it has ended,
	 * delete it. NULL: argv does all of it. */
	const char **start, **remove;
	char *container;   /* its name for the engine */
	char *file, *text; /* a file that is written anew before each start, and what stands in it */
	char *image;	   /* made for this run */
	int namespace_fd;  /* where argv is run; -1: here */
	pid_t paused;	   /* a bolt whose container waits, in whose place the runtime is started */
	bool own_log;	   /* standard error is bolt's log, as JSON */
};

/* bolt first, then the peers in the order of help texts. */
extern const struct nvb_subject_kind nvb_subject_kinds[];

int nvb_subject_open(struct nvb_subject *subject, const struct nvb_subject_kind *kind, bool gpu,
	struct nvb_benchmark *benchmark, nvb_error **err);
void nvb_subject_close(struct nvb_subject *subject, struct nvb_benchmark *benchmark);

int nvb_bolt_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err);
void nvb_bolt_finish(struct nvb_subject *subject, struct nvb_benchmark *benchmark);
int nvb_docker_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err);
void nvb_docker_finish(struct nvb_subject *subject, struct nvb_benchmark *benchmark);
int nvb_podman_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err);
void nvb_podman_finish(struct nvb_subject *subject, struct nvb_benchmark *benchmark);
int nvb_bare_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err);
int nvb_nvidia_runtime_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err);
void nvb_bundle_finish(struct nvb_subject *subject, struct nvb_benchmark *benchmark);

/* What all of them use: lists of words, each a copy. Appends words up to a NULL; false without memory. */
bool nvb_words(const char ***argv, ...) __attribute__((sentinel));
/* Appends the words of a list. */
bool nvb_words_list(const char ***argv, const char *const *list);
void nvb_words_free(const char **argv);
static inline void nvb_words_freep(const char ***argv)
{
	nvb_words_free(*argv);
}
#define _cleanup_words_ _cleanup_(nvb_words_freep)
/* Appends the program that is measured in the container. */
bool nvb_words_program(const char ***argv, const struct nvb_subject *subject);
/* First line of what `argv` prints; malloc'd in *line. */
int nvb_first_line(struct nvb_benchmark *benchmark, const char *const *argv, char **line, nvb_error **err);

/* --- one start --- */

/* What one start said of itself; 0 where there is nothing to say. CLOCK_BOOTTIME, ns. */
struct nvb_start_times {
	uint64_t spawned, first, gpu_begin, gpu_end, ended;
	struct nvb_process_phases phases;
	uint64_t planned; /* how long bolt took to plan and to edit */
	unsigned gpus;
};

/* Runs it once. A start that fails, that has not the GPUs or whose clock is another one's is an error. */
int nvb_subject_start(struct nvb_subject *subject, struct nvb_benchmark *benchmark,
	struct nvb_start_times *times, nvb_error **err);

#endif
