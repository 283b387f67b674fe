/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-context [--library PATH] [--device NAME] [--rounds N]: what "switching contexts" costs, each part by
 *itself:
 *
 *	bind             a thread's CUDA calls go to another prepared context: nvb_context_bind
 *	driver           the driver's own call for that, cuCtxSetCurrent
 *	ours             what nvb_context_bind adds: the difference of both medians
 *	switch           the same with what was bound before handed out: nvb_context_switch
 *	launch           a kernel that does nothing, until the call returns
 *	launch and wait  the same, until it has run
 *	time slice       how long a context runs before the hardware lets another one run
 *	preemption       from the end of one context's slice to the beginning of the other's
 *
 * A line each: name, tab, p50 in ns, tab, p99 in ns, tab, what was measured. What was not measured has "-"
 *and the reason. The last line says whether the driver is simulated: then no figure stands for a GPU.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "benchmark/cuda_kernels.h"
#include "nvbind/context.h"

enum { BATCH = 64 }; /* calls between two looks at the clock, which costs as much as one of them */

struct samples {
	double *list;
	size_t count;
};

static struct {
	nvb_contexts *contexts;
	nvb_context *a, *b;
	struct bench_cuda cuda;
	size_t rounds;
} bench;

static void die(const char *what, nvb_error *error)
{
	fprintf(stderr, "bench-context: %s: %s\n", what, error ? nvb_error_message(error) : "failed");
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(const struct samples *samples, size_t percent)
{
	return samples->list[samples->count * percent / 100];
}

static double report(const char *name, struct samples *samples, const char *what)
{
	qsort(samples->list, samples->count, sizeof(*samples->list), by_value);
	printf("%s\t%.1f\t%.1f\t%s\n", name, percentile(samples, 50), percentile(samples, 99), what);
	return percentile(samples, 50);
}

/* `call` is done BATCH times a round; a sample is the time of one. */
static struct samples measure(bool (*call)(size_t i), size_t batch)
{
	struct samples samples = {calloc(bench.rounds, sizeof(double)), bench.rounds};

	if (!samples.list)
		die("samples", NULL);
	for (size_t round = 0; round < bench.rounds; round++) {
		double start = now();

		for (size_t i = 0; i < batch; i++)
			if (!call(i))
				die("a call that is measured", NULL);
		samples.list[round] = (now() - start) / (double)batch;
	}
	return samples;
}

static bool bind(size_t i)
{
	return nvb_context_bind(i & 1 ? bench.a : bench.b, NULL) == 0;
}

static bool bind_by_driver(size_t i)
{
	return bench.cuda.set_current(nvb_context_handle(i & 1 ? bench.a : bench.b)) == 0;
}

static bool switch_to(size_t i)
{
	void *before;

	return nvb_context_switch(i & 1 ? bench.a : bench.b, &before, NULL) == 0;
}

static bool launch(size_t i)
{
	(void)i;
	return bench_cuda_launch_nothing(&bench.cuda);
}

static bool launch_and_wait(size_t i)
{
	(void)i;
	return bench_cuda_launch_nothing(&bench.cuda) && bench.cuda.synchronize() == 0;
}

static void not_measured(const char *name, const char *why)
{
	printf("%s\t-\t-\tnot measured: %s\n", name, why);
}

static void measure_binding(void)
{
	struct samples ours, driver, switched;
	double bound, beneath;

	/* In turn, so that whatever else the machine does meets both alike; the first of each warms up. */
	free(measure(bind, BATCH).list);
	free(measure(bind_by_driver, BATCH).list);
	ours = measure(bind, BATCH);
	driver = measure(bind_by_driver, BATCH);
	switched = measure(switch_to, BATCH);
	bound = report("bind", &ours, "nvb_context_bind, two contexts in turn");
	beneath = report("driver", &driver, "cuCtxSetCurrent, the same contexts");
	printf("ours\t%.1f\t-\tthe difference of both medians\n", bound - beneath);
	report("switch", &switched, "nvb_context_switch");
	free(ours.list);
	free(driver.list);
	free(switched.list);
}

static void measure_launches(const char *missing)
{
	struct samples samples;

	if (missing) {
		not_measured("launch", missing);
		not_measured("launch and wait", missing);
		return;
	}
	free(measure(launch_and_wait, 8).list);
	samples = measure(launch, 8);
	bench.cuda.synchronize();
	report("launch", &samples, "cuLaunchKernel of a kernel that does nothing");
	free(samples.list);
	samples = measure(launch_and_wait, 1);
	report("launch and wait", &samples, "the same and cuCtxSynchronize");
	free(samples.list);
}

static void prepare(const char *library, const char *device)
{
	const struct nvb_contexts_options options = {.size = sizeof(options), .library = library};
	const struct nvb_context_options own = {
		.size = sizeof(own), .kind = NVB_CONTEXT_OWN, .device = device};
	nvb_error *error = NULL;

	if (nvb_contexts_open(&options, &bench.contexts, &error) < 0)
		die("opening", error);
	if (nvb_context_prepare(bench.contexts, &own, &bench.a, &error) < 0 ||
		nvb_context_prepare(bench.contexts, &own, &bench.b, &error) < 0)
		die("preparing", error);
	if (nvb_context_bind(bench.a, &error) < 0)
		die("binding", error);
}

int main(int argc, char **argv)
{
	const char *library = NULL, *device = NULL, *missing, *slices;
	uint32_t rounds = 2000;

	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (value && nvb_streq(argv[i], "--library"))
			library = value;
		else if (value && nvb_streq(argv[i], "--device"))
			device = value;
		else if (!value || !nvb_streq(argv[i], "--rounds") || !nvb_parse_u32(value, &rounds) ||
			 !rounds) {
			fprintf(stderr,
				"usage: bench-context [--library PATH] [--device NAME] [--rounds N]\n");
			return 2;
		}
	}
	bench.rounds = rounds;
	prepare(library, device);
	if (!bench_cuda_load(&bench.cuda, library ? library : "libcuda.so.1"))
		die("the driver's functions", NULL);
	measure_binding();
	missing = bench_cuda_load_kernels(&bench.cuda);
	measure_launches(missing);
	slices = "it takes a GPU: what runs on the simulated one runs on the calling thread";
	if (!missing && !bench.cuda.simulated)
		slices = bench_cuda_slices(
			&bench.cuda, nvb_context_handle(bench.a), nvb_context_handle(bench.b));
	if (slices || missing) {
		not_measured("time slice", missing ? missing : slices);
		not_measured("preemption", missing ? missing : slices);
	}
	if (missing)
		printf("driver kind\tunknown: it took no kernel\n");
	else
		printf("driver kind\t%s\n",
			bench.cuda.simulated ? "simulated: no figure here stands for a GPU" : "real");
	nvb_context_release(bench.a);
	nvb_context_release(bench.b);
	nvb_contexts_close(bench.contexts);
	return 0;
}
