/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "base/root.h"
#include "checkpoint/install.h"
#include "checkpoint/processes.h"
#include "scratch.h"

/* A restored capsule gets nodes of new GPUs while its processes run, which may put something else there. */

static struct nvb_restored_node wanted(void)
{
	return (struct nvb_restored_node){
		.number = makedev(1, 3), .uid = geteuid(), .gid = getegid(), .mode = 0666};
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(scratch.fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static void refused(const char *name)
{
	const struct nvb_restored_node node = wanted();

	assert_int_equal(nvb_restore_own_node(scratch.fd, name, &node, NULL), -NVB_ERR_CONFLICT);
}

static void a_link_is_not_followed(void **state)
{
	(void)state;
	scratch_write("victim", "a file of the host's");
	assert_int_equal(fchmodat(scratch.fd, "victim", 0600, 0), 0);
	assert_int_equal(symlinkat(scratch_path("victim"), scratch.fd, "node"), 0);
	refused("node");
	assert_int_equal(mode_of("victim"), 0600);
	/* Nor one to the very device. */
	assert_int_equal(symlinkat("/dev/null", scratch.fd, "null"), 0);
	refused("null");
}

static void a_file_is_left_alone(void **state)
{
	(void)state;
	scratch_write("node", "another name of a volume's file");
	assert_int_equal(fchmodat(scratch.fd, "node", 0600, 0), 0);
	refused("node");
	assert_int_equal(mode_of("node"), 0600);
}

static void a_node_gets_its_mode(void **state)
{
	struct nvb_restored_node node = wanted();

	(void)state;
	if (mknodat(scratch.fd, "node", S_IFCHR | 0600, node.number) < 0) {
		assert_int_equal(errno, EPERM);
		skip();
	}
	assert_int_equal(nvb_restore_own_node(scratch.fd, "node", &node, NULL), 0);
	assert_int_equal(mode_of("node"), 0666);
	node.number = makedev(1, 5);
	node.mode = 0600;
	assert_int_equal(nvb_restore_own_node(scratch.fd, "node", &node, NULL), -NVB_ERR_CONFLICT);
	assert_int_equal(mode_of("node"), 0666);
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

/* A number is not the process that had it: the root of somebody else's is none to make nodes in. */
static void root_of_the_first(void **state)
{
	pid_t pid = sleeper(), other = sleeper();
	struct nvb_root root = NVB_ROOT_INIT, none = NVB_ROOT_INIT;
	nvb_error *err = NULL;
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "%d\n", pid);
	scratch_mkdir("group");
	scratch_write("group/cgroup.procs", text);
	assert_int_equal(nvb_restore_open_root(pid, scratch_path("group"), &root, NULL), 0);
	nvb_root_close(&root);
	assert_int_equal(
		nvb_restore_open_root(other, scratch_path("group"), &none, &err), -NVB_ERR_NOT_FOUND);
	assert_non_null(strstr(nvb_error_message(err), "has ended"));
	nvb_error_free(err);
	nvb_root_close(&none);
	kill(other, SIGKILL);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
	assert_int_equal(nvb_restore_open_root(pid, scratch_path("group"), &none, NULL), -NVB_ERR_NOT_FOUND);
	nvb_root_close(&none);
	waitpid(pid, NULL, 0);
	waitpid(other, NULL, 0);
}

/* Who began at another time is not the one to be ended. */
static void ends_who_is_meant(void **state)
{
	pid_t pid = sleeper();
	uint64_t started = nvb_proc_start_time(pid);
	int status;

	(void)state;
	nvb_processes_end(pid, started + 1);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	usleep(20000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	nvb_processes_end(pid, started);
	assert_int_equal(waitpid(pid, &status, WNOHANG), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(a_link_is_not_followed),
		scratch_test(a_file_is_left_alone),
		scratch_test(a_node_gets_its_mode),
		scratch_test(root_of_the_first),
		scratch_test(ends_who_is_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
