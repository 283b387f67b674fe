/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/record.h"

#include <string.h>

#include "base/str.h"

void nvb_record_release(struct nvb_record *record)
{
	free(record->host);
	free(record->subjects);
	free(record->series);
	free(record->absent);
	nvb_arena_release(&record->arena);
	*record = (struct nvb_record){0};
}

static int add_pair(struct nvb_record *record, struct nvb_record_pair **list, size_t *count, size_t *capacity,
	const char *key, const char *value, nvb_error **err)
{
	struct nvb_record_pair pair = {
		nvb_arena_strdup(&record->arena, key), nvb_arena_strdup(&record->arena, value)};

	if (!pair.key || !pair.value || !NVB_GROW(*list, *count, *capacity))
		return nvb_fail_oom(err);
	(*list)[(*count)++] = pair;
	return 0;
}

int nvb_record_add_host(struct nvb_record *record, const char *key, const char *value, nvb_error **err)
{
	return add_pair(record, &record->host, &record->host_count, &record->host_capacity, key, value, err);
}

int nvb_record_add_absent(struct nvb_record *record, const char *what, const char *reason, nvb_error **err)
{
	return add_pair(
		record, &record->absent, &record->absent_count, &record->absent_capacity, what, reason, err);
}

int nvb_record_add_subject(
	struct nvb_record *record, const char *name, const char *what, const char *command, nvb_error **err)
{
	struct nvb_record_subject subject = {nvb_arena_strdup(&record->arena, name),
		nvb_arena_strdup(&record->arena, what), nvb_arena_strdup(&record->arena, command)};

	if (!subject.name || !subject.what || !subject.command ||
		!NVB_GROW(record->subjects, record->subject_count, record->subject_capacity))
		return nvb_fail_oom(err);
	record->subjects[record->subject_count++] = subject;
	return 0;
}

int nvb_record_add_series(struct nvb_record *record, const char *subject, const char *metric,
	const double *values, size_t count, nvb_error **err)
{
	struct nvb_record_series series = {
		.subject = nvb_arena_strdup(&record->arena, subject),
		.metric = nvb_arena_strdup(&record->arena, metric),
		.values = nvb_arena_memdup(&record->arena, values, count * sizeof(*values)),
		.count = count,
	};

	if (!series.subject || !series.metric || !series.values ||
		!NVB_GROW(record->series, record->series_count, record->series_capacity))
		return nvb_fail_oom(err);
	record->series[record->series_count++] = series;
	return 0;
}

const struct nvb_record_series *nvb_record_find(
	const struct nvb_record *record, const char *subject, const char *metric)
{
	for (size_t i = 0; i < record->series_count; i++)
		if (nvb_streq(record->series[i].subject, subject) &&
			nvb_streq(record->series[i].metric, metric))
			return &record->series[i];
	return NULL;
}

const char *nvb_record_host(const struct nvb_record *record, const char *key)
{
	for (size_t i = 0; i < record->host_count; i++)
		if (nvb_streq(record->host[i].key, key))
			return record->host[i].value;
	return NULL;
}
