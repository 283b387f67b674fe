/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "supervisor/health.h"

/* What follows from a capsule's health checks; the checks themselves run in
 * tests/integration/capsule_health.sh. */

static const struct nvb_health_check none;

static void the_user_stands_over_the_image(void **state)
{
	char *command[] = {(char *)"true", NULL}, *empty[] = {NULL};
	const struct nvb_health_check image = {.shell = "image", .interval = 7, .retries = 9};
	const struct nvb_health_check user = {.command = command, .interval = 5};
	const struct nvb_health_check no = {.disabled = true}, only_interval = {.interval = 3};
	const struct nvb_health_check image_says_none = {.disabled = true};
	const struct nvb_health_check nothing = {.command = empty};
	struct nvb_health_check check;

	(void)state;
	assert_false(nvb_health_resolve(&none, &none, &check));
	assert_false(nvb_health_resolve(&none, NULL, &check));
	assert_false(nvb_health_resolve(&nothing, NULL, &check));
	assert_false(nvb_health_resolve(&no, &image, &check));
	assert_false(nvb_health_resolve(&none, &image_says_none, &check));
	assert_true(nvb_health_resolve(&user, &image_says_none, &check));
	assert_true(nvb_health_resolve(&user, &image, &check));
	assert_ptr_equal(check.command, command);
	assert_null(check.shell);
	assert_int_equal(check.interval, 5);
	assert_int_equal(check.retries, 9);
	assert_int_equal(check.timeout, 30000000000);
	assert_true(nvb_health_resolve(&only_interval, &image, &check));
	assert_string_equal(check.shell, "image");
	assert_int_equal(check.interval, 3);
}

static void add(struct nvb_health_report *report, int status, bool starting)
{
	const struct nvb_health_check check = {.retries = 3};

	nvb_health_add(report, &check,
		(struct nvb_health_result){.status = status, .output = strdup("said\n\x01")}, starting);
}

static void failures_in_a_row_count(void **state)
{
	struct nvb_health_report report = {.state = NVB_HEALTH_STARTING};

	(void)state;
	add(&report, 1, false);
	add(&report, 1, false);
	assert_int_equal(report.state, NVB_HEALTH_STARTING);
	add(&report, 0, false);
	assert_int_equal(report.state, NVB_HEALTH_HEALTHY);
	assert_int_equal(report.failures, 0);
	add(&report, -1, false);
	add(&report, 2, false);
	assert_int_equal(report.state, NVB_HEALTH_HEALTHY);
	add(&report, 137, false);
	assert_int_equal(report.state, NVB_HEALTH_UNHEALTHY);
	/* The last five are kept. */
	assert_int_equal(report.count, NVB_HEALTH_RESULTS);
	assert_int_equal(report.results[0].status, 1);
	assert_int_equal(report.results[4].status, 137);
	add(&report, 0, false);
	assert_int_equal(report.state, NVB_HEALTH_HEALTHY);
	nvb_health_report_release(&report);
}

static void starting_may_take_time(void **state)
{
	struct nvb_health_report report = {.state = NVB_HEALTH_STARTING};

	(void)state;
	for (int i = 0; i < 10; i++)
		add(&report, 1, true);
	assert_int_equal(report.state, NVB_HEALTH_STARTING);
	assert_int_equal(report.failures, 0);
	add(&report, 0, true);
	for (int i = 0; i < 3; i++)
		add(&report, 1, true);
	assert_int_equal(report.state, NVB_HEALTH_UNHEALTHY);
	nvb_health_report_release(&report);
}

static void as_docker_writes_it(void **state)
{
	struct nvb_health_report report = {.state = NVB_HEALTH_STARTING};
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	(void)state;
	nvb_health_json(&report, &text);
	assert_string_equal(text.s, "{\"Status\": \"starting\", \"FailingStreak\": 0, \"Log\": []}");
	nvb_sb_release(&text);
	text = (struct nvb_strbuf){0};
	add(&report, 7, false);
	nvb_health_json(&report, &text);
	assert_non_null(strstr(text.s, "\"ExitCode\": 7, \"Output\": \"said\\n\\u0001\"}]}"));
	nvb_health_report_release(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_user_stands_over_the_image),
		cmocka_unit_test(failures_in_a_row_count),
		cmocka_unit_test(starting_may_take_time),
		cmocka_unit_test(as_docker_writes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
