/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "benchmark/cuda_kernels.h"
#include "gpu.h"
#include "nvbind/context.h"

/* context LIBRARY ROUNDS: binding to prepared contexts and launching, a line "metric NAME NS..." each. */

enum {
	BATCH = 64,
	LAUNCHES = 8
}; /* calls between two looks at the clock, which costs as much as one of them */

struct bench {
	nvb_contexts *contexts;
	nvb_context *a, *b;
	struct bench_cuda cuda;
	uint32_t rounds;
};

static bool bind(const struct bench *bench, size_t i)
{
	return nvb_context_bind(i & 1 ? bench->a : bench->b, NULL) == 0;
}

static bool bind_by_driver(const struct bench *bench, size_t i)
{
	return bench->cuda.set_current(nvb_context_handle(i & 1 ? bench->a : bench->b)) == 0;
}

static bool launch(const struct bench *bench, size_t i)
{
	(void)i;
	return bench_cuda_launch_nothing(&bench->cuda);
}

static bool launch_and_wait(const struct bench *bench, size_t i)
{
	return launch(bench, i) && bench->cuda.synchronize() == 0;
}

struct measure {
	const char *name;
	bool (*call)(const struct bench *bench, size_t i);
	size_t batch;
	double *times;
};

static bool one_round(const struct bench *bench, const struct measure *measure, uint32_t round)
{
	uint64_t begin = gpu_clock(CLOCK_MONOTONIC);

	for (size_t i = 0; i < measure->batch; i++)
		if (!measure->call(bench, i))
			return false;
	measure->times[round] = (double)(gpu_clock(CLOCK_MONOTONIC) - begin) / (double)measure->batch;
	bench->cuda.synchronize();
	return true;
}

/* In turn, so that whatever else the machine does meets all alike; a tenth of the rounds first to warm up. */
static int measure_all(const struct bench *bench, struct measure *measures, size_t count)
{
	for (size_t m = 0; m < count; m++)
		if (!(measures[m].times = calloc(bench->rounds, sizeof(double))))
			return gpu_fail("out of memory");
	for (uint32_t round = 0; round < bench->rounds + bench->rounds / 10; round++)
		for (size_t m = 0; m < count; m++)
			if (!one_round(bench, &measures[m], round % bench->rounds))
				return gpu_fail("%s: the call failed", measures[m].name);
	for (size_t m = 0; m < count; m++) {
		printf("metric %s", measures[m].name);
		for (uint32_t round = 0; round < bench->rounds; round++)
			printf(" %.1f", measures[m].times[round]);
		putchar('\n');
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

static int prepare(struct bench *bench, const char *library, nvb_error **err)
{
	const struct nvb_contexts_options options = {.size = sizeof(options), .library = library};
	const struct nvb_context_options own = {.size = sizeof(own), .kind = NVB_CONTEXT_OWN};
	int rc = nvb_contexts_open(&options, &bench->contexts, err);

	if (rc == 0)
		rc = nvb_context_prepare(bench->contexts, &own, &bench->a, err);
	if (rc == 0)
		rc = nvb_context_prepare(bench->contexts, &own, &bench->b, err);
	return rc == 0 ? nvb_context_bind(bench->a, err) : rc;
}

int gpu_context(int argc, char **argv)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct bench bench = {.rounds = 0};
	struct measure measures[] = {
		{"bind", bind, BATCH, NULL},
		{"bind-driver", bind_by_driver, BATCH, NULL},
		{"launch", launch, LAUNCHES, NULL},
		{"launch-and-wait", launch_and_wait, 1, NULL},
	};
	const char *missing;
	int rc = 1;

	if (argc != 2 || !nvb_parse_u32(argv[1], &bench.rounds) || bench.rounds < 10 || bench.rounds > 100000)
		return gpu_fail("context needs a library and 10 to 100000 rounds");
	if (prepare(&bench, argv[0], &err) < 0)
		gpu_fail("%s", nvb_error_message(err));
	else if (!bench_cuda_load(&bench.cuda, argv[0]))
		gpu_fail("%s lacks a function", argv[0]);
	else if ((missing = bench_cuda_load_kernels(&bench.cuda)))
		gpu_fail("%s", missing);
	else
		rc = measure_all(&bench, measures, NVB_ELEMENTS(measures));
	for (size_t m = 0; m < NVB_ELEMENTS(measures); m++)
		free(measures[m].times);
	nvb_context_release(bench.a);
	nvb_context_release(bench.b);
	nvb_contexts_close(bench.contexts);
	return rc;
}
