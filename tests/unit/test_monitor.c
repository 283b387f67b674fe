/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "cmocka_all.h"
#include "monitor/history.h"
#include "monitor/record.h"
#include "monitor/view.h"
#include "sampler/sample.h"

/* How samples are shown and written down. */

static nvb_sample *sample_of(const char *line)
{
	_cleanup_error_ nvb_error *err = NULL;
	nvb_sample *sample = NULL;

	if (nvb_record_read(line, strlen(line), &sample, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return sample;
}

#define PROCESS(pid, owner, name, memory)                                                                  \
	"{\"pid\":" #pid ",\"kinds\":\"C\",\"command\":\"run " name "\",\"owner\":\"" owner                \
	"\",\"owner_id\":\"0123456789abcdef\",\"owner_name\":\"" name "\",\"values\":{\"memory\":" #memory \
	"}}"
#define SAMPLE                                                                                     \
	"{\"time_ns\":1795398177798288703,\"sequence\":2,\"gpus\":["                               \
	"{\"index\":0,\"state\":\"fine\",\"name\":\"A, \\\"B\\\"\",\"mig_mode\":false,"            \
	"\"values\":{\"utilization\":0.5,\"memory_used\":50,\"memory_total\":100,\"power\":null}," \
	"\"missing\":{\"power\":\"failed\"},\"ages_ns\":{\"utilization\":7},"                      \
	"\"processes\":[" PROCESS(30, "capsule", "trainer", 3221225472) "," PROCESS(               \
		20, "capsule", "web", 1073741824) "," PROCESS(10, "capsule", "trainer",            \
		1073741824) "]},"                                                                  \
			    "{\"index\":1,\"state\":\"lost\",\"reason\":\"gone\",\"values\":{},"   \
			    "\"processes\":null}]}"

static void amounts_are_short(void **state)
{
	static const struct {
		double bytes;
		const char *text;
	} cases[] = {{0, "0B"}, {1023, "1023B"}, {1024, "1.0K"}, {1023.99 * 1024, "1.0M"},
		{99.96 * 1024, "100K"}, {150754820096.0, "140G"}, {63963136000.0, "59.6G"}, {1e19, "8.7E"},
		{1e22, "8674E"}};
	char text[NVB_VIEW_CELL];

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++)
		assert_string_equal(nvb_view_bytes(cases[i].bytes, text), cases[i].text);
	assert_string_equal(nvb_view_value((struct nvb_value){.value = 0, .state = NVB_VALUE_FAILED},
				    NVB_METRIC_POWER, text),
		"n/a");
	assert_string_equal(nvb_view_value((struct nvb_value){.value = 0, .state = NVB_VALUE_KNOWN},
				    NVB_METRIC_POWER, text),
		"0W");
	/* Nor is a log that somebody wrote believed to fit. */
	nvb_view_value(
		(struct nvb_value){.value = 1e200, .state = NVB_VALUE_KNOWN}, NVB_METRIC_PCIE_RX_RATE, text);
	assert_int_equal(strlen(text), NVB_VIEW_CELL - 1);
	assert_string_equal(text + NVB_VIEW_CELL - 3, "/s");
}

static void users_are_summed_up(void **state)
{
	_cleanup_sample_ nvb_sample *sample = sample_of(SAMPLE);
	char text[256];

	(void)state;
	nvb_view_users(sample, 0, NVB_NO_MIG, text, sizeof(text));
	assert_string_equal(text, "trainer 4.0G, web 1.0G");
	nvb_view_users(sample, 1, NVB_NO_MIG, text, sizeof(text));
	assert_string_equal(text, "n/a");
	nvb_view_users(sample, 0, 3, text, sizeof(text));
	assert_string_equal(text, "");
	/* Too little room cuts, and no more. */
	nvb_view_users(sample, 0, NVB_NO_MIG, text, 10);
	assert_string_equal(text, "trainer 4");
}

static const char *order(
	const nvb_sample *sample, const struct nvb_view_choice *choice, char *out, size_t size)
{
	struct nvb_view_row *rows = NULL;
	size_t count, used = 0;

	*out = '\0';
	assert_true(nvb_view_processes(sample, choice, &rows, &count));
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(out + used, size - used, "%u ",
			nvb_sample_process(sample, rows[i].gpu, rows[i].process)->pid);
	free(rows);
	return out;
}

static void processes_are_sorted_and_chosen(void **state)
{
	_cleanup_sample_ nvb_sample *sample = sample_of(SAMPLE);
	struct nvb_view_choice choice = {.sort = NVB_SORT_PID, .gpu = SIZE_MAX};
	char text[128];

	(void)state;
	assert_string_equal(order(sample, &choice, text, sizeof(text)), "10 20 30 ");
	choice.reverse = true;
	assert_string_equal(order(sample, &choice, text, sizeof(text)), "30 20 10 ");
	choice = (struct nvb_view_choice){.sort = NVB_SORT_MEMORY, .gpu = SIZE_MAX};
	assert_string_equal(order(sample, &choice, text, sizeof(text)), "30 10 20 ");
	choice.sort = NVB_SORT_OWNER;
	assert_string_equal(order(sample, &choice, text, sizeof(text)), "30 10 20 ");
	choice.filter = "TRAIN";
	assert_string_equal(order(sample, &choice, text, sizeof(text)), "30 10 ");
	choice.filter = "20";
	assert_string_equal(order(sample, &choice, text, sizeof(text)), "20 ");
	choice.filter = NULL;
	choice.gpu = 1;
	assert_string_equal(order(sample, &choice, text, sizeof(text)), "");
}

static void what_is_not_known_is_not_zero(void **state)
{
	_cleanup_sample_ nvb_sample *sample = sample_of(SAMPLE);
	const struct nvb_csv_choice csv = {.rows = NVB_CSV_GPUS};
	struct nvb_strbuf json = {0}, text = {0};

	(void)state;
	assert_int_equal(nvb_sample_value(sample, 0, NVB_METRIC_POWER).state, NVB_VALUE_FAILED);
	assert_int_equal(nvb_sample_value(sample, 0, NVB_METRIC_FAN_SPEED).state, NVB_VALUE_UNSUPPORTED);
	assert_int_equal(nvb_sample_value(sample, 0, NVB_METRIC_UTILIZATION).age_ns, 7);
	nvb_record_json(&json, sample);
	assert_non_null(strstr(json.s, "\"power\":null"));
	assert_non_null(strstr(json.s, "\"power\":\"failed\""));
	assert_non_null(strstr(json.s, "\"processes\":null"));
	assert_non_null(strstr(json.s, "\"time\":\"2026-11-23T01:42:57.798288Z\""));
	nvb_record_csv(&text, sample, &csv);
	assert_non_null(strstr(text.s, ",0,,\"A, \"\"B\"\"\",,fine,,3,0.5,,"));
	assert_non_null(strstr(text.s, ",1,,,,lost,gone,,,,"));
	nvb_sb_release(&json);
	nvb_sb_release(&text);
}

static void csv_says_nothing_to_terminals(void **state)
{
	_cleanup_sample_ nvb_sample *sample =
		sample_of("{\"time_ns\":1,\"sequence\":2,\"gpus\":[{\"index\":0,\"state\":\"lost\","
			  "\"reason\":\"a\\u001b[2J\\u009b1J\\u00e4\\tb\",\"values\":{}}]}");
	const struct nvb_csv_choice csv = {.rows = NVB_CSV_GPUS};
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	(void)state;
	nvb_record_csv(&text, sample, &csv);
	assert_non_null(strstr(text.s, ",lost,a [2J 1J\xc3\xa4 b,"));
}

static void history_has_gaps(void **state)
{
	_cleanup_sample_ nvb_sample *sample = sample_of(SAMPLE);
	struct nvb_history history = {0};

	(void)state;
	assert_true(isnan(nvb_history_at(&history, 0, NVB_HISTORY_MEMORY, 0)));
	for (int i = 0; i < NVB_HISTORY_LENGTH + 3; i++)
		assert_true(nvb_history_add(&history, sample));
	assert_true(nvb_history_at(&history, 0, NVB_HISTORY_MEMORY, 0) == 0.5f);
	assert_true(nvb_history_at(&history, 0, NVB_HISTORY_UTILIZATION, NVB_HISTORY_LENGTH - 1) == 0.5f);
	assert_true(isnan(nvb_history_at(&history, 0, NVB_HISTORY_UTILIZATION, NVB_HISTORY_LENGTH)));
	assert_true(isnan(nvb_history_at(&history, 0, NVB_HISTORY_POWER, 0)));
	assert_true(isnan(nvb_history_at(&history, 1, NVB_HISTORY_MEMORY, 0)));
	assert_true(isnan(nvb_history_at(&history, 9, NVB_HISTORY_MEMORY, 0)));
	nvb_history_release(&history);
}

static void bad_lines_are_refused(void **state)
{
	static const char *const bad[] = {"", "{", "[]", "null", "{\"time_ns\":1}",
		"{\"time_ns\":1,\"gpus\":{}}", "{\"time_ns\":-1,\"gpus\":[]}", "{\"time_ns\":1,\"gpus\":[3]}",
		"{\"time_ns\":1,\"gpus\":[{\"index\":4294967296}]}",
		"{\"time_ns\":1,\"gpus\":[{\"values\":{\"power\":\"x\"}}]}",
		"{\"time_ns\":1,\"gpus\":[{\"values\":{\"power\":1e999}}]}",
		"{\"time_ns\":1,\"gpus\":[{\"processes\":[{\"mig\":0}]}]}",
		"{\"time_ns\":1,\"gpus\":[{\"processes\":7}]}",
		"{\"time_ns\":1,\"gpus\":[[[[[[[[[[[]]]]]]]]]]]}"};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		nvb_sample *sample = NULL;

		if (nvb_record_read(bad[i], strlen(bad[i]), &sample, &err) != -NVB_ERR_CORRUPT)
			fail_msg("taken: %s", bad[i]);
		assert_null(sample);
		assert_null(strchr(nvb_error_message(err), '\n'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_are_short),
		cmocka_unit_test(users_are_summed_up),
		cmocka_unit_test(processes_are_sorted_and_chosen),
		cmocka_unit_test(what_is_not_known_is_not_zero),
		cmocka_unit_test(csv_says_nothing_to_terminals),
		cmocka_unit_test(history_has_gaps),
		cmocka_unit_test(bad_lines_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
