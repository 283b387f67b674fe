/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "checkpoint/preflight_private.h"
#include "fixture.h"
#include "scratch.h"

/* Each check of the preflight, by a process or a host of which it is true, and one of which it is not. */

static struct nvb_inventory inventory;

/* A process that does something and then waits. */
static pid_t child_that(void (*does)(const char *), const char *argument)
{
	int ready[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		close(null);
		if (does)
			does(argument);
		if (write(ready[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static const struct nvb_preflight_finding *found(const struct nvb_preflight_report *report, const char *id)
{
	for (size_t i = 0; i < report->count; i++)
		if (nvb_streq(report->list[i].id, id))
			return &report->list[i];
	return NULL;
}

static void expect(const struct nvb_preflight_report *report, const char *id, bool fatal, const char *words)
{
	const struct nvb_preflight_finding *f = found(report, id);

	if (!f)
		fail_msg("'%s' was not found", id);
	assert_int_equal(f->fatal, fatal);
	if (!strstr(f->reason, words))
		fail_msg("'%s' is not in: %s", words, f->reason);
	assert_null(strchr(f->reason, '\n'));
}

static void expect_none(const struct nvb_preflight_report *report)
{
	if (report->count)
		fail_msg("%s: %s", report->list[0].id, report->list[0].reason);
}

/* What is found of a capsule of these processes, the first of which is its init. */
static struct nvb_preflight_report look(const int *pids, size_t count)
{
	const struct nvb_preflight_capsule capsule = {.inventory = &inventory,
		.pids = pids,
		.count = count,
		.init = pids[0],
		.place = scratch.path,
		.criu = {.path = "/usr/sbin/criu", .major = 4}};
	struct nvb_preflight_report report = {0};
	nvb_error *err = NULL;

	if (nvb_preflight_take(&capsule, &report, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	return report;
}

static struct nvb_preflight_report look_at(void (*does)(const char *), const char *argument)
{
	int pid = child_that(does, argument);
	struct nvb_preflight_report report = look(&pid, 1);

	end_child(pid);
	return report;
}

static void a_process_that_only_waits(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = look_at(NULL, NULL);

	(void)state;
	expect_none(&report);
	assert_false(nvb_preflight_fails(&report));
	assert_int_equal(nvb_preflight_refuse(&report, NULL), 0);
}

static int listener;

static void listen_somewhere(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)address, sizeof(*address)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)address, &size), 0);
}

static struct sockaddr_in there;

static void connect_there(const char *unused)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)unused;
	if (connect(fd, (struct sockaddr *)&there, sizeof(there)) < 0)
		_exit(1);
}

static void tcp_connections(void **state)
{
	struct nvb_preflight_capsule capsule = {
		.inventory = &inventory, .count = 1, .place = "/", .criu = {.path = "criu", .major = 4}};
	_cleanup_preflight_ struct nvb_preflight_report kept = {0};
	char port[32];
	int pid;

	(void)state;
	listen_somewhere(&there);
	snprintf(port, sizeof(port), "127.0.0.1 port %u", ntohs(there.sin_port));
	pid = child_that(connect_there, NULL);
	struct nvb_preflight_report report = look(&pid, 1);
	expect(&report, "socket-outside", true, port);
	assert_int_equal(found(&report, "socket-outside")->pid, pid);
	assert_non_null(strstr(found(&report, "socket-outside")->hint, "--tcp"));
	nvb_preflight_report_release(&report);

	capsule.pids = &pid;
	capsule.init = pid;
	capsule.tcp = true;
	assert_int_equal(nvb_preflight_take(&capsule, &kept, NULL), 0);
	expect(&kept, "socket-outside", false, port);
	assert_false(nvb_preflight_fails(&kept));
	end_child(pid);
	close(listener);
}

static void listen_there(const char *unused)
{
	struct sockaddr_in address;

	(void)unused;
	listen_somewhere(&address);
}

static void listening_is_no_connection(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = look_at(listen_there, NULL);

	(void)state;
	expect_none(&report);
}

static void connect_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		_exit(1);
}

static void serve_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 4) < 0)
		_exit(1);
}

static void serve_and_accept(const char *path)
{
	serve_unix(path);
	connect_unix(path);
	if (accept(listener, NULL, NULL) < 0)
		_exit(1);
}

