/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>

#include "base/str.h"
#include "benchmark/metric.h"
#include "benchmark/record.h"

static void add_member(struct nvb_strbuf *sb, const char *before, const char *key, const char *value)
{
	nvb_sb_add(sb, before);
	nvb_sb_add_json(sb, key);
	nvb_sb_add(sb, ": ");
	nvb_sb_add_json(sb, value);
}

static void add_pairs(struct nvb_strbuf *sb, const char *name, const struct nvb_record_pair *pairs,
	size_t count, const char *key, const char *value)
{
	nvb_sb_addf(sb, ",\n  \"%s\": [", name);
	for (size_t i = 0; i < count; i++) {
		add_member(sb, i ? ",\n    {" : "\n    {", key, pairs[i].key);
		add_member(sb, ", ", value, pairs[i].value);
		nvb_sb_add(sb, "}");
	}
	nvb_sb_add(sb, count ? "\n  ]" : "]");
}

static void add_subjects(struct nvb_strbuf *sb, const struct nvb_record *record)
{
	nvb_sb_add(sb, ",\n  \"subjects\": [");
	for (size_t i = 0; i < record->subject_count; i++) {
		const struct nvb_record_subject *subject = &record->subjects[i];

		add_member(sb, i ? ",\n    {" : "\n    {", "name", subject->name);
		add_member(sb, ", ", "what", subject->what);
		add_member(sb, ", ", "command", subject->command);
		nvb_sb_add(sb, "}");
	}
	nvb_sb_add(sb, record->subject_count ? "\n  ]" : "]");
}

static void add_series(struct nvb_strbuf *sb, const struct nvb_record_series *series)
{
	const struct nvb_metric *metric = nvb_metric_find(series->metric);

	add_member(sb, "{", "subject", series->subject);
	add_member(sb, ", ", "metric", series->metric);
	add_member(sb, ", ", "unit", metric && metric->unit == NVB_UNIT_NS ? "ns" : "1/s");
	nvb_sb_add(sb, ", \"values\": [");
	for (size_t i = 0; i < series->count; i++)
		if (isnan(series->values[i]))
			nvb_sb_add(sb, i ? ", null" : "null");
		else
			nvb_sb_addf(sb, i ? ", %.15g" : "%.15g", series->values[i]);
	nvb_sb_add(sb, "]}");
}

static void add_order(struct nvb_strbuf *sb, const struct nvb_record *record)
{
	nvb_sb_add(sb, ",\n  \"order\": [");
	for (size_t i = 0; i < record->order_count; i++)
		nvb_sb_addf(sb, i ? ", %u" : "%u", record->order[i]);
	nvb_sb_add(sb, "]");
}

int nvb_record_write(const struct nvb_record *record, char **text, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	char *written;

	nvb_sb_addf(&sb, "{\n  \"schema\": \"nvbind-benchmark\",\n  \"version\": %d", NVB_RECORD_VERSION);
	add_member(&sb, ",\n  ", "program", record->program);
	add_member(&sb, ",\n  ", "date", record->date);
	/* A string: not every reader of JSON keeps 64 bits. */
	nvb_sb_addf(&sb, ",\n  \"seed\": \"%" PRIu64 "\",\n  \"runs\": %u,\n  \"warm_up\": %u", record->seed,
		record->runs, record->warm_up);
	nvb_sb_addf(&sb, ",\n  \"gpu\": %s,\n  \"simulated\": %s", record->gpu ? "true" : "false",
		record->simulated ? "true" : "false");
	add_pairs(&sb, "host", record->host, record->host_count, "key", "value");
	add_subjects(&sb, record);
	nvb_sb_add(&sb, ",\n  \"series\": [");
	for (size_t i = 0; i < record->series_count; i++) {
		nvb_sb_add(&sb, i ? ",\n    " : "\n    ");
		add_series(&sb, &record->series[i]);
	}
	nvb_sb_add(&sb, record->series_count ? "\n  ]" : "]");
	add_order(&sb, record);
	add_pairs(&sb, "not_measured", record->absent, record->absent_count, "what", "reason");
	nvb_sb_add(&sb, "\n}\n");
	written = nvb_sb_finish(&sb);
	if (!written)
		return nvb_fail_oom(err);
	*text = written;
	return 0;
}
