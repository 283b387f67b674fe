/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_INPUT_H
#define NVB_BENCHMARK_INPUT_H

#include "benchmark/world.h"

/*
 * How long an input event takes from who writes it (a uinput device made for this run) to a program that
 * waits for it, on the host and in a capsule. Where the host has no uinput, or lets us not, the record says
 * so.
 */
int nvb_benchmark_input(struct nvb_benchmark *benchmark, nvb_error **err);

#endif
