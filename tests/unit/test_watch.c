/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/str.h"
#include "scratch.h"
#include "watch/uevent.h"
#include "watch/watch.h"

/* Which changes wake who waits for them, and which do not. */

static struct nvb_watcher watcher;

static int set_up(void **state)
{
	return scratch_make(state) || nvb_watcher_open(&watcher, NULL, NULL) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	nvb_watcher_close(&watcher);
	return scratch_remove(state);
}

/* What inotify has to say is there when the call that caused it returns: nothing is waited for. */
static int matters(void)
{
	int rc = nvb_watcher_drain(&watcher, NULL);

	assert_true(rc >= 0);
	return rc;
}

static void files_of_a_directory(void **state)
{
	(void)state;
	scratch_mkdir("d");
	scratch_write("d/there", "1");
	assert_int_equal(nvb_watcher_add_directory(&watcher, scratch_path("d"), NULL), 0);
	assert_int_equal(matters(), 0);
	scratch_write("d/new", "1");
	assert_int_equal(matters(), 1);
	assert_int_equal(matters(), 0);
	assert_int_equal(chmod(scratch_path("d/new"), 0755), 0);
	assert_int_equal(matters(), 1);
	assert_int_equal(unlinkat(scratch.fd, "d/there", 0), 0);
	assert_int_equal(matters(), 1);
	scratch_write("elsewhere", "1");
	assert_int_equal(matters(), 0);
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "d", NULL), 0);
	assert_int_equal(matters(), 1);
}

static void one_file_of_a_directory(void **state)
{
	(void)state;
	scratch_mkdir("d");
	assert_int_equal(nvb_watcher_add_file(&watcher, scratch_path("d/hook"), NULL), 0);
	scratch_write("d/other", "1");
	assert_int_equal(matters(), 0);
	scratch_write("d/hook", "1");
	assert_int_equal(matters(), 1);
	assert_int_equal(unlinkat(scratch.fd, "d/hook", 0), 0);
	assert_int_equal(matters(), 1);
}

static void what_is_not_there_yet(void **state)
{
	(void)state;
	assert_int_equal(nvb_watcher_add_directory(&watcher, scratch_path("run/cdi/deep"), NULL), 0);
	scratch_mkdir("other");
	assert_int_equal(matters(), 0);
	scratch_mkdir("run");
	assert_int_equal(matters(), 1);
}

static void nothing_is_waited_for_where_anybody_writes(void **state)
{
	(void)state;
	scratch_mkdir("tmp");
	assert_int_equal(fchmodat(scratch.fd, "tmp", 01777, 0), 0);
	assert_int_equal(nvb_watcher_add_directory(&watcher, scratch_path("tmp/nvidia-mps"), NULL), 0);
	scratch_mkdir("tmp/nvidia-mps");
	assert_int_equal(matters(), 0);
	assert_int_equal(watcher.count, 0);
}

static void of_dev_only_nodes(void **state)
{
	struct nvb_watch watches[] = {
		{.root = NVB_WATCH_DEV, .path = "/dev"}, {.root = NVB_WATCH_DEV, .path = "/dev/nvidia-caps"}};
	struct nvb_inventory inventory = {.fingerprint = {.watches = watches, .count = 2}};
	struct nvb_root *roots[] = {
		&inventory.roots.driver, &inventory.roots.dev, &inventory.roots.proc, &inventory.roots.sys};

	(void)state;
	scratch_mkdir("dev");
	scratch_mkdir("proc/driver/nvidia/capabilities");
	scratch_write("dev/null", "");
	for (size_t i = 0; i < NVB_ELEMENTS(roots); i++)
		assert_int_equal(nvb_root_open(roots[i], scratch.path, NULL), 0);
	assert_int_equal(nvb_watcher_add_inventory(&watcher, &inventory, NULL), 0);
	scratch_write("dev/loop7", "");
	close(openat(scratch.fd, "dev/null", O_WRONLY | O_CLOEXEC));
	assert_int_equal(matters(), 0);
	scratch_write("dev/nvidia3", "");
	assert_int_equal(matters(), 1);
	scratch_mkdir("dev/nvidia-caps");
	assert_int_equal(matters(), 1);
	/* A /proc that is no /proc can be watched. */
	scratch_mkdir("proc/driver/nvidia/capabilities/gpu0");
	assert_int_equal(matters(), 1);
	for (size_t i = 0; i < NVB_ELEMENTS(roots); i++)
		nvb_root_close(roots[i]);
}

