/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/statistics.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void nvb_statistics_sort(double *values, size_t count)
{
	if (count)
		qsort(values, count, sizeof(*values), by_value);
}

/* Which two neighbours a quantile lies between, and how far it is from the first to the second. */
static void place_of(size_t count, double q, size_t *first, double *part)
{
	double at = q * (double)(count - 1);

	*first = (size_t)at;
	*part = at - (double)*first;
}

double nvb_statistics_quantile(const double *sorted, size_t count, double q)
{
	size_t first;
	double part;

	place_of(count, q, &first, &part);
	if (first + 1 >= count)
		return sorted[count - 1];
	return sorted[first] + part * (sorted[first + 1] - sorted[first]);
}

/* --- bootstrap --- */

/* A sample with replacement is how often each value was drawn: nothing has to be sorted again. */
static void draw(struct nvb_random *random, uint32_t *times, size_t count)
{
	memset(times, 0, count * sizeof(*times));
	for (size_t i = 0; i < count; i++)
		times[nvb_random_below(random, (uint32_t)count)]++;
}

static double quantile_drawn(const double *sorted, const uint32_t *times, size_t count, double q)
{
	size_t first, seen = 0, i = 0;
	double part, low;

	place_of(count, q, &first, &part);
	while (seen + times[i] <= first)
		seen += times[i++];
	low = sorted[i];
	if (first + 1 >= count)
		return low;
	while (seen + times[i] <= first + 1)
		seen += times[i++];
	return low + part * (sorted[i] - low);
}

static void interval(double *samples, struct nvb_estimate *estimate)
{
	nvb_statistics_sort(samples, NVB_BOOTSTRAP_SAMPLES);
	estimate->low = nvb_statistics_quantile(samples, NVB_BOOTSTRAP_SAMPLES, 0.025);
	estimate->high = nvb_statistics_quantile(samples, NVB_BOOTSTRAP_SAMPLES, 0.975);
}

int nvb_statistics_estimate(const double *sorted, size_t count, double q, struct nvb_random *random,
	struct nvb_estimate *estimate, nvb_error **err)
{
	_cleanup_free_ uint32_t *times = calloc(count, sizeof(*times));
	_cleanup_free_ double *samples = calloc(NVB_BOOTSTRAP_SAMPLES, sizeof(*samples));

	if (!times || !samples)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < NVB_BOOTSTRAP_SAMPLES; i++) {
		draw(random, times, count);
		samples[i] = quantile_drawn(sorted, times, count, q);
	}
	estimate->value = nvb_statistics_quantile(sorted, count, q);
	interval(samples, estimate);
	return 0;
}

int nvb_statistics_difference(const double *a, size_t a_count, const double *b, size_t b_count,
	struct nvb_random *random, struct nvb_estimate *estimate, nvb_error **err)
{
	_cleanup_free_ uint32_t *times = calloc(a_count > b_count ? a_count : b_count, sizeof(*times));
	_cleanup_free_ double *samples = calloc(NVB_BOOTSTRAP_SAMPLES, sizeof(*samples));

	if (!times || !samples)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < NVB_BOOTSTRAP_SAMPLES; i++) {
		draw(random, times, a_count);
		samples[i] = -quantile_drawn(a, times, a_count, 0.5);
		draw(random, times, b_count);
		samples[i] += quantile_drawn(b, times, b_count, 0.5);
	}
	estimate->value = nvb_statistics_quantile(b, b_count, 0.5) - nvb_statistics_quantile(a, a_count, 0.5);
	interval(samples, estimate);
	return 0;
}

/* --- rank test --- */

struct ranked {
	double value;
	bool from_a;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

/* The sum of a's ranks, and of t^3 - t over groups of t equal values. */
static double rank_sum(struct ranked *all, size_t count, double *ties)
{
	double sum = 0;

	*ties = 0;
	qsort(all, count, sizeof(*all), by_rank);
	for (size_t begin = 0, end; begin < count; begin = end) {
		double equal, rank;

		end = begin + 1;
		while (end < count && all[end].value <= all[begin].value)
			end++;
		equal = (double)(end - begin);
		rank = (double)(begin + 1 + end) / 2;
		*ties += equal * equal * equal - equal;
		for (size_t i = begin; i < end; i++)
			sum += all[i].from_a ? rank : 0;
	}
	return sum;
}

/*
 * How likely a U of at most `u` is, each order of the values being as likely as any other. The distribution
 * is the coefficients of the Gaussian binomial: the product over j of (1 - x^(m+j)) / (1 - x^j).
 */
static int exact_tail(size_t m, size_t n, size_t u, double *tail, nvb_error **err)
{
	size_t size = m * n + 1;
	_cleanup_free_ double *ways = calloc(size, sizeof(*ways));
	double all = 0, below = 0;

	if (!ways)
		return nvb_fail_oom(err);
	ways[0] = 1;
	for (size_t j = 1; j <= n; j++) {
		for (size_t i = size; i-- > m + j;)
			ways[i] -= ways[i - (m + j)];
		for (size_t i = j; i < size; i++)
			ways[i] += ways[i - j];
	}
	for (size_t i = 0; i < size; i++) {
		all += ways[i];
		below += i <= u ? ways[i] : 0;
	}
	*tail = below / all;
	return 0;
}

/* `u` is the smaller of the two, so it lies below the middle. */
static double normal_p(double u, double m, double n, double ties)
{
	double count = m + n, variance = m * n / 12 * (count + 1 - ties / (count * (count - 1))), distance;

	if (variance <= 0)
		return 1; /* all values are equal */
	distance = m * n / 2 - u - 0.5;
	return distance <= 0 ? 1 : erfc(distance / sqrt(variance) / sqrt(2));
}

int nvb_statistics_rank_test(const double *a, size_t a_count, const double *b, size_t b_count,
	struct nvb_rank_test *test, nvb_error **err)
{
	_cleanup_free_ struct ranked *all = calloc(a_count + b_count, sizeof(*all));
	double m = (double)a_count, n = (double)b_count, ties, u, smaller, p = 1;
	bool exact;

	if (!all)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < a_count + b_count; i++)
		all[i] = (struct ranked){i < a_count ? a[i] : b[i - a_count], i < a_count};
	u = rank_sum(all, a_count + b_count, &ties) - m * (m + 1) / 2;
	smaller = u < m * n - u ? u : m * n - u;
	exact = ties <= 0 && a_count <= NVB_RANK_EXACT && b_count <= NVB_RANK_EXACT;
	if (exact) {
		int rc = exact_tail(a_count, b_count, (size_t)smaller, &p, err);

		if (rc < 0)
			return rc;
		p = p > 0.5 ? 1 : 2 * p;
	} else {
		p = normal_p(smaller, m, n, ties);
	}
	*test = (struct nvb_rank_test){.u = u, .p = p, .delta = 1 - 2 * u / (m * n), .exact = exact};
	return 0;
}
