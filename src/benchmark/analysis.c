/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/analysis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* A series draws numbers of its own, so what else is in a record does not change its intervals (FNV-1a). */
static void seed_for(
	const struct nvb_record *record, const struct nvb_record_series *series, struct nvb_random *random)
{
	const char *const words[] = {series->subject, "/", series->metric};
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < NVB_ELEMENTS(words); i++)
		for (const char *c = words[i]; *c; c++)
			hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	nvb_random_seed(random, record->seed ^ hash);
}

static int take_numbers(struct nvb_analysis_row *row, nvb_error **err)
{
	const struct nvb_record_series *series = row->series;

	row->sorted = calloc(series->count, sizeof(*row->sorted));
	if (!row->sorted)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < series->count; i++)
		if (!isnan(series->values[i]))
			row->sorted[row->count++] = series->values[i];
	if (!row->count)
		return nvb_fail(err, NVB_ERR_CORRUPT, "%s, %s: no number", series->subject, series->metric);
	nvb_statistics_sort(row->sorted, row->count);
	return 0;
}

static int estimate(const struct nvb_record *record, struct nvb_analysis_row *row, nvb_error **err)
{
	const struct {
		double q;
		struct nvb_estimate *to;
	} quantiles[] = {{0.5, &row->p50}, {0.95, &row->p95}, {0.99, &row->p99}};
	struct nvb_random random;
	int rc = take_numbers(row, err);

	seed_for(record, row->series, &random);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(quantiles); i++)
		rc = nvb_statistics_estimate(
			row->sorted, row->count, quantiles[i].q, &random, quantiles[i].to, err);
	if (rc < 0 || !row->first)
		return rc;
	rc = nvb_statistics_difference(row->first->sorted, row->first->count, row->sorted, row->count,
		&random, &row->difference, err);
	if (rc == 0)
		rc = nvb_statistics_rank_test(
			row->first->sorted, row->first->count, row->sorted, row->count, &row->test, err);
	return rc;
}

/* What a series is compared with: one without GPUs with the same one that has them, else all with the first.
 */
static const struct nvb_analysis_row *partner_of(const struct nvb_analysis *analysis,
	const struct nvb_record_series *series, const struct nvb_analysis_row *first)
{
	size_t size = strlen(series->subject);

	if (!nvb_ends_with(series->subject, NVB_RECORD_PLAIN))
		return first;
	size -= strlen(NVB_RECORD_PLAIN);
	for (size_t i = 0; i < analysis->count; i++) {
		const struct nvb_record_series *other = analysis->rows[i].series;

		if (other && nvb_streq(other->metric, series->metric) && strlen(other->subject) == size &&
			strncmp(other->subject, series->subject, size) == 0)
			return &analysis->rows[i];
	}
	return first;
}

int nvb_analyse(const struct nvb_record *record, struct nvb_analysis *analysis, nvb_error **err)
{
	_cleanup_analysis_ struct nvb_analysis made = {NULL, 0};
	int rc = 0;

	made.rows = calloc(record->series_count ? record->series_count : 1, sizeof(*made.rows));
	if (!made.rows)
		return nvb_fail_oom(err);
	for (const struct nvb_metric *metric = nvb_metrics; metric->name; metric++) {
		const struct nvb_analysis_row *first = NULL;

		for (size_t i = 0; rc == 0 && i < record->subject_count; i++) {
			const struct nvb_record_series *series =
				nvb_record_find(record, record->subjects[i].name, metric->name);
			struct nvb_analysis_row *row = &made.rows[made.count];

			if (!series)
				continue;
			made.count++;
			*row = (struct nvb_analysis_row){.series = series,
				.metric = metric,
				.first = partner_of(&made, series, first)};
			rc = estimate(record, row, err);
			first = first ? first : row;
		}
	}
	if (rc < 0)
		return rc;
	*analysis = made;
	made = (struct nvb_analysis){NULL, 0};
	return 0;
}

void nvb_analysis_release(struct nvb_analysis *analysis)
{
	for (size_t i = 0; i < analysis->count; i++)
		free(analysis->rows[i].sorted);
	free(analysis->rows);
	*analysis = (struct nvb_analysis){NULL, 0};
}

const char *nvb_analysis_unit(const struct nvb_metric *metric, double value, double *by)
{
	static const struct {
		double by;
		const char *times, *rates;
	} units[] = {{1, "ns", "/s"}, {1e3, "us", "k/s"}, {1e6, "ms", "M/s"}, {1e9, "s", "G/s"},
		{1e12, "1000 s", "T/s"}};
	size_t i = 0, last = metric->unit == NVB_UNIT_NS ? 3 : NVB_ELEMENTS(units) - 1;

	while (i < last && fabs(value) >= units[i + 1].by)
		i++;
	*by = units[i].by;
	return metric->unit == NVB_UNIT_NS ? units[i].times : units[i].rates;
}

const char *nvb_analysis_number(double value, char *buffer, size_t size)
{
	double amount = fabs(value);
	int digits = amount >= 1000 ? 0 : amount >= 100 ? 1 : amount >= 10 ? 2 : 3;

	snprintf(buffer, size, "%.*f", digits, value);
	return buffer;
}
