/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>

#include "preflight_look.h"

/* Each check of the preflight, by a process or a host of which it is true, and one of which it is not. Those
 * of sockets, of the GPU half and of restoring have files of their own. */

static void a_process_that_only_waits(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = look_at(NULL, NULL);

	(void)state;
	expect_none(&report);
	assert_false(nvb_preflight_fails(&report));
	assert_int_equal(nvb_preflight_refuse(&report, NULL), 0);
}

/* What is not of the tree of the capsule's own program, nor of its supervisor. */
static void beside(void **state)
{
	int pids[] = {child_that(NULL, NULL), child_that(NULL, NULL)};
	struct nvb_preflight_capsule capsule = {.inventory = &inventory,
		.pids = pids,
		.count = 2,
		.init = pids[0],
		.place = "/",
		.criu = {.path = "criu", .major = 4}};
	_cleanup_preflight_ struct nvb_preflight_report none = {0}, one = {0}, paused = {0};

	(void)state;
	capsule.supervisor = getpid();
	assert_int_equal(nvb_preflight_take(&capsule, &none, NULL), 0);
	expect_none(&none);
	capsule.supervisor = pids[0];
	assert_int_equal(nvb_preflight_take(&capsule, &one, NULL), 0);
	expect(&one, "beside", true, "started beside");
	assert_int_equal(one.count, 1);
	assert_int_equal(one.list[0].pid, pids[1]);
	capsule.count = 1;
	capsule.paused = true;
	assert_int_equal(nvb_preflight_take(&capsule, &paused, NULL), 0);
	assert_int_equal(paused.count, 1);
	expect(&paused, "frozen", true, "the capsule is paused");
	end_child(pids[0]);
	end_child(pids[1]);
}

static void leave_the_mounts(const char *path)
{
	int fd = open(path, O_RDONLY);

	close(scratch.fd);
	if (fd < 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(77);
}

static void file_outside(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = {0};

	(void)state;
	if (geteuid() != 0)
		skip();
	scratch_write("file", "x");
	report = look_at(leave_the_mounts, scratch_path("file"));
	expect(&report, "file-outside", true, "/file");
}

static void file_inside(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = {0};

	(void)state;
	scratch_write("file", "x");
	report = look_at(keep_open, scratch_path("file"));
	expect_none(&report);
}

static void lose_a_mount(const char *path)
{
	char file[128], on[128];

	snprintf(file, sizeof(file), "%s/gone", path);
	snprintf(on, sizeof(on), "%s/on", path);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(file, on, NULL, MS_BIND, NULL) < 0 || unlink(file) < 0)
		_exit(77);
}

static void mount_of_what_was_removed(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = {0};

	(void)state;
	if (geteuid() != 0)
		skip();
	scratch_write("gone", "x");
	scratch_write("on", "");
	report = look_at(lose_a_mount, scratch.path);
	expect(&report, "mount-gone", true, "/on");
}

static void be_traced(const char *unused)
{
	(void)unused;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(1);
}

static void traced(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = look_at(be_traced, NULL);

	(void)state;
	expect(&report, "traced", true, "traces it");
}

static void criu(void **state)
{
	int pid = child_that(NULL, NULL);
	struct nvb_preflight_capsule capsule = {
		.inventory = &inventory, .pids = &pid, .count = 1, .init = pid, .place = "/"};
	_cleanup_preflight_ struct nvb_preflight_report none = {0}, broken = {0}, old = {0};
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	assert_int_equal(nvb_preflight_take(&capsule, &none, NULL), 0);
	expect(&none, "criu", true, "not here");
	assert_int_equal(nvb_preflight_refuse(&none, &err), -NVB_ERR_UNSUPPORTED);
	assert_non_null(strstr(nvb_error_hint(err), "4.0"));
	capsule.criu = (struct nvb_preflight_criu){"/sbin/criu", "no vDSO", 4, 1};
	assert_int_equal(nvb_preflight_take(&capsule, &broken, NULL), 0);
	expect(&broken, "criu", true, "/sbin/criu: no vDSO");
	assert_null(found(&broken, "criu-old"));
	capsule.criu = (struct nvb_preflight_criu){"/sbin/criu", NULL, 3, 17};
	assert_int_equal(nvb_preflight_take(&capsule, &old, NULL), 0);
	expect(&old, "criu-old", false, "3.17");
	end_child(pid);
}

