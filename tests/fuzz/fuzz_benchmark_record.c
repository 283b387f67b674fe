/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "benchmark/metric.h"
#include "benchmark/record.h"
#include "benchmark/report.h"
#include "fuzz.h"

static void check_series(const struct nvb_record *record, const struct nvb_record_series *series)
{
	size_t numbers = 0;

	FUZZ_CHECK(nvb_metric_find(series->metric) &&
		   nvb_record_find(record, series->subject, series->metric) == series);
	for (size_t i = 0; i < series->count; i++) {
		FUZZ_CHECK(isnan(series->values[i]) || series->values[i] >= 0);
		numbers += isnan(series->values[i]) ? 0 : 1;
	}
	FUZZ_CHECK(numbers && numbers <= NVB_RECORD_RUNS);
}

/* Raw numbers of a benchmark: what is accepted is whole, can be reported, and reads the same when it is
 * written again; what is refused gives one line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_record_ struct nvb_record record = {.program = NULL}, again = {.program = NULL};
	_cleanup_free_ char *written = NULL, *twice = NULL, *text = NULL;
	_cleanup_error_ nvb_error *err = NULL;
	size_t numbers = 0;

	if (nvb_record_read((const char *)data, size, &record, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n') && !record.program && !record.series);
		return 0;
	}
	FUZZ_CHECK(record.program && record.date && record.subject_count <= NVB_RECORD_SUBJECTS);
	for (size_t i = 0; i < record.series_count; i++) {
		check_series(&record, &record.series[i]);
		numbers += record.series[i].count;
	}
	for (size_t i = 0; i < record.order_count; i++)
		FUZZ_CHECK(record.order[i] < record.subject_count);
	FUZZ_CHECK(nvb_record_write(&record, &written, NULL) == 0);
	FUZZ_CHECK(nvb_record_read(written, strlen(written), &again, NULL) == 0);
	FUZZ_CHECK(nvb_record_write(&again, &twice, NULL) == 0 && strcmp(written, twice) == 0);
	/* Bootstrapping takes its time; what it does depends on how many there are, not on which. */
	if (numbers <= 8)
		FUZZ_CHECK(nvb_report_text(&record, &text, NULL) == 0 && text);
	return 0;
}
