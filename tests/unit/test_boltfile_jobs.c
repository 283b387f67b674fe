/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "boltfile/jobs.h"

/* Jobs side by side: their order, and what becomes of those behind one that fails. Each writes its number
 * into one pipe when it has begun and when it is done. */

static int trace[2];
static bool healthy[8];

static int run(void *data, size_t job, nvb_error **err)
{
	char letter = (char)('a' + job);

	(void)data;
	assert_int_equal(write(trace[1], &letter, 1), 1);
	if (job == 3)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_BUSY, "job %zu says no", job), "ask again");
	if (job == 5)
		_exit(7);
	return (int)job;
}

static int met(void *data, size_t job, int condition, nvb_error **err)
{
	static unsigned looks;

	(void)data;
	if (condition == 2)
		return nvb_fail(err, NVB_ERR_INVALID, "job %zu is not well", job);
	if (condition == 1 && ++looks > 2)
		healthy[job] = true;
	return condition == 1 ? healthy[job] : 1;
}

static const char *begun(void)
{
	static char text[64];
	ssize_t n;

	close(trace[1]);
	n = read(trace[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(trace[0]);
	return text;
}

static void keeps_the_order(void **state)
{
	static const struct nvb_job_link after_b[] = {{1, 0}}, after_c[] = {{2, 1}};
	struct nvb_job list[] = {
		{.name = "a", .after = after_b, .after_count = 1},
		{.name = "b", .after = after_c, .after_count = 1},
		{.name = "c"},
	};
	struct nvb_jobs jobs = {.list = list, .count = 3, .run = run, .met = met, .extra = -1};

	(void)state;
	assert_int_equal(pipe2(trace, O_CLOEXEC), 0);
	assert_int_equal(nvb_jobs_run(&jobs, NULL), 0);
	assert_string_equal(begun(), "cba");
	assert_int_equal(list[1].result, 1);
	assert_int_equal(nvb_jobs_failed(&jobs), 0);
	nvb_jobs_release(&jobs);
}

static void leaves_out_what_cannot_be(void **state)
{
	static const struct nvb_job_link after_d[] = {{3, 0}}, after_b[] = {{1, 0}}, unwell[] = {{0, 2}};
	struct nvb_job list[] = {
		{.name = "a"},
		{.name = "b", .after = after_d, .after_count = 1},
		{.name = "c", .after = after_b, .after_count = 1},
		{.name = "d"},
		{.name = "e", .after = unwell, .after_count = 1},
		{.name = "f"},
	};
	struct nvb_jobs jobs = {.list = list, .count = 6, .run = run, .met = met, .extra = -1};

	(void)state;
	assert_int_equal(pipe2(trace, O_CLOEXEC), 0);
	assert_int_equal(nvb_jobs_run(&jobs, NULL), 0);
	assert_int_equal(strlen(begun()), 3);
	assert_int_equal(nvb_jobs_failed(&jobs), 5);
	assert_int_equal(list[0].state, NVB_JOB_DONE);
	assert_int_equal(list[3].state, NVB_JOB_FAILED);
	assert_int_equal(nvb_error_code(list[3].error), NVB_ERR_BUSY);
	assert_string_equal(nvb_error_message(list[3].error), "job 3 says no");
	assert_string_equal(nvb_error_hint(list[3].error), "ask again");
	assert_int_equal(list[1].state, NVB_JOB_LEFT_OUT);
	assert_string_equal(nvb_error_message(list[1].error), "it depends on d, which failed");
	assert_string_equal(nvb_error_message(list[2].error), "it depends on b, which was left out");
	assert_string_equal(nvb_error_message(list[4].error), "job 0 is not well");
	assert_string_equal(nvb_error_message(list[5].error), "ended without a word");
	nvb_jobs_release(&jobs);
}

static void runs_more_than_at_once(void **state)
{
	struct nvb_job list[NVB_JOBS_AT_ONCE + 20] = {0};
	struct nvb_jobs jobs = {.list = list, .count = NVB_ELEMENTS(list), .run = run, .extra = -1};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(list); i++)
		list[i].name = "x";
	assert_int_equal(pipe2(trace, O_CLOEXEC), 0);
	assert_int_equal(nvb_jobs_run(&jobs, NULL), 0);
	assert_int_equal(nvb_jobs_failed(&jobs), 2);
	begun();
	nvb_jobs_release(&jobs);
}

static int stop(void *data)
{
	(void)data;
	return 1;
}

static void ends_when_told(void **state)
{
	static const struct nvb_job_link never[] = {{0, 1}};
	struct nvb_job list[] = {{.name = "a"}, {.name = "b", .after = never, .after_count = 1}};
	struct nvb_jobs jobs = {.list = list, .count = 1, .run = run, .extra = -1, .turn = stop};
	int bell[2];

	(void)state;
	assert_int_equal(pipe2(trace, O_CLOEXEC), 0);
	assert_int_equal(pipe2(bell, O_CLOEXEC), 0);
	assert_int_equal(write(bell[1], "", 1), 1);
	jobs.extra = bell[0];
	assert_int_equal(nvb_jobs_run(&jobs, NULL), 1);
	assert_int_not_equal(list[0].state, NVB_JOB_RUNNING);
	nvb_jobs_release(&jobs);
	begun();
	close(bell[0]);
	close(bell[1]);
}

/* As a supervisor does: a process that outlives the job has its pipe, and says nothing. */
static int leave_one_behind(void *data, size_t job, nvb_error **err)
{
	pid_t pid = fork();

	(void)data;
	(void)err;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(write(trace[1], &pid, sizeof(pid)), sizeof(pid));
	if (job == 0)
		pause();
	_exit(3);
}

static int once_both_are_there(void *data)
{
	pid_t *left = data;

	assert_int_equal(read(trace[0], &left[0], sizeof(*left)), sizeof(*left));
	assert_int_equal(read(trace[0], &left[1], sizeof(*left)), sizeof(*left));
	return 1;
}

static void does_not_wait_for_who_outlives_a_job(void **state)
{
	struct nvb_job list[] = {{.name = "a"}, {.name = "b"}};
	pid_t left[2] = {0, 0};
	struct nvb_jobs jobs = {
		.list = list, .count = 2, .run = leave_one_behind, .turn = once_both_are_there, .data = left};

	(void)state;
	assert_int_equal(pipe2(trace, O_CLOEXEC), 0);
	jobs.extra = trace[0];
	assert_int_equal(nvb_jobs_run(&jobs, NULL), 1);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(list[i].state, NVB_JOB_FAILED);
		kill(left[i], SIGKILL);
	}
	nvb_jobs_release(&jobs);
	close(trace[0]);
	close(trace[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_order),
		cmocka_unit_test(leaves_out_what_cannot_be),
		cmocka_unit_test(runs_more_than_at_once),
		cmocka_unit_test(ends_when_told),
		cmocka_unit_test(does_not_wait_for_who_outlives_a_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
