/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "fuzz.h"
#include "monitor/history.h"
#include "monitor/record.h"
#include "monitor/view.h"

/* A line of a log from anywhere: what is accepted can be shown, and written reads back as the same. */

static char *json_of(const nvb_sample *sample)
{
	struct nvb_strbuf sb = {0};

	nvb_record_json(&sb, sample);
	FUZZ_CHECK(!sb.failed);
	return nvb_sb_finish(&sb);
}

static void show(const nvb_sample *sample)
{
	const struct nvb_view_choice choice = {.sort = NVB_SORT_OWNER, .gpu = SIZE_MAX, .filter = "a"};
	const struct nvb_csv_choice csv = {.rows = NVB_CSV_PROCESSES};
	struct nvb_history history = {0};
	struct nvb_strbuf sb = {0};
	struct nvb_view_row *rows = NULL;
	struct nvb_view_line *lines = NULL;
	char text[64];
	size_t count;

	nvb_record_csv(&sb, sample, &csv);
	nvb_sb_release(&sb);
	FUZZ_CHECK(nvb_view_processes(sample, &choice, &rows, &count));
	free(rows);
	FUZZ_CHECK(nvb_view_lines(sample, true, &lines, &count));
	for (size_t i = 0; i < count; i++) {
		nvb_view_users(sample, lines[i].gpu, lines[i].mig, text, sizeof(text));
		nvb_view_throttle(nvb_sample_value(sample, lines[i].gpu, NVB_METRIC_THROTTLE_REASONS), text,
			sizeof(text));
		for (int m = 0; m < NVB_METRIC_COUNT; m++)
			nvb_view_value(nvb_sample_value(sample, lines[i].gpu, (enum nvb_metric)m),
				(enum nvb_metric)m, text);
	}
	free(lines);
	FUZZ_CHECK(nvb_history_add(&history, sample));
	nvb_history_release(&history);
}

static nvb_sample *read_again(const nvb_sample *sample)
{
	nvb_sample *again = NULL;
	char *text = json_of(sample);

	FUZZ_CHECK(nvb_record_read(text, strlen(text), &again, NULL) == 0);
	free(text);
	return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	nvb_sample *sample = NULL, *again, *third;
	nvb_error *err = NULL;
	char *first, *second;

	if (nvb_record_read((const char *)data, size, &sample, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		nvb_error_free(err);
		return 0;
	}
	show(sample);
	/* What is no UTF-8 is written as what stands for it, once. */
	again = read_again(sample);
	third = read_again(again);
	first = json_of(again);
	second = json_of(third);
	FUZZ_CHECK(strcmp(first, second) == 0);
	free(first);
	free(second);
	nvb_sample_unref(sample);
	nvb_sample_unref(again);
	nvb_sample_unref(third);
	return 0;
}
