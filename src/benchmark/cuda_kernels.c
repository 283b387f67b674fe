/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/cuda_kernels.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * For a real driver. `stretches` is one thread that looks at the GPU's clock over and over: two looks that
 * lie far apart are a time in which it did not run. It writes words of 64 bits: how many stretches, then
 * their begins and ends.
 */
static const char ptx[] =
	".version 6.0\n"
	".target sm_50\n"
	".address_size 64\n"
	".visible .entry nothing()\n"
	"{\n"
	"	ret;\n"
	"}\n"
	".visible .entry stretches(.param .u64 p_log, .param .u64 p_room, .param .u64 p_duration)\n"
	"{\n"
	"	.reg .pred	%p<4>;\n"
	"	.reg .b64	%rd<12>;\n"
	"	ld.param.u64	%rd0, [p_log];\n"
	"	ld.param.u64	%rd1, [p_room];\n"
	"	ld.param.u64	%rd2, [p_duration];\n"
	"	cvta.to.global.u64	%rd0, %rd0;\n"
	"	mov.u64	%rd3, %globaltimer;\n" /* the last look */
	"	add.u64	%rd4, %rd3, %rd2;\n"   /* when to stop */
	"	mov.u64	%rd5, 0;\n"	       /* stretches that are over */
	"	add.u64	%rd6, %rd0, 8;\n"      /* where the next word goes */
	"	st.global.u64	[%rd6], %rd3;\n"
	"	add.u64	%rd6, %rd6, 8;\n"
	"look:\n"
	"	mov.u64	%rd7, %globaltimer;\n"
	"	sub.u64	%rd8, %rd7, %rd3;\n"
	"	setp.lt.u64	%p0, %rd8, 50000;\n"
	"	@%p0 bra	ran;\n"
	"	add.u64	%rd9, %rd5, 1;\n"
	"	setp.ge.u64	%p1, %rd9, %rd1;\n"
	"	@%p1 bra	done;\n"
	"	mov.u64	%rd5, %rd9;\n"
	"	st.global.u64	[%rd6], %rd3;\n"
	"	st.global.u64	[%rd6+8], %rd7;\n"
	"	add.u64	%rd6, %rd6, 16;\n"
	"ran:\n"
	"	mov.u64	%rd3, %rd7;\n"
	"	setp.lt.u64	%p2, %rd7, %rd4;\n"
	"	@%p2 bra	look;\n"
	"done:\n"
	"	st.global.u64	[%rd6], %rd3;\n"
	"	add.u64	%rd5, %rd5, 1;\n"
	"	st.global.u64	[%rd0], %rd5;\n"
	"	ret;\n"
	"}\n";

/* For the simulated one: `fill` of no elements. */
static const char toy[] = "// nvbind toy module 1\n.kernel fill\n";

bool bench_cuda_load(struct bench_cuda *cuda, const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct {
		const char *name;
		void *function;
	} functions[] = {
		{"cuCtxSetCurrent", &cuda->set_current},
		{"cuCtxSynchronize", &cuda->synchronize},
		{"cuModuleLoadData", &cuda->load_module},
		{"cuModuleGetFunction", &cuda->get_function},
		{"cuLaunchKernel", &cuda->launch},
		{"cuMemAlloc_v2", &cuda->allocate},
		{"cuMemFree_v2", &cuda->release},
		{"cuMemcpyDtoH_v2", &cuda->fetch},
	};

	for (size_t i = 0; library && i < sizeof(functions) / sizeof(*functions); i++) {
		void *symbol = dlsym(library, functions[i].name);

		if (!symbol)
			return false;
		memcpy(functions[i].function, &symbol, sizeof(symbol));
	}
	return library != NULL;
}

const char *bench_cuda_load_kernels(struct bench_cuda *cuda)
{
	void *module;

	if (cuda->load_module(&module, ptx) == 0)
		return cuda->get_function(&cuda->nothing, module, "nothing") == 0
			       ? NULL
			       : "the driver lost the kernel";
	if (cuda->load_module(&module, toy) != 0 || cuda->get_function(&cuda->nothing, module, "fill") != 0)
		return "the driver took no kernel";
	cuda->simulated = true;
	return NULL;
}

