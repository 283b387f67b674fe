/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BENCHMARK_STATISTICS_H
#define NVB_BENCHMARK_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "benchmark/random.h"

/*
 * What can be said of measured numbers. Times are skewed and have tails, so nothing here assumes a normal
 * distribution: quantiles, bootstrap intervals, a rank test.
 */

/* A value and the interval in which it lies with 95% confidence. */
struct nvb_estimate {
	double value, low, high;
};

/* Ascending, in place. */
void nvb_statistics_sort(double *values, size_t count);

/* The quantile at `q` (0 to 1) of sorted values, between neighbours in proportion (R's type 7). count >= 1.
 */
double nvb_statistics_quantile(const double *sorted, size_t count, double q);

enum { NVB_BOOTSTRAP_SAMPLES = 2000 };

/*
 * The quantile with its interval by the percentile bootstrap (Efron and Tibshirani, "An Introduction to the
 * Bootstrap", 1993, chapter 13): NVB_BOOTSTRAP_SAMPLES samples drawn from the values with replacement, and
 * where the middle 95% of their quantiles lie.
 */
int nvb_statistics_estimate(const double *sorted, size_t count, double q, struct nvb_random *random,
	struct nvb_estimate *estimate, nvb_error **err);

/* The median of b minus that of a, likewise. */
int nvb_statistics_difference(const double *a, size_t a_count, const double *b, size_t b_count,
	struct nvb_random *random, struct nvb_estimate *estimate, nvb_error **err);

/*
 * Do two samples come from one distribution? The rank test of Mann and Whitney, two-sided: exact without ties
 * and with at most NVB_RANK_EXACT values in each, else by the normal approximation, corrected for ties and
 * continuity. `delta` is Cliff's: how often a value of a is below one of b, less how often above; 1 is always
 * below, 0 no difference, -1 always above.
 */
enum { NVB_RANK_EXACT = 30 };
struct nvb_rank_test {
	double u;     /* pairs in which a is above b, ties as a half */
	double p;     /* how likely such ranks are if there is no difference */
	double delta; /* the size of the effect */
	bool exact;
};
int nvb_statistics_rank_test(const double *a, size_t a_count, const double *b, size_t b_count,
	struct nvb_rank_test *test, nvb_error **err);

/* What is said of a p: below it two samples count as different. */
#define NVB_SIGNIFICANT 0.01

#endif
