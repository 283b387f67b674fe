/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#include "preflight_look.h"

/* What processes have of the driver's. */

/* The GPU half's findings, by files of the driver's that processes have: 40 MiB of managed memory, ... */
static void map_managed(const char *size)
{
	int fd = open("/dev/nvidia-uvm", O_RDWR | O_CREAT, 0600);
	size_t bytes = strtoull(size, NULL, 10) << 20;

	close(scratch.fd);
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0 ||
		mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
		_exit(1);
	close(fd);
}

static void open_node(const char *path)
{
	close(scratch.fd);
	if (open(path, O_RDWR | O_CREAT, 0600) < 0)
		_exit(1);
}

static void map_library(const char *name)
{
	char path[128];
	int fd;

	close(scratch.fd);
	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 4096) < 0 ||
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		_exit(1);
	close(fd);
}

static void only_wait(const char *unused)
{
	(void)unused;
	close(scratch.fd);
}

/* In a mount namespace whose /dev is empty; the child's end takes it along. */
static void private_dev(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", "/dev", "tmpfs", 0, NULL) < 0 ||
		mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) < 0)
		_exit(1);
}

static const char *gpu_half(void (*does)(const char *), const char *argument)
{
	static char said[512];
	int result[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(result, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct nvb_preflight_capsule capsule = {.inventory = &inventory,
			.count = 1,
			.has_gpus = true,
			.place = "/",
			.criu = {.path = "criu", .major = 4}};
		struct nvb_preflight_report report = {0};
		int child;

		private_dev();
		child = child_that(does, argument);
		capsule.pids = &child;
		capsule.init = child;
		if (nvb_preflight_take(&capsule, &report, NULL) < 0)
			_exit(1);
		for (size_t i = 0; i < report.count; i++)
			if (!nvb_streq(report.list[i].id, "memory-unknown"))
				dprintf(result[1], "%s%s ", report.list[i].id,
					report.list[i].fatal ? "!" : "?");
		nvb_preflight_report_release(&report);
		end_child(child);
		_exit(0);
	}
	close(result[1]);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	n = read(result[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	close(result[0]);
	return said;
}

static void gpu_half_of_it(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	make_driver("570.133.20");
	assert_string_equal(gpu_half(only_wait, NULL), "");
	assert_string_equal(gpu_half(map_managed, "40"), "managed-memory? ");
	assert_string_equal(gpu_half(map_managed, "4"), "");
	assert_string_equal(gpu_half(map_library, "libnvidia-ml.so.570.133.20"), "nvml? ");
	assert_string_equal(gpu_half(map_library, "libother.so"), "");
	assert_string_equal(gpu_half(open_node, "/dev/nvidia-modeset"), "graphics! ");
	make_driver("550.54.15");
	assert_string_equal(gpu_half(only_wait, NULL), "driver! ");
	fixture_inventory(&inventory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(gpu_half_of_it),
	};

	fixture_inventory(&inventory);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
