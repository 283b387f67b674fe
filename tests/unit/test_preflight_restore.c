/* SPDX-License-Identifier: Apache-2.0 */
#include "preflight_look.h"

/* What would be against a restore: of the host, its GPUs and its files. */

static struct nvb_preflight_report restoring(const struct nvb_preflight_snapshot *changed)
{
	struct nvb_preflight_snapshot snapshot = *changed;
	struct nvb_preflight_report report = {0};

	snapshot.inventory = &inventory;
	snapshot.place = "/";
	if (!snapshot.criu.path)
		snapshot.criu = (struct nvb_preflight_criu){"/sbin/criu", NULL, 4, 1};
	assert_int_equal(nvb_preflight_restore(&snapshot, &report, NULL), 0);
	return report;
}

static void restore_host(void **state)
{
	struct nvb_preflight_report r;

	(void)state;
	r = restoring(&(struct nvb_preflight_snapshot){.criu_major = 4, .memory = 1 << 20, .disk = 4096});
	expect_none(&r);
	nvb_preflight_report_release(&r);
	r = restoring(&(struct nvb_preflight_snapshot){.criu_major = 4, .criu_minor = 2});
	expect(&r, "criu-old", true, "taken by 4.2");
	nvb_preflight_report_release(&r);
	r = restoring(&(struct nvb_preflight_snapshot){.memory = UINT64_C(1) << 60});
	expect(&r, "memory-host", true, "the host has");
	nvb_preflight_report_release(&r);
	r = restoring(&(struct nvb_preflight_snapshot){.disk = UINT64_C(1) << 60});
	expect(&r, "disk", true, "unpacked");
	nvb_preflight_report_release(&r);
}

static const char *gpu_findings(const char *uuid, const char *chip, const char *target, const char *driver)
{
	static char ids[256];
	const struct nvb_preflight_gpu gpu = {uuid, chip, target};
	struct nvb_preflight_report r =
		restoring(&(struct nvb_preflight_snapshot){.driver = driver, .gpus = &gpu, .gpu_count = 1});

	*ids = '\0';
	for (size_t i = 0; i < r.count; i++) {
		assert_true(r.list[i].fatal);
		snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%s%s", i ? " " : "", r.list[i].id);
	}
	nvb_preflight_report_release(&r);
	return ids;
}

static void restore_gpus(void **state)
{
#define FIRST "GPU-11111111-0000-0000-0000-000000000000"
#define THIRD "GPU-33333333-0000-0000-0000-000000000000"
	(void)state;
	make_driver("570.133.20");
	assert_string_equal(gpu_findings(FIRST, "NVIDIA Test", NULL, "570.133.20"), "");
	assert_string_equal(gpu_findings(FIRST, NULL, NULL, "570.133.20"), "");
	assert_string_equal(gpu_findings(FIRST, "NVIDIA Test", FIRST, "570.133.20"), "");
	assert_string_equal(gpu_findings("GPU-9", "NVIDIA Test", NULL, "570.133.20"), "gpu-gone");
	assert_string_equal(gpu_findings("GPU-9", "NVIDIA Test", FIRST, "570.133.20"), "gpu-map");
	assert_string_equal(gpu_findings(FIRST, "NVIDIA Test", NULL, "570.86.15"), "driver-differs");
	make_driver("580.65.06");
	assert_string_equal(gpu_findings("GPU-9", "NVIDIA Test", FIRST, "580.65.06"), "");
	assert_string_equal(gpu_findings("GPU-9", "NVIDIA Test", THIRD, "580.65.06"), "chip-differs");
	make_driver("550.54.15");
	assert_string_equal(gpu_findings(FIRST, "NVIDIA Test", NULL, "550.54.15"), "driver");
	fixture_inventory(&inventory);
	/* A snapshot without GPUs asks for no driver. */
	struct nvb_preflight_report r = restoring(&(struct nvb_preflight_snapshot){0});
	expect_none(&r);
}

static void restore_files(void **state)
{
	char directory[128], data[128], file[128], *text;
	const struct nvb_preflight_mount mounts[] = {{directory, "/data"}, {file, "/etc/settings"}};
	_cleanup_preflight_ struct nvb_preflight_report fine = {0}, less = {0}, more = {0};
	char **lines = NULL;
	int pid;

	(void)state;
	scratch_mkdir("volume");
	scratch_write("volume/data", "0123456789");
	scratch_write("settings", "x");
	snprintf(directory, sizeof(directory), "%s/volume", scratch.path);
	snprintf(data, sizeof(data), "%s/volume/data", scratch.path);
	snprintf(file, sizeof(file), "%s/settings", scratch.path);
	/* The capsule sees it where the mount's target is: here that is the same place. */
	const struct nvb_preflight_mount seen[] = {{directory, directory}, mounts[1]};
	pid = child_that(keep_open, data);
	assert_int_equal(nvb_preflight_files(seen, 2, &pid, 1, &lines, NULL), 0);
	end_child(pid);
	assert_int_equal(nvb_strv_length(lines), 3);
	assert_int_equal(*lines[0], 'd');
	assert_int_equal(*lines[1], 'r');
	assert_int_equal(asprintf(&text, "f 10 %s", data), 5 + (int)strlen(data));
	assert_string_equal(lines[2], text);
	free(text);

	nvb_preflight_wanted_files(lines, &fine);
	expect_none(&fine);
	/* What no process uses may change. */
	scratch_write("settings", "longer");
	scratch_write("volume/data", "012345678901");
	nvb_preflight_wanted_files(lines, &more);
	assert_int_equal(more.count, 1);
	expect(&more, "file-changed", true, "12 bytes now and had 10");
	assert_int_equal(unlinkat(scratch.fd, "settings", 0), 0);
	scratch_mkdir("settings");
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "volume", NULL), 0);
	nvb_preflight_wanted_files(lines, &less);
	expect(&less, "mount-gone", true, directory);
	expect(&less, "mount-changed", true, "was a file and is a directory");
	nvb_strv_free(lines);
}

/* Lines of a manifest that somebody made. */
static void hostile_lines(void **state)
{
	char *lines[] = {(char *)"", (char *)"f", (char *)"f x /", (char *)"f 99999999999999999999999 /etc",
		(char *)"z /", (char *)"d", (char *)"d ", (char *)"f 1", (char *)"d /no\nsuch\x1b", NULL};
	_cleanup_preflight_ struct nvb_preflight_report report = {0};

	(void)state;
	nvb_preflight_wanted_files(lines, &report);
	for (size_t i = 0; i < report.count; i++)
		assert_null(strpbrk(report.list[i].reason, "\n\x1b"));
	assert_non_null(found(&report, "mount-gone"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(restore_host),
		scratch_test(restore_gpus),
		scratch_test(restore_files),
		scratch_test(hostile_lines),
	};

	fixture_inventory(&inventory);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
