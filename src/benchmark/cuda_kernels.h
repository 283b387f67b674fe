/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_CUDA_KERNELS_H
#define NVB_BENCHMARK_CUDA_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The driver's own functions, for what the library beneath is compared with, and kernels for what it is not
 * about. */
struct bench_cuda {
	int (*set_current)(void *context);
	int (*synchronize)(void);
	int (*load_module)(void **module, const void *image);
	int (*get_function)(void **function, void *module, const char *name);
	int (*launch)(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
		unsigned block_y, unsigned block_z, unsigned shared, void *stream, void **parameters,
		void **extra);
	int (*allocate)(uint64_t *pointer, size_t size);
	int (*release)(uint64_t pointer);
	int (*fetch)(void *to, uint64_t from, size_t size);
	void *nothing;	/* the kernel */
	bool simulated; /* it took a module of the simulator's */
};

/* False without one of them. */
bool bench_cuda_load(struct bench_cuda *cuda, const char *library);

/* A kernel that does nothing, in the current context. NULL, or why there is none. */
const char *bench_cuda_load_kernels(struct bench_cuda *cuda);
bool bench_cuda_launch_nothing(const struct bench_cuda *cuda);

/*
 * Runs a kernel in both contexts at a time, which writes down when it ran and when it did not, and prints the
 * lines "time slice" and "preemption". NULL, or why it could not be measured; then nothing was printed.
 */
const char *bench_cuda_slices(const struct bench_cuda *cuda, void *a, void *b);

/* One stretch of time in which a kernel ran, in ns of the GPU's clock. */
struct bench_stretch {
	uint64_t begin, end;
};

/*
 * What two kernels' stretches say. Of each that lies between two of the other's: how long it was; of each two
 * that follow each other and are not of the same kernel: how long nobody ran. Fills in at most `capacity` of
 * each and returns false when they did not take turns at least four times.
 */
bool bench_slices(const struct bench_stretch *a, size_t a_count, const struct bench_stretch *b,
	size_t b_count, double *slices, size_t *slice_count, double *gaps, size_t *gap_count,
	size_t capacity);

#endif
