/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's parameters as a container shall see them. */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "container/params.h"

static char *masked(const char *text)
{
	char path[] = "/tmp/nvb-test-params-XXXXXX";
	int fd = mkstemp(path);
	char *out = NULL;

	assert_true(fd >= 0);
	assert_int_equal(nvb_write_all(fd, text, strlen(text)), 0);
	close(fd);
	assert_int_equal(nvb_params_read(path, &out, NULL), 0);
	unlink(path);
	return out;
}

static void the_switch_is_turned(void **state _unused_)
{
	_cleanup_free_ char *middle = masked("A: 4294967295\nModifyDeviceFiles: 1\nDeviceFileUID: 0\n");
	_cleanup_free_ char *last = masked("ModifyDeviceFiles: 1");

	assert_string_equal(middle, "A: 4294967295\nModifyDeviceFiles: 0\nDeviceFileUID: 0\n");
	assert_string_equal(last, "ModifyDeviceFiles: 0");
}

static void what_says_no_already_stays(void **state _unused_)
{
	assert_null(masked("ModifyDeviceFiles: 0\n"));
	assert_null(masked(""));
	assert_null(masked("ModifyDeviceFiles: 10\n"));
	assert_null(masked("NotModifyDeviceFiles: 1\n"));
	assert_null(masked("ModifyDeviceFiles:1\n"));
}

static void no_driver_no_parameters(void **state _unused_)
{
	_cleanup_error_ nvb_error *err = NULL;
	char *text = NULL;

	assert_int_equal(nvb_params_read("/nowhere/params", &text, &err), 0);
	assert_null(text);
	assert_null(err);
	assert_true(nvb_params_read("/tmp", &text, &err) < 0);
	assert_null(text);
	assert_non_null(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_switch_is_turned),
		cmocka_unit_test(what_says_no_already_stays),
		cmocka_unit_test(no_driver_no_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
