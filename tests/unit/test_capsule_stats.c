/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include "capsule/stats.h"
#include "scratch.h"

/* Figures of control groups, with a directory in the place of the host's. */

static void write_in(const char *directory, const char *name, const char *text)
{
	char path[128];

	scratch_mkdir(directory);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	scratch_write(path, text);
}

/* What is no cgroup2 mount is v1, each controller in a directory of its own. */
static void version_1(void **state)
{
	struct nvb_capsule_stats s;

	(void)state;
	write_in("cpuacct/bolt/x", "cpuacct.usage", "1234567\n");
	write_in("memory/bolt/x", "memory.usage_in_bytes", "10000\n");
	write_in("memory/bolt/x", "memory.limit_in_bytes", "9223372036854771712\n");
	write_in("memory/bolt/x", "memory.stat", "cache 5000\ninactive_file 1\ntotal_inactive_file 4000\n");
	write_in("pids/bolt/x", "pids.current", "3\n");
	write_in("pids/bolt/x", "pids.max", "max\n");
	write_in("blkio/bolt/x", "blkio.throttle.io_service_bytes",
		"8:0 Read 100\n8:0 Write 20\n8:0 Total 120\n8:16 Read 1\n8:16 Write 2\nTotal 123\n");
	nvb_stats_read(scratch.path, "/bolt/x", &s);
	assert_int_equal(s.cpu, 1234567);
	assert_int_equal(s.memory, 6000);
	/* "No limit" is the machine's. */
	assert_true(s.memory_limit > 1 << 20 && s.memory_limit < UINT64_C(1) << 62);
	assert_int_equal(s.pids, 3);
	assert_true(s.pids_limit == NVB_STAT_UNKNOWN);
	assert_int_equal(s.io_read, 101);
	assert_int_equal(s.io_written, 22);
}

static void what_is_not_counted_is_unknown(void **state)
{
	struct nvb_capsule_stats s;

	(void)state;
	nvb_stats_read(scratch.path, "/bolt/x", &s);
	assert_true(s.cpu == NVB_STAT_UNKNOWN && s.memory == NVB_STAT_UNKNOWN && s.pids == NVB_STAT_UNKNOWN &&
		    s.io_read == NVB_STAT_UNKNOWN);
	write_in("cpuacct/bolt/x", "cpuacct.usage", "-1\n");
	write_in("memory/bolt/x", "memory.usage_in_bytes", "99999999999999999999999\n");
	nvb_stats_read(scratch.path, "/bolt/x", &s);
	assert_true(s.cpu == NVB_STAT_UNKNOWN && s.memory == NVB_STAT_UNKNOWN);
}

static void version_2(void **state)
{
	uint64_t read, written;

	(void)state;
	assert_int_equal(nvb_stats_key("user_usec 5\nusage_usec 17\n", "usage_usec"), 17);
	assert_true(nvb_stats_key("my_usage_usec 17\n", "usage_usec") == NVB_STAT_UNKNOWN);
	nvb_stats_io_v2("8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=1 wbytes=2\n", &read, &written);
	assert_int_equal(read, 11);
	assert_int_equal(written, 22);
	nvb_stats_io_v2("", &read, &written);
	assert_int_equal(read, 0);
}

static void processes_of_inner_groups_count(void **state)
{
	pid_t *pids = NULL;
	size_t count = 0;

	(void)state;
	write_in("pids/bolt/x", "cgroup.procs", "100\n200\n");
	write_in("pids/bolt/x/inner/deeper", "cgroup.procs", "300\n0\nx\n");
	assert_int_equal(nvb_stats_processes(scratch.path, "/bolt/x", &pids, &count, NULL), 0);
	assert_int_equal(count, 3);
	assert_int_equal(pids[0] + pids[1] + pids[2], 600);
	free(pids);
}

static void own_namespace(void **state)
{
	pid_t *pids = NULL;
	size_t count = 0;
	bool found = false;

	(void)state;
	assert_int_equal(nvb_stats_namespace_processes(getpid(), &pids, &count, NULL), 0);
	for (size_t i = 0; i < count; i++)
		found = found || pids[i] == getpid();
	assert_true(found);
	free(pids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(version_1),
		scratch_test(what_is_not_counted_is_unknown),
		cmocka_unit_test(version_2),
		scratch_test(processes_of_inner_groups_count),
		cmocka_unit_test(own_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