static void unix_connections(void **state)
{
	char path[128];
	int both[2], accepted;
	pid_t client;

	(void)state;
	snprintf(path, sizeof(path), "%s/socket", scratch.path);
	serve_unix(path);
	client = child_that(connect_unix, path);
	accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct nvb_preflight_report report = look(&client, 1);
	expect(&report, "socket-outside", true, path);
	nvb_preflight_report_release(&report);
	close(accepted);
	close(listener);
	end_child(client);

	/* Both ends in one capsule. */
	snprintf(path, sizeof(path), "%s/inside", scratch.path);
	both[0] = child_that(serve_and_accept, path);
	both[1] = child_that(NULL, NULL);
	report = look(both, 2);
	expect_none(&report);
	nvb_preflight_report_release(&report);
	end_child(both[0]);
	end_child(both[1]);
}

/* The driver's own connection is CUDA's: the same one of a process without CUDA is one to the outside. */
static void the_drivers_connection(void **state)
{
	char path[128];
	int accepted;
	pid_t client;

	(void)state;
	scratch_mkdir("run/nvidia-persistenced");
	snprintf(path, sizeof(path), "%s/run/nvidia-persistenced/socket", scratch.path);
	serve_unix(path);
	client = child_that(connect_unix, path);
	accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct nvb_preflight_report report = look(&client, 1);
	expect(&report, "socket-outside", true, "nvidia-persistenced");
	nvb_preflight_report_release(&report);
	close(accepted);
	close(listener);
	end_child(client);
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

static void keep_open(const char *path)
{
	if (open(path, O_RDONLY) < 0 || memfd_create("x", 0) < 0)
		_exit(1);
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
	_cleanup_preflight_ struct nvb_preflight_report tiny = {0}, small = {0};
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
	assert_int_equal(mount("none", place, "tmpfs", MS_REMOUNT, "size=32m"), 0);
	assert_int_equal(nvb_preflight_take(&capsule, &small, NULL), 0);
	expect(&small, "disk", false, "32 MiB");
	assert_int_equal(umount(place), 0);
	end_child(pid);
}

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

/* A libcuda that says it has the calls, in the machine's own directory. */
static void make_driver(const char *version)
{
	static char top[64];

	scratch_mkdir("usr/lib/x86_64-linux-gnu");
	assert_int_equal(nvb_file_write(scratch.fd, "usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15",
				 "\0cuCheckpointProcessLock", 25, 0755, NULL),
		0);
	strcpy(top, scratch.path);
	inventory.roots.driver.fd = scratch.fd;
	inventory.roots.driver.path = top;
	inventory.driver.version = version;
	inventory.gpus[2].name = "NVIDIA Other";
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

static void tcp_lines(void **state)
{
	struct nvb_preflight_tcp t;

	(void)state;
	assert_true(
		nvb_preflight_tcp_parse("   1: 0100007F:1F90 0200000A:01BB 01 00000000:00000000 00:00000000 "
					"00000000  1000        0 31337 1 0000 100 0 0 10 0\n",
			&t));
	assert_string_equal(t.address, "10.0.0.2");
	assert_int_equal(t.port, 443);
	assert_int_equal(t.state, 1);
	assert_int_equal(t.inode, 31337);
	assert_true(nvb_preflight_tcp_parse(
		"  10: 00000000000000000000000001000000:0016 00000000000000000000000001000000:D431 0A "
		"00000000:00000000 00:00000000 00000000     0        0 77 1 0\n",
		&t));
	assert_string_equal(t.address, "::1");
	assert_int_equal(t.state, 10);
	t.port = 7;
	assert_false(nvb_preflight_tcp_parse("  sl  local_address rem_address   st", &t));
	assert_false(nvb_preflight_tcp_parse("", &t));
	assert_false(nvb_preflight_tcp_parse("   1: 0100007F:1F90 0200000A01BB 01 0:0 0:0 0 0 0 1", &t));
	assert_int_equal(t.port, 7);
}

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
		scratch_test(tcp_connections),
		scratch_test(listening_is_no_connection),
		scratch_test(unix_connections),
		scratch_test(the_drivers_connection),
		scratch_test(file_outside),
		scratch_test(file_inside),
		scratch_test(mount_of_what_was_removed),
		scratch_test(traced),
		scratch_test(criu),
		scratch_test(disk_too_small),
		scratch_test(restore_host),
		scratch_test(restore_gpus),
		scratch_test(restore_files),
		scratch_test(hostile_lines),
		scratch_test(tcp_lines),
		scratch_test(gpu_half_of_it),
		scratch_test(report_as_json),
		cmocka_unit_test(documented),
	};

	fixture_inventory(&inventory);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
