/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_WORLD_H
#define NVB_BENCHMARK_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "benchmark/process_events.h"
#include "benchmark/random.h"
#include "benchmark/record.h"
#include "benchmark/spawn.h"
#include "nvbind/log.h"

/* What all parts of a benchmark share while it runs; strings are borrowed from who made it. */
struct nvb_benchmark {
	const char *bolt; /* our programs, absolute paths */
	const char *hook;
	const char *first, *gpu_program; /* what runs in containers */
	const char *const *common; /* options of ours that every program of ours is given: --root, --config */
	const char *runtime;	   /* the OCI runtime to be used, NULL: each takes its own */
	bool gpu;		   /* containers are given all GPUs */
	bool plain;		   /* and each is started without them too */
	uint32_t runs, warm_up;
	uint64_t seed;
	int cancel_fd;
	const struct nvb_log *log;
	/* Progress, for a person; may be NULL. */
	void (*progress)(void *data, const char *what, uint32_t done, uint32_t all);
	void *progress_data;

	char *directory; /* of this run, removed at its end */
	char *root;	 /* a root file system with the two programs, below it */
	char *name;	 /* what containers and images of this run are called; nobody else has it */
	struct nvb_process_events *events; /* NULL: the kernel tells us nothing */
	struct nvb_record *record;
};

/* Names of the programs in the container. */
#define NVB_BENCHMARK_FIRST "/nvbind-benchmark-first"
#define NVB_BENCHMARK_GPU   "/nvbind-benchmark-gpu"

/* The directory, the root file system, and the kernel's reports. What is missing for these is noted in the
 * record. */
int nvb_benchmark_open(struct nvb_benchmark *benchmark, nvb_error **err);
void nvb_benchmark_close(struct nvb_benchmark *benchmark);

/* A command of this run: it can be cancelled, and the kernel's reports are taken meanwhile. */
struct nvb_command nvb_benchmark_command(struct nvb_benchmark *benchmark, const char *const *argv);

/* The root file system as an archive, on a descriptor to be read; *pid is who writes it. */
int nvb_benchmark_archive(struct nvb_benchmark *benchmark, int *fd, pid_t *pid, nvb_error **err);

/* Words as a shell would take them; malloc'd, NULL without memory. */
char *nvb_benchmark_quote(const char *const *argv);

#endif
