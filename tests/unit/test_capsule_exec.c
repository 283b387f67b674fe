/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc.h"
#include "base/root.h"
#include "capsule/exec.h"
#include "scratch.h"

/* Further programs in a capsule: whose files and namespaces they get. */

static void another_process_of_the_same_number_is_not_the_capsule(void **state)
{
	uint64_t started = nvb_proc_start_time(getpid());
	struct nvb_root root = NVB_ROOT_INIT;
	nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_exec_open_root(getpid(), started, &root, NULL), 0);
	nvb_root_close(&root);
	assert_int_equal(nvb_exec_open_root(getpid(), started + 1, &root, &err), -NVB_ERR_CONFLICT);
	assert_string_equal(nvb_error_message(err), "the capsule's program has just ended");
	nvb_error_free(err);
	assert_int_equal(nvb_exec_enter_user_namespace(getpid(), started + 1, true, NULL), -NVB_ERR_CONFLICT);
}

static void so_it_is_not_where_users_are_looked_up(void **state)
{
	char name[] = "sh";
	char *args[] = {name, NULL};
	const struct nvb_exec exec = {.args = args, .user = "root"};
	struct nvb_exec_target target = {.id = "0123",
		.runtime = "runc",
		.runtime_root = scratch.path,
		.run = scratch.path,
		.init = getpid(),
		.init_started = nvb_proc_start_time(getpid()) + 1};
	struct nvb_exec_start start;

	(void)state;
	scratch_write("process.json", "{\"process\":{\"env\":[]},\"bundle\":\"/x\",\"cgroup\":false}");
	assert_int_equal(nvb_exec_prepare(&target, &exec, &start, NULL), -NVB_ERR_CONFLICT);
	target.init_started--;
	assert_int_equal(nvb_exec_prepare(&target, &exec, &start, NULL), 0);
	nvb_exec_end(&start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(another_process_of_the_same_number_is_not_the_capsule),
		scratch_test(so_it_is_not_where_users_are_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
