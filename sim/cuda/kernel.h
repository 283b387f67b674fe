/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_CUDA_KERNEL_H
#define SIM_CUDA_KERNEL_H

#include <stddef.h>

#include "sim/cuda/driver.h"

/*
 * What the simulated GPU can compute: a few kernels written here. A module is a text that names the ones it
 *holds:
 *
 *	// nvbind toy module 1
 *	.kernel vector_add
 *	.kernel saxpy
 *
 *	vector_add(const float *a, const float *b, float *c, unsigned n)    c[i] = a[i] + b[i]
 *	saxpy(float a, const float *x, float *y, unsigned n)                y[i] += a * x[i]
 *	fill(unsigned *p, unsigned value, unsigned n)                       p[i] = value
 *	iota(unsigned *p, unsigned first, unsigned n)                       p[i] = first + i
 *	sum(const float *x, float *out, unsigned n)                         *out = x[0] + ... + x[n - 1]
 *
 * i runs over the launch's threads below n, so a launch that is too small leaves the rest untouched.
 */
#define CUDA_TOY_MAGIC "// nvbind toy module 1\n"

enum { KERNEL_PARAMETERS_MAX = 4 };

struct kernel {
	const char *name;
	size_t parameters;
	size_t size[KERNEL_PARAMETERS_MAX]; /* bytes of each parameter */
	CUresult (*run)(const struct driver *driver, uint64_t threads, void **parameters);
};

/* NULL when there is none of that name. */
const struct kernel *cuda_kernel(const char *name, size_t length);

#endif
