/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/cpulist.h"
#include "base/str.h"
#include "knob/dial.h"
#include "knob/record.h"

static void lists_of_cpus(void **state)
{
	static const struct {
		const char *a, *b, *common;
	} cases[] = {
		{"0-3,8", "2-9", "2-3,8"},
		{"0", "0", "0"},
		{"5", "6", ""},
		{"0-63,64-127", "63-64", "63-64"},
		{"", "1", ""},
	};
	static const char *const wrong[] = {"a", "3-1", "1-", "-1", "99999999"};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_cpulist_ struct nvb_cpulist a = {0}, b = {0};
		_cleanup_free_ char *text = NULL;

		assert_true(nvb_cpulist_add(&a, cases[i].a) && nvb_cpulist_add(&b, cases[i].b));
		nvb_cpulist_intersect(&a, &b);
		text = nvb_cpulist_format(&a);
		assert_string_equal(text, cases[i].common);
		assert_int_equal(nvb_cpulist_is_empty(&a), !*cases[i].common);
	}
	for (size_t i = 0; i < NVB_ELEMENTS(wrong); i++) {
		_cleanup_cpulist_ struct nvb_cpulist list = {0};

		assert_false(nvb_cpulist_add(&list, wrong[i]));
	}
}

/* What a wish comes to on a card of 450 W that takes 150 to 600, and reaches 3000 MHz. */
static void wishes(void **state)
{
	static const struct {
		enum nvb_knob knob;
		const char *wish, *target; /* NULL: refused */
	} cases[] = {
		{NVB_KNOB_POWER_LIMIT, "maximum", "600000"},
		{NVB_KNOB_POWER_LIMIT, "minimum", "150000"},
		{NVB_KNOB_POWER_LIMIT, "default", "450000"},
		{NVB_KNOB_POWER_LIMIT, "80%", "360000"},
		{NVB_KNOB_POWER_LIMIT, "10%", "150000"},
		{NVB_KNOB_POWER_LIMIT, "300W", "300000"},
		{NVB_KNOB_POWER_LIMIT, "601W", NULL},
		{NVB_KNOB_POWER_LIMIT, "149W", NULL},
		{NVB_KNOB_POWER_LIMIT, "0W", NULL},
		{NVB_KNOB_GPU_CLOCKS, "maximum", "3000-3000"},
		{NVB_KNOB_GPU_CLOCKS, "1500MHz", "1500-1500"},
		{NVB_KNOB_GPU_CLOCKS, "1500-9000MHz", "1500-3000"},
		{NVB_KNOB_GPU_CLOCKS, "4000MHz", NULL},
		{NVB_KNOB_GPU_CLOCKS, "default", NVB_KNOB_UNLOCKED},
		{NVB_KNOB_PERSISTENCE, "on", "1"},
		{NVB_KNOB_PERSISTENCE, "yes", NULL},
		{NVB_KNOB_COMPUTE_MODE, "exclusive-process", "3"},
		{NVB_KNOB_CPU_GOVERNOR, "performance", "performance"},
		{NVB_KNOB_CPU_GOVERNOR, "../x", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		struct nvb_knob_state card = {.least = 150000, .most = 600000, .normal = 450000};
		_cleanup_error_ nvb_error *err = NULL;
		_cleanup_free_ char *target = NULL;
		uint64_t strength;
		int rc;

		if (cases[i].knob == NVB_KNOB_GPU_CLOCKS)
			card = (struct nvb_knob_state){.most = 3000};
		rc = nvb_knob_resolve(cases[i].knob, cases[i].wish, &card, &target, &strength, &err);
		assert_int_equal(rc == 0, cases[i].target != NULL);
		if (rc == 0)
			assert_string_equal(target, cases[i].target);
		else
			assert_true(*nvb_error_message(err) != '\0');
	}
	assert_true(nvb_knob_is_at("policy0=performance,policy4=performance", "performance"));
	assert_false(nvb_knob_is_at("policy0=performance,policy4=powersave", "performance"));
}

#define WHOLE "knob power-limit\ndevice a\nboot b\nold 1\nset 1\nbefore 1\n"

static void records(void **state)
{
	static const char *const text =
		"knob power-limit\ndevice 0000:01:00.0\nboot b\nold 450000\nset 600000\nbefore 450000\n"
		"user 12 34 bolt abc /run/x maximum\nuser 13 35 bolt d - 80%\n";
	static const char *const wrong[] = {"", "knob x\n", "knob power-limit\n", "user 1\n",
		"knob power-limit\ndevice a/b\nboot b\nold 1\nset 1\nbefore 1\n", WHOLE "user 0 1 a b - c\n",
		WHOLE "user 1 1 a b - c d\n", WHOLE "device b\n"};
	_cleanup_knob_record_ struct nvb_knob_record record = {0};
	_cleanup_free_ char *again = NULL;

	(void)state;
	assert_int_equal(nvb_knob_record_parse(text, &record, NULL), 0);
	assert_int_equal(record.user_count, 2);
	assert_string_equal(record.users[0].runtime_state, "/run/x");
	assert_null(record.users[1].runtime_state);
	again = nvb_knob_record_format(&record);
	assert_string_equal(again, text);
	nvb_knob_record_drop(&record, 0);
	assert_string_equal(record.users[0].container, "d");
	for (size_t i = 0; i < NVB_ELEMENTS(wrong); i++) {
		struct nvb_knob_record none = {0};

		assert_int_equal(nvb_knob_record_parse(wrong[i], &none, NULL), -NVB_ERR_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_cpus), cmocka_unit_test(wishes), cmocka_unit_test(records)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
