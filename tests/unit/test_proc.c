/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a process still runs, also where it can hardly be looked at. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"
#include "cmocka_all.h"

static void this_one_runs(void **state)
{
	uint64_t started = nvb_proc_start_time(getpid());

	(void)state;
	assert_int_not_equal(started, 0);
	assert_true(nvb_proc_is_alive(getpid(), started));
	assert_false(nvb_proc_is_alive(getpid(), started + 1));
	assert_false(nvb_proc_is_alive(getpid(), 0));
	assert_false(nvb_proc_is_alive(0, started));
}

static void a_corpse_does_not(void **state)
{
	siginfo_t info;
	uint64_t started;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	started = nvb_proc_start_time(pid);
	assert_true(nvb_proc_is_alive(pid, started));
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	errno = 1;
	assert_int_equal(nvb_proc_start_time(pid), 0);
	assert_int_equal(errno, 0);
	assert_false(nvb_proc_is_alive(pid, started));
	waitpid(pid, NULL, 0);
	assert_int_equal(nvb_proc_start_time(pid), 0);
	assert_int_equal(errno, ENOENT);
	assert_false(nvb_proc_is_alive(pid, started));
}

/* What a living one holds must not be given away because the one who looks has no descriptor left. */
static void without_descriptors_it_runs(void **state)
{
	uint64_t started = nvb_proc_start_time(getpid());
	struct rlimit before, none;
	uint64_t seen;
	bool alive, gone;
	int why;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &before);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	seen = nvb_proc_start_time(getpid());
	why = errno;
	alive = nvb_proc_is_alive(getpid(), started);
	gone = !nvb_proc_is_alive(1 << 30, started);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(seen, 0);
	assert_int_equal(why, EMFILE);
	assert_true(alive);
	assert_true(gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_one_runs),
		cmocka_unit_test(a_corpse_does_not),
		cmocka_unit_test(without_descriptors_it_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
