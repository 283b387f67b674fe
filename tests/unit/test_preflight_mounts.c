/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mountinfo.h"
#include "checkpoint/preflight_private.h"
#include "scratch.h"

/* Mounts behind which nobody answers: a file system of a program's that never reads what it is asked. */

static int serve_nothing(const char *directory)
{
	char options[96];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (fd >= 0 && mount("test", directory, "fuse", MS_NOSUID | MS_NODEV, options) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Takes what is asked, and answers nothing but the greeting: who asked then waits, killed or not. Ends with
 * the mount or by a signal. */
static pid_t listen_to(int fd)
{
	static char request[FUSE_MIN_READ_BUFFER + (1 << 17)];
	pid_t pid = fork();
	struct {
		struct fuse_out_header header;
		struct fuse_init_out init;
	} answer = {
		.header = {.len = sizeof(answer)},
		.init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096},
	};

	if (pid != 0)
		return pid;
	while (read(fd, request, sizeof(request)) > 0) {
		const struct fuse_in_header *header = (const void *)request;

		answer.header.unique = header->unique;
		if (header->opcode == FUSE_INIT && write(fd, &answer, sizeof(answer)) < 0)
			_exit(1);
	}
	_exit(0);
}

static size_t count_of(const struct nvb_preflight_report *report, const char *id, const char *words)
{
	size_t count = 0;

	for (size_t i = 0; i < report->count; i++)
		count += strcmp(report->list[i].id, id) == 0 && strstr(report->list[i].reason, words);
	return count;
}

static void silent_mounts(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = {0}, after = {0}, both = {0};
	_cleanup_free_ char *text = NULL;
	char line[4096 + 8];
	int fd, ends[2];
	pid_t listener;

	(void)state;
	scratch_mkdir("silent");
	snprintf(line, sizeof(line), "d %s", scratch_path("silent"));
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip();
	fd = serve_nothing(scratch_path("silent"));
	if (fd < 0)
		skip();
	/* Who waits there still, waits with nothing of ours. */
	listener = listen_to(fd);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(nvb_preflight_is_silent(scratch_path("silent")));
	close(ends[1]);
	assert_int_equal(poll(&(struct pollfd){.fd = ends[0]}, 1, 0), 1);
	close(ends[0]);
	assert_true(nvb_preflight_is_silent(scratch_path("silent/below")));
	assert_false(nvb_preflight_is_silent(scratch_path("silently")));
	assert_false(nvb_preflight_is_silent("/"));
	/* Before a snapshot, of the mounts of a process; before a restore, of what it wants. */
	assert_int_equal(
		nvb_file_read(AT_FDCWD, "/proc/self/mountinfo", NVB_MOUNTINFO_MAX, &text, NULL, NULL), 0);
	nvb_preflight_mounts(getpid(), text, &report);
	assert_int_equal(count_of(&report, "mount-silent", "silent (fuse) does not answer"), 1);
	nvb_preflight_wanted_files((char *const[]){(char *)"d /", line, NULL}, &both);
	assert_int_equal(both.count, 1);
	assert_int_equal(count_of(&both, "mount-silent", "silent does not answer"), 1);
	assert_true(nvb_preflight_fails(&both));
	/* Who has ended has answered: with an error. */
	kill(listener, SIGKILL);
	waitpid(listener, NULL, 0);
	close(fd);
	assert_false(nvb_preflight_is_silent(scratch_path("silent")));
	nvb_preflight_mounts(getpid(), text, &after);
	assert_int_equal(count_of(&after, "mount-silent", ""), 0);
	umount2(scratch_path("silent"), MNT_DETACH);
}

static void removed_mounts(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = {0};

	(void)state;
	nvb_preflight_mounts(getpid(),
		"21 1 0:5 / / rw - ext4 /dev/root rw\n"
		"22 21 0:5 /srv/one//deleted /data\\040one rw - ext4 /dev/root rw\n"
		"23 21 0:5 /srv/two /two rw - ext4 /dev/root rw\n",
		&report);
	assert_int_equal(report.count, 1);
	assert_int_equal(count_of(&report, "mount-gone", "/data one was removed"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(removed_mounts),
		scratch_test(silent_mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