/* "ACTION@PATH|KEY=VALUE|...", '|' for NUL. */
static bool event(const char *text, struct nvb_uevent *e, char *message)
{
	size_t size = strlen(text) + 1;

	memcpy(message, text, size);
	for (size_t i = 0; i < size; i++)
		if (message[i] == '|')
			message[i] = '\0';
	return nvb_uevent_parse(e, message, size);
}

static void uevents(void **state)
{
	static const struct {
		const char *text;
		int expected; /* -1: no message of the kernel's */
	} cases[] = {
		{"add@/module/nvidia|ACTION=add|DEVPATH=/module/nvidia|SUBSYSTEM=module|SEQNUM=1", 1},
		{"remove@/module/nvidia_uvm|ACTION=remove|DEVPATH=/module/nvidia_uvm|SUBSYSTEM=module", 1},
		{"add@/module/loop|ACTION=add|DEVPATH=/module/loop|SUBSYSTEM=module", 0},
		{"bind@/devices/x|ACTION=bind|DEVPATH=/devices/"
		 "x|SUBSYSTEM=pci|DRIVER=nvidia|PCI_ID=10DE:2335",
			1},
		{"unbind@/devices/x|ACTION=unbind|DEVPATH=/devices/x|SUBSYSTEM=pci|PCI_ID=10de:2335", 1},
		{"bind@/devices/y|ACTION=bind|DEVPATH=/devices/y|SUBSYSTEM=pci|DRIVER=ahci|PCI_ID=8086:2335",
			0},
		{"change@/devices/y/drm/card0|ACTION=change|DEVPATH=/devices/y/drm/card0|SUBSYSTEM=drm", 1},
		{"add@/class/nvidia-caps/x|ACTION=add|DEVPATH=/class/nvidia-caps/x|SUBSYSTEM=nvidia-caps", 1},
		{"add@/devices/z|ACTION=add|DEVPATH=/devices/z|SUBSYSTEM=block", 0},
		{"add@/devices/z|ACTION=add|DEVPATH=/devices/z", 0},
		{"add@/devices/z|DEVPATH=/devices/z", -1},
		{"add|ACTION=add|DEVPATH=/devices/z", -1},
		{"libudev", -1},
		{"", -1},
	};
	char message[512];

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		struct nvb_uevent e;
		bool read = event(cases[i].text, &e, message);

		assert_int_equal(read, cases[i].expected >= 0);
		if (read)
			assert_int_equal(nvb_uevent_matters(&e), cases[i].expected);
	}
	assert_false(nvb_uevent_parse(&(struct nvb_uevent){0}, "a@/b", 4)); /* no NUL at its end */
}

/* In a network namespace of its own: what is sent there reaches nobody else. */
static void only_the_kernel_is_believed(void **state)
{
	static const char forged[] =
		"add@/module/nvidia\0ACTION=add\0DEVPATH=/module/nvidia\0SUBSYSTEM=module";
	const struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = 1};
	int receiver, sender, status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct pollfd ready = {.events = POLLIN};

		if (unshare(CLONE_NEWNET) < 0)
			_exit(77);
		receiver = ready.fd = nvb_uevent_open();
		sender = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
		if (receiver < 0 || sender < 0 ||
			sendto(sender, forged, sizeof(forged), 0, (const struct sockaddr *)&group,
				sizeof(group)) < 0)
			_exit(77);
		/* It has come, and is not taken for the kernel's. */
		if (poll(&ready, 1, 0) != 1)
			_exit(2);
		_exit(nvb_uevent_drain(receiver) == 0 && poll(&ready, 1, 0) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(files_of_a_directory),
		test(one_file_of_a_directory),
		test(what_is_not_there_yet),
		test(nothing_is_waited_for_where_anybody_writes),
		test(of_dev_only_nodes),
		cmocka_unit_test(uevents),
		cmocka_unit_test(only_the_kernel_is_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
