/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_ANALYSIS_H
#define NVB_BENCHMARK_ANALYSIS_H

#include "benchmark/metric.h"
#include "benchmark/record.h"
#include "benchmark/statistics.h"

/* What a record says: of each series its quantiles, and how it compares with the first subject that has the
 * same metric (one without GPUs with the same one that has them). The same record gives the same numbers each
 * time: the bootstrap starts from the record's seed.
 */
struct nvb_analysis_row {
	const struct nvb_record_series *series;
	const struct nvb_metric *metric;
	double *sorted; /* the numbers that are there */
	size_t count;
	struct nvb_estimate p50, p95, p99;
	/* Of the metric's first row these say nothing. */
	const struct nvb_analysis_row *first;
	struct nvb_estimate difference; /* this median less the first's */
	struct nvb_rank_test test;	/* a is the first */
};

struct nvb_analysis {
	struct nvb_analysis_row *rows; /* by metric, in the metrics' order; within one in the subjects' */
	size_t count;
};

int nvb_analyse(const struct nvb_record *record, struct nvb_analysis *analysis, nvb_error **err);
void nvb_analysis_release(struct nvb_analysis *analysis);
#define _cleanup_analysis_ _cleanup_(nvb_analysis_release)

/* A unit that makes `value` readable, and what to divide by: "ms" and 1e6 for 12 million nanoseconds. */
const char *nvb_analysis_unit(const struct nvb_metric *metric, double value, double *by);

/* Four significant digits, no exponent; `buffer` of at least 32 bytes; returned. */
const char *nvb_analysis_number(double value, char *buffer, size_t size);

#endif
