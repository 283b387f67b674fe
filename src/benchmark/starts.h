/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_STARTS_H
#define NVB_BENCHMARK_STARTS_H

#include "benchmark/subject.h"

/*
 * Starts of all subjects in turn: rounds, in each of which every subject comes once, in an order drawn anew;
 * the first `warm_up` rounds are not counted. Subjects and series go into benchmark->record. A start that
 * fails ends it: of a peer that does not run there is no number.
 */
int nvb_benchmark_starts(struct nvb_benchmark *benchmark, const struct nvb_subject_kind *const *kinds,
	size_t count, nvb_error **err);

#endif
