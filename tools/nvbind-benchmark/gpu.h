/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_BENCHMARK_GPU_H
#define NVBIND_BENCHMARK_GPU_H

#include <stdint.h>

/* nvbind-benchmark-gpu: what takes libcuda, libvulkan or an input device, in a process of its own: on the
 * host or in a container. Each verb prints lines for `nvbind benchmark` and returns an exit status; what
 * fails is one line on stderr. */
int gpu_start(int argc, char **argv);	  /* first GPU call */
int gpu_libraries(int argc, char **argv); /* what a container needs to run this program */
int gpu_context(int argc, char **argv);
int gpu_compute(int argc, char **argv);
int gpu_input(int argc, char **argv);

/* "nvbind-benchmark-gpu: <what>"; returns 1. */
int gpu_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ns */
uint64_t gpu_clock(int clock);

#endif
