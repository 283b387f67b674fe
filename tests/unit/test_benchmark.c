/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "benchmark/analysis.h"
#include "benchmark/bundle.h"
#include "benchmark/chart.h"
#include "benchmark/metric.h"
#include "benchmark/record.h"
#include "benchmark/report.h"
#include "benchmark/start.h"
#include "benchmark/statistics.h"

static bool near(double a, double b, double tolerance)
{
	return fabs(a - b) <= tolerance;
}

/* --- random numbers --- */

static void test_random(void **state)
{
	struct nvb_random random, again;
	uint32_t list[100], seen[6] = {0};
	bool moved = false;

	(void)state;
	/* splitmix64 and xoshiro256** as their authors publish them, started from 0: computed apart in
	 * Python. */
	nvb_random_seed(&random, 0);
	assert_true(random.state[0] == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(random.state[1] == UINT64_C(0x6e789e6aa1b965f4));
	assert_true(nvb_random_next(&random) == UINT64_C(0x99ec5f36cb75f2b4));
	assert_true(nvb_random_next(&random) == UINT64_C(0xbf6e1f784956452a));
	nvb_random_seed(&random, 7);
	nvb_random_seed(&again, 7);
	for (int i = 0; i < 6000; i++) {
		uint32_t drawn = nvb_random_below(&random, 6);

		assert_int_equal(drawn, nvb_random_below(&again, 6));
		assert_true(drawn < 6);
		seen[drawn]++;
	}
	for (int i = 0; i < 6; i++)
		assert_true(seen[i] > 850 && seen[i] < 1150);
	for (uint32_t i = 0; i < 100; i++)
		list[i] = i;
	nvb_random_shuffle(&random, list, 100);
	for (uint32_t i = 0; i < 100; i++) {
		bool there = false;

		for (uint32_t j = 0; j < 100; j++)
			there |= list[j] == i;
		assert_true(there);
		moved |= list[i] != i;
	}
	assert_true(moved);
	assert_int_equal(nvb_random_below(&random, 1), 0);
}

/* --- statistics --- */

static void test_quantiles(void **state)
{
	double values[] = {9, 1, 3, 7, 5, 8, 2, 4, 10, 6}, one[] = {42};

	(void)state;
	nvb_statistics_sort(values, 10);
	/* R: quantile(1:10, c(0, .25, .5, .95, .99, 1)), numpy.percentile's default as well. */
	assert_true(near(nvb_statistics_quantile(values, 10, 0), 1, 1e-12));
	assert_true(near(nvb_statistics_quantile(values, 10, 0.25), 3.25, 1e-12));
	assert_true(near(nvb_statistics_quantile(values, 10, 0.5), 5.5, 1e-12));
	assert_true(near(nvb_statistics_quantile(values, 10, 0.95), 9.55, 1e-12));
	assert_true(near(nvb_statistics_quantile(values, 10, 0.99), 9.91, 1e-12));
	assert_true(near(nvb_statistics_quantile(values, 10, 1), 10, 1e-12));
	assert_true(near(nvb_statistics_quantile(one, 1, 0.99), 42, 1e-12));
}

/* Of many samples from one distribution the interval must hold its median about as often as it says. */
static void test_bootstrap(void **state)
{
	enum { SAMPLES = 120, SIZE = 40 };
	struct nvb_random draw, random;
	struct nvb_estimate estimate = {0, 0, 0}, again;
	double values[SIZE];
	int held = 0;

	(void)state;
	nvb_random_seed(&draw, 3);
	nvb_random_seed(&random, 4);
	for (int s = 0; s < SAMPLES; s++) {
		for (int i = 0; i < SIZE; i++) /* exponential: median ln 2 */
			values[i] = -log(((double)(nvb_random_next(&draw) >> 11) + 0.5) / 9007199254740992.0);
		nvb_statistics_sort(values, SIZE);
		assert_int_equal(nvb_statistics_estimate(values, SIZE, 0.5, &random, &estimate, NULL), 0);
		assert_true(estimate.low <= estimate.value && estimate.value <= estimate.high);
		held += estimate.low <= log(2) && log(2) <= estimate.high;
	}
	assert_true(held >= SAMPLES * 88 / 100 && held < SAMPLES);
	/* The same seed, the same interval; values that do not vary, none. */
	nvb_random_seed(&random, 9);
	nvb_statistics_estimate(values, SIZE, 0.95, &random, &estimate, NULL);
	nvb_random_seed(&random, 9);
	nvb_statistics_estimate(values, SIZE, 0.95, &random, &again, NULL);
	assert_true(near(estimate.low, again.low, 0) && near(estimate.high, again.high, 0));
	for (int i = 0; i < SIZE; i++)
		values[i] = 5;
	nvb_statistics_estimate(values, SIZE, 0.5, &random, &estimate, NULL);
	assert_true(near(estimate.low, 5, 0) && near(estimate.high, 5, 0));
}

static void test_difference(void **state)
{
	double a[50], b[50];
	struct nvb_estimate estimate;
	struct nvb_random random;

	(void)state;
	nvb_random_seed(&random, 1);
	for (int i = 0; i < 50; i++) {
		a[i] = 100 + i;
		b[i] = 130 + i;
	}
	assert_int_equal(nvb_statistics_difference(a, 50, b, 50, &random, &estimate, NULL), 0);
	assert_true(near(estimate.value, 30, 1e-9));
	assert_true(estimate.low > 15 && estimate.low < 30 && estimate.high > 30 && estimate.high < 45);
}

static void test_rank_test(void **state)
{
	/* Mann and Whitney's own question: with 3 against 4 and all of a below, U = 0 and p = 2/35. */
	const double low[] = {1, 2, 3}, high[] = {4, 5, 6, 7};
	/* Computed apart: of the 252 ways to take 5 of these 10, 7 give a U of at most 3; with ties U = 7.5,
	 * and p by the normal approximation with corrections for ties and continuity. */
	const double x[] = {1.1, 2.3, 2.9, 4.4, 5.0}, y[] = {3.1, 4.9, 5.6, 6.1, 7.7};
	const double tied_x[] = {1, 2, 2, 3, 5}, tied_y[] = {2, 3, 3, 4, 5};
	const double equal[] = {4, 4, 4};
	struct nvb_rank_test test;
	double many_a[60], many_b[60];

	(void)state;
	assert_int_equal(nvb_statistics_rank_test(low, 3, high, 4, &test, NULL), 0);
	assert_true(
		test.exact && near(test.u, 0, 0) && near(test.p, 2.0 / 35, 1e-12) && near(test.delta, 1, 0));
	nvb_statistics_rank_test(high, 4, low, 3, &test, NULL);
	assert_true(near(test.u, 12, 0) && near(test.p, 2.0 / 35, 1e-12) && near(test.delta, -1, 0));
	nvb_statistics_rank_test(x, 5, y, 5, &test, NULL);
	assert_true(test.exact && near(test.u, 3, 0) && near(test.p, 14.0 / 252, 1e-12));
	nvb_statistics_rank_test(tied_x, 5, tied_y, 5, &test, NULL);
	assert_true(!test.exact && near(test.u, 7.5, 0) && near(test.p, 0.33366648508, 1e-9));
	assert_true(near(test.delta, 0.4, 1e-12));
	nvb_statistics_rank_test(equal, 3, equal, 3, &test, NULL);
	assert_true(near(test.p, 1, 0) && near(test.delta, 0, 0));
	for (int i = 0; i < 60; i++) {
		many_a[i] = i;
		many_b[i] = i + 30.5;
	}
	nvb_statistics_rank_test(many_a, 60, many_b, 60, &test, NULL);
	assert_true(!test.exact && test.p < 1e-9 && test.delta > 0.7);
	nvb_statistics_rank_test(many_a, 60, many_a, 60, &test, NULL);
	assert_true(test.p > 0.99);
}

/* --- records --- */

static void make_record(struct nvb_record *record)
{
	const double bolt[] = {10e6, 11e6, 12e6, NAN}, docker[] = {200e6, 210e6, 220e6, 230e6};
	const uint32_t order[] = {0, 1, 1, 0, 1, 0, 0, 1};

	record->program = nvb_arena_strdup(&record->arena, "nvbind benchmark <1>");
	record->date = nvb_arena_strdup(&record->arena, "2026-01-02T03:04:05Z");
	record->seed = UINT64_MAX;
	record->runs = 4;
	record->gpu = record->simulated = true;
	assert_int_equal(nvb_record_add_host(record, "processors", "two \"fast\"\x1b[31m ones", NULL), 0);
	assert_int_equal(nvb_record_add_subject(record, "bolt", "bolt 1", "bolt 'a b'", NULL), 0);
	assert_int_equal(nvb_record_add_subject(record, "docker", "docker 2", "docker", NULL), 0);
	assert_int_equal(nvb_record_add_series(record, "bolt", "total", bolt, 4, NULL), 0);
	assert_int_equal(nvb_record_add_series(record, "docker", "total", docker, 4, NULL), 0);
	assert_int_equal(nvb_record_add_absent(record, "input", "no uinput", NULL), 0);
	record->order = nvb_arena_memdup(&record->arena, order, sizeof(order));
	record->order_count = 8;
}

static void test_record_round_trip(void **state)
{
	_cleanup_record_ struct nvb_record record = {.program = NULL}, read = {.program = NULL};
	_cleanup_free_ char *text = NULL, *again = NULL;
	const struct nvb_record_series *series;

	(void)state;
	make_record(&record);
	assert_int_equal(nvb_record_write(&record, &text, NULL), 0);
	assert_int_equal(nvb_record_read(text, strlen(text), &read, NULL), 0);
	assert_true(read.seed == UINT64_MAX && read.runs == 4 && read.gpu && read.simulated);
	series = nvb_record_find(&read, "bolt", "total");
	assert_non_null(series);
	assert_int_equal(series->count, 4);
	assert_true(near(series->values[1], 11e6, 0) && isnan(series->values[3]));
	assert_int_equal(nvb_record_write(&read, &again, NULL), 0);
	assert_string_equal(text, again);
}

/* What stands in the place of a text, and how that is refused. */
static void test_record_refused(void **state)
{
	static const struct {
		const char *from, *to, *says;
	} cases[] = {
		{"nvbind-benchmark\"", "other\"", "no record of a benchmark"},
		{"\"version\": 1", "\"version\": 2", "version 2 of the schema"},
		{"\"runs\": 4", "\"runs\": 3", "order"},
		{"\"runs\": 4", "\"runs\": -4", "no number of 0 to"},
		{"\"runs\": 4", "\"ruins\": 4", "no such member"},
		{"\"runs\": 4,", "", "\"runs\" is missing"},
		{"\"total\", \"unit\": \"ns\"", "\"total\", \"unit\": \"1/s\"", "not its unit"},
		{"\"metric\": \"total\"", "\"metric\": \"speed\"", "no metric 'speed'"},
		{"{\"subject\": \"bolt\"", "{\"subject\": \"nobody\"", "no subject 'nobody'"},
		{"10000000", "-1", "no measured number is -1"},
		{"10000000", "1e30", "no measured number is 1e30"},
		{"10000000", "\"fast\"", "neither a number nor null"},
		{"[10000000, 11000000, 12000000, null]", "[null]", "it needs 1 to"},
		{"\"order\": [0, 1,", "\"order\": [0, 0,", "twice"},
		{"\"order\": [0, 1,", "\"order\": [0, 9,", "no subject 9"},
		{"\"seed\": \"18446744073709551615\"", "\"seed\": \"-\"", "64 bits"},
		{"\"name\": \"docker\"", "\"name\": \"bolt\"", "a second one"},
		{"\"name\": \"docker\"", "\"name\": \"doc\\u001b[2Jker\"", "a name that no subject has"},
		{"\"gpu\": true", "\"gpu\": 1", "gpu"},
	};
	_cleanup_record_ struct nvb_record record = {.program = NULL};
	_cleanup_free_ char *text = NULL;

	(void)state;
	make_record(&record);
	assert_int_equal(nvb_record_write(&record, &text, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *at = strstr(text, cases[i].from);
		_cleanup_error_ nvb_error *err = NULL;
		struct nvb_record read = {.program = NULL};
		struct nvb_strbuf sb = {0};

		assert_non_null(at);
		nvb_sb_addn(&sb, text, (size_t)(at - text));
		nvb_sb_add(&sb, cases[i].to);
		nvb_sb_add(&sb, at + strlen(cases[i].from));
		assert_true(nvb_record_read(sb.s, sb.len, &read, &err) < 0);
		if (!strstr(nvb_error_message(err), cases[i].says))
			fail_msg("case %zu: %s", i, nvb_error_message(err));
		assert_null(read.program);
		nvb_sb_release(&sb);
	}
}

static void test_analysis(void **state)
{
	_cleanup_record_ struct nvb_record record = {.program = NULL};
	_cleanup_analysis_ struct nvb_analysis analysis = {NULL, 0}, again = {NULL, 0};
	const double plain[] = {180e6, 190e6};

	(void)state;
	make_record(&record);
	nvb_record_add_subject(&record, "docker-plain", "", "", NULL);
	nvb_record_add_series(&record, "docker-plain", "total", plain, 2, NULL);
	assert_int_equal(nvb_analyse(&record, &analysis, NULL), 0);
	assert_int_equal(nvb_analyse(&record, &again, NULL), 0);
	assert_int_equal(analysis.count, 3);
	assert_true(near(analysis.rows[0].p50.value, 11e6, 0) && analysis.rows[0].count == 3);
	assert_null(analysis.rows[0].first);
	assert_ptr_equal(analysis.rows[1].first, &analysis.rows[0]);
	assert_true(near(analysis.rows[1].difference.value, 215e6 - 11e6, 1) && analysis.rows[1].test.exact);
	/* One without GPUs is compared with the same one with them. */
	assert_ptr_equal(analysis.rows[2].first, &analysis.rows[1]);
	for (size_t i = 0; i < 3; i++)
		assert_true(near(analysis.rows[i].p95.low, again.rows[i].p95.low, 0));
}

static void test_reports(void **state)
{
	_cleanup_record_ struct nvb_record record = {.program = NULL};
	_cleanup_free_ char *text = NULL, *svg = NULL, *html = NULL;

	(void)state;
	make_record(&record);
	assert_int_equal(nvb_report_text(&record, &text, NULL), 0);
	assert_non_null(strstr(text, "SIMULATED"));
	assert_non_null(strstr(text, "no uinput"));
	assert_non_null(strstr(text, "204.0 ms more than bolt"));
	assert_null(strchr(text, '\x1b'));
	assert_int_equal(nvb_chart_svg(&record, &svg, NULL), 0);
	assert_non_null(strstr(svg, "SIMULATED"));
	assert_non_null(strstr(svg, "&lt;1&gt;"));
	assert_int_equal(nvb_chart_html(&record, &html, NULL), 0);
	assert_null(strstr(html, "http://www.w3.org/1999"));
	assert_null(strstr(html, "src="));
	assert_null(strchr(html, '\x1b'));
}

/* --- what programs write --- */

static void test_start_report(void **state)
{
	static const char good[] =
		"hello\nnvbind-benchmark first 100 clock time:[1] begin 150 end 170 gpus 8\n";
	struct nvb_start_times times = {0};
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_start_read_report(good, true, "time:[1]", &times, NULL), 0);
	assert_true(times.first == 100 && times.gpu_begin == 150 && times.gpu_end == 170 && times.gpus == 8);
	assert_true(nvb_start_read_report(good, true, "time:[2]", &times, &err) == -NVB_ERR_UNSUPPORTED);
	assert_true(nvb_start_read_report("nvbind-benchmark first 1 clock x", true, "x", &times, NULL) < 0);
	assert_int_equal(
		nvb_start_read_report("nvbind-benchmark first 1 clock x", false, "x", &times, NULL), 0);
	assert_true(nvb_start_read_report("", false, NULL, &times, NULL) < 0);
	assert_true(nvb_start_read_report("nvbind-benchmark first", false, NULL, &times, NULL) < 0);
	assert_true(nvb_start_read_report("nvbind-benchmark first -1 clock", false, NULL, &times, NULL) < 0);
}

static void test_start_log(void **state)
{
	static const char log[] =
		"{\"time\":\"2026-11-23T00:00:00.001000Z\",\"level\":\"debug\",\"message\":\"configuration\"}"
		"\n"
		"not JSON\n"
		"{\"time\":\"2026-11-23T00:00:00.003000Z\",\"message\":\"GPUs are planned\"}\n"
		"{\"time\":\"2026-11-23T00:00:00.007000Z\",\"message\":\"the root is mounted\"}\n"
		"{\"time\":\"2026-11-23T00:00:00.007500Z\",\"message\":\"the bundle is written\"}\n";
	const uint64_t spawned = UINT64_C(1795392000000000000);

	(void)state;
	/* 3 ms until planned, half a millisecond for the bundle. */
	assert_true(nvb_start_read_log(log, strlen(log), spawned) == 3500000);
	assert_true(nvb_start_read_log(log, 150, spawned) == 0);
	assert_true(nvb_start_read_log("", 0, spawned) == 0);
}

static void test_bundle(void **state)
{
	static const char config[] =
		"{\"ociVersion\":\"1.0.0\",\"process\":{\"args\":[\"sleep\",\"5\"],\"env\":[\"A=1\","
		"\"NVIDIA_VISIBLE_DEVICES=void\",\"B=\\\"\"],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
		"\"linux\":{\"cgroupsPath\":\"/bolt/x\"}}";
	const char *const args[] = {"/first", "start", NULL};
	struct nvb_bundle_change change = {.args = args, .root = "/run/w/rootfs", .cgroup = "/bench"};
	_cleanup_free_ char *plain = NULL, *asked = NULL;
	_cleanup_error_ nvb_error *err = NULL;
	char *none = NULL;

	(void)state;
	assert_int_equal(nvb_bundle_change(config, strlen(config), &change, &plain, NULL), 0);
	assert_string_equal(plain,
		"{\"ociVersion\":\"1.0.0\",\"process\":{\"args\":[\"/first\",\"start\"],\"env\":[\"A=1\","
		"\"NVIDIA_VISIBLE_DEVICES=void\",\"B=\\\"\"],\"cwd\":\"/\"},\"root\":{\"path\":\"/run/w/"
		"rootfs\"},"
		"\"linux\":{\"cgroupsPath\":\"/bench\"}}");
	change.ask_for_gpus = true;
	assert_int_equal(nvb_bundle_change(config, strlen(config), &change, &asked, NULL), 0);
	assert_non_null(
		strstr(asked, "\"env\":[\"NVIDIA_VISIBLE_DEVICES=all\",\"NVIDIA_DRIVER_CAPABILITIES=compute,"
			      "utility\",\"A=1\",\"B=\\\"\"]"));
	assert_true(nvb_bundle_change("{\"process\":{", strlen("{\"process\":{"), &change, &none, &err) < 0);
	assert_null(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_bootstrap),
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_rank_test),
		cmocka_unit_test(test_record_round_trip),
		cmocka_unit_test(test_record_refused),
		cmocka_unit_test(test_analysis),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_start_report),
		cmocka_unit_test(test_start_log),
		cmocka_unit_test(test_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