/* 64 MiB of its own; a file system of 64 KiB has no room for them, however they shrink. */
static void fill_memory(const char *unused)
{
	char *memory = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	if (memory == MAP_FAILED)
		_exit(1);
	memset(memory, 1, 64 << 20);
}

static void disk_too_small(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report tiny = {0}, small = {0}, again = {0};
	struct nvb_preflight_capsule capsule = {
		.inventory = &inventory, .count = 1, .criu = {.path = "criu", .major = 4}};
	char place[128];
	int pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = child_that(fill_memory, NULL);
	capsule.pids = &pid;
	capsule.init = pid;
	capsule.place = place;
	scratch_mkdir("disk");
	snprintf(place, sizeof(place), "%s/disk", scratch.path);
	assert_int_equal(mount("none", place, "tmpfs", 0, "size=64k"), 0);
	assert_int_equal(nvb_preflight_take(&capsule, &tiny, NULL), 0);
	expect(&tiny, "disk", true, "room for 0 MiB"); /* 64 MiB and the program */
	capsule.earlier = true;
	assert_int_equal(nvb_preflight_take(&capsule, &again, NULL), 0);
	expect(&again, "disk", false, "room for 0 MiB");
	capsule.earlier = false;
	assert_int_equal(mount("none", place, "tmpfs", MS_REMOUNT, "size=32m"), 0);
	assert_int_equal(nvb_preflight_take(&capsule, &small, NULL), 0);
	expect(&small, "disk", false, "32 MiB");
	assert_int_equal(umount(place), 0);
	end_child(pid);
}

static void report_as_json(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = {0};
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	nvb_preflight_json(&report, &text);
	assert_string_equal(text.s, "[]\n");
	nvb_sb_release(&text);
	nvb_preflight_find(&report, "ipc", 0, false, "maybe");
	nvb_preflight_find(&report, "mig", 7, true, "a \"name\"");
	nvb_preflight_find(&report, "criu", 0, true, "second");
	nvb_preflight_json(&report, &text);
	assert_non_null(strstr(text.s, "{\"check\": \"mig\", \"fatal\": true, \"pid\": 7, \"reason\": "
				       "\"a \\\"name\\\"\", \"hint\": null}"));
	assert_int_equal(nvb_preflight_refuse(&report, &err), -NVB_ERR_UNSUPPORTED);
	assert_string_equal(nvb_error_message(err), "process 7: a \"name\"");
	assert_non_null(strstr(nvb_error_hint(err), "all 2"));
}

/* Every check is in the documentation, and every one of the GPU half is in the table. */
static void documented(void **state)
{
	static const char *const gpu_half_ids[] = {"process", "driver", "mig", "mps", "ipc", "graphics",
		"nvml", "frozen", "managed-memory", "memory-host", "memory-cgroup", "memory-unknown"};
	const char *source = getenv("NVB_TEST_SOURCE");
	_cleanup_free_ char *text = NULL;
	char path[512];
	size_t known = 0;

	(void)state;
	if (!source)
		skip();
	snprintf(path, sizeof(path), "%s/docs/snapshots.md", source);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, 1 << 20, &text, NULL, NULL), 0);
	for (const struct nvb_preflight_check *c = nvb_preflight_checks; c->id; c++) {
		char row[64];

		snprintf(row, sizeof(row), "\n| `%s` |", c->id);
		if (!strstr(text, row))
			fail_msg("docs/snapshots.md has no row of '%s'", c->id);
		for (size_t i = 0; i < NVB_ELEMENTS(gpu_half_ids); i++)
			known += nvb_streq(c->id, gpu_half_ids[i]);
	}
	assert_int_equal(known, NVB_ELEMENTS(gpu_half_ids));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(a_process_that_only_waits),
		scratch_test(beside),
		scratch_test(file_outside),
		scratch_test(file_inside),
		scratch_test(mount_of_what_was_removed),
		scratch_test(traced),
		scratch_test(criu),
		scratch_test(disk_too_small),
		scratch_test(report_as_json),
		cmocka_unit_test(documented),
	};

	fixture_inventory(&inventory);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
