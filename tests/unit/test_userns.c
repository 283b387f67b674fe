/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capsule/userns.h"
#include "cmocka_all.h"

static void ranges_have_their_ids_and_no_others(void **state)
{
	struct nvb_ids ids = {.count = 2, .capacity = 2};

	(void)state;
	ids.ranges = calloc(2, sizeof(*ids.ranges));
	assert_non_null(ids.ranges);
	ids.ranges[0].first = 0;
	ids.ranges[0].count = 1;
	ids.ranges[1].first = 100;
	ids.ranges[1].count = UINT32_MAX - 100;
	assert_true(nvb_ids_have(&ids, 0));
	assert_false(nvb_ids_have(&ids, 1));
	assert_false(nvb_ids_have(&ids, 99));
	assert_true(nvb_ids_have(&ids, 100));
	assert_true(nvb_ids_have(&ids, UINT32_MAX - 1));
	assert_false(nvb_ids_have(&ids, UINT32_MAX));
	nvb_ids_release(&ids);
	assert_false(nvb_ids_have(&ids, 0));
}

/* In a process of its own: what it enters it cannot leave. 0 as it should be, 2 where there are none. */
static int enter(void)
{
	char *narrow = NULL;
	nvb_error *err = NULL;
	struct nvb_ids users = {0}, groups = {0};
	int rc = nvb_userns_enter(&narrow, &err);

	if (rc < 0)
		return err && *nvb_error_message(err) && !narrow ? 2 : 1;
	if (geteuid() != 0 || getegid() != 0 || nvb_ids_read(&users, NVB_IDS_USERS, NULL) < 0 ||
		nvb_ids_read(&groups, NVB_IDS_GROUPS, NULL) < 0 || !nvb_ids_have(&users, 0) ||
		!nvb_ids_have(&groups, 0))
		return 1;
	/* Without a reason there are more than one's own; with one, of one kind at least there are not. */
	if (!narrow)
		return nvb_ids_have(&users, 1) && nvb_ids_have(&groups, 1) && nvb_userns_may_set_groups() ? 0
													  : 1;
	return *narrow && !(nvb_ids_have(&users, 1) && nvb_ids_have(&groups, 1)) ? 0 : 1;
}

static void inside_one_is_root(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(enter());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_have_their_ids_and_no_others),
		cmocka_unit_test(inside_one_is_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