bool bench_cuda_launch_nothing(const struct bench_cuda *cuda)
{
	uint64_t pointer = 0;
	uint32_t value = 0, count = 0;
	void *parameters[] = {&pointer, &value, &count};

	return cuda->launch(cuda->nothing, 1, 1, 1, 1, 1, 1, 0, NULL, cuda->simulated ? parameters : NULL,
		       NULL) == 0;
}

static int by_begin(const void *a, const void *b)
{
	const struct bench_stretch *x = *(const struct bench_stretch *const *)a,
				   *y = *(const struct bench_stretch *const *)b;

	return (x->begin > y->begin) - (x->begin < y->begin);
}

bool bench_slices(const struct bench_stretch *a, size_t a_count, const struct bench_stretch *b,
	size_t b_count, double *slices, size_t *slice_count, double *gaps, size_t *gap_count, size_t capacity)
{
	enum { TURNS = 4 };
	size_t count = a_count + b_count;
	const struct bench_stretch **all = calloc(count ? count : 1, sizeof(*all));

	*slice_count = *gap_count = 0;
	if (!all)
		return false;
	for (size_t i = 0; i < count; i++)
		all[i] = i < a_count ? &a[i] : &b[i - a_count];
	qsort(all, count, sizeof(*all), by_begin);
	for (size_t i = 1; i < count; i++) {
		bool mine = all[i] >= a && all[i] < a + a_count,
		     before = all[i - 1] >= a && all[i - 1] < a + a_count;
		bool after = i + 1 < count && all[i + 1] >= a && all[i + 1] < a + a_count;

		/* Two at a time are no slices of one engine. */
		if (mine == before || all[i]->begin < all[i - 1]->end)
			continue;
		if (*gap_count < capacity)
			gaps[(*gap_count)++] = (double)(all[i]->begin - all[i - 1]->end);
		if (i + 1 < count && after != mine && all[i + 1]->begin >= all[i]->end &&
			*slice_count < capacity)
			slices[(*slice_count)++] = (double)(all[i]->end - all[i]->begin);
	}
	free(all);
	return *slice_count >= TURNS;
}

enum { ROOM = 4096 };

struct side {
	void *context, *kernel;
	uint64_t log;
	uint64_t words[1 + 2 * ROOM];
};

static bool begin(const struct bench_cuda *cuda, struct side *side)
{
	uint64_t room = ROOM, duration = 200000000; /* ns */
	void *module, *parameters[] = {&side->log, &room, &duration};

	return cuda->set_current(side->context) == 0 && cuda->load_module(&module, ptx) == 0 &&
	       cuda->get_function(&side->kernel, module, "stretches") == 0 &&
	       cuda->allocate(&side->log, sizeof(side->words)) == 0 &&
	       cuda->launch(side->kernel, 1, 1, 1, 1, 1, 1, 0, NULL, parameters, NULL) == 0;
}

static bool finish(const struct bench_cuda *cuda, struct side *side)
{
	return cuda->set_current(side->context) == 0 && cuda->synchronize() == 0 &&
	       cuda->fetch(side->words, side->log, sizeof(side->words)) == 0 &&
	       cuda->release(side->log) == 0 && side->words[0] <= ROOM;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(const char *name, double *list, size_t count, const char *what)
{
	qsort(list, count, sizeof(*list), by_value);
	printf("%s\t%.1f\t%.1f\t%s, %zu of them\n", name, list[count / 2], list[count * 99 / 100], what,
		count);
}

const char *bench_cuda_slices(const struct bench_cuda *cuda, void *first, void *second)
{
	static struct side a, b;
	static double slices[ROOM], gaps[ROOM];
	size_t slice_count, gap_count;

	a.context = first;
	b.context = second;
	if (!begin(cuda, &a) || !begin(cuda, &b) || !finish(cuda, &a) || !finish(cuda, &b))
		return "the kernels that look at the GPU's clock did not run";
	if (!bench_slices((struct bench_stretch *)&a.words[1], a.words[0],
		    (struct bench_stretch *)&b.words[1], b.words[0], slices, &slice_count, gaps, &gap_count,
		    ROOM))
		return "the two contexts did not take turns";
	print("time slice", slices, slice_count, "between two slices of the other context");
	print("preemption", gaps, gap_count,
		"from one context's last look at the clock to the other's first");
	return NULL;
}
