/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/str.h"

static void reads_what_is_there(void **state)
{
	_cleanup_free_ char *data = NULL, *proc = NULL;
	size_t size = 0;

	(void)state;
	assert_int_equal(nvb_file_write(scratch.fd, "f", "a\0b", 3, 0644, NULL), 0);
	assert_int_equal(nvb_file_read(scratch.fd, "f", 3, &data, &size, NULL), 0);
	assert_int_equal(size, 3);
	assert_memory_equal(data, "a\0b", 4); /* with the NUL behind its end */
	/* /proc says size 0 whatever it holds. */
	assert_int_equal(nvb_file_read(AT_FDCWD, "/proc/self/status", 65536, &proc, &size, NULL), 0);
	assert_int_equal(strlen(proc), size);
	assert_non_null(strstr(proc, "VmRSS:"));
}

static void refuses_what_is_too_large(void **state)
{
	_cleanup_error_ nvb_error *err = NULL, *sparse = NULL, *proc = NULL;
	char *data = (char *)"untouched";
	int fd;

	(void)state;
	scratch_write("f", "1234");
	assert_int_equal(nvb_file_read(scratch.fd, "f", 3, &data, NULL, &err), -NVB_ERR_CORRUPT);
	assert_string_equal(nvb_error_message(err), "f: larger than 3 bytes");
	/* A file of a terabyte of nothing must not be allocated first. */
	fd = openat(scratch.fd, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 1LL << 40), 0);
	close(fd);
	assert_int_equal(
		nvb_file_read(scratch.fd, "sparse", 1 << 20, &data, NULL, &sparse), -NVB_ERR_CORRUPT);
	/* Nor may an attribute that says 0 be read without an end. */
	assert_int_equal(
		nvb_file_read(AT_FDCWD, "/proc/self/status", 16, &data, NULL, &proc), -NVB_ERR_CORRUPT);
	assert_string_equal(data, "untouched");
}

static void refuses_what_is_no_file(void **state)
{
	static const char *const paths[] = {"fifo", "directory", "socket-link", "/dev/zero", "/dev/full"};
	char *data = NULL;

	(void)state;
	assert_int_equal(mkfifoat(scratch.fd, "fifo", 0600), 0);
	scratch_mkdir("directory");
	assert_int_equal(symlinkat("fifo", scratch.fd, "socket-link"), 0);
	for (size_t i = 0; i < NVB_ELEMENTS(paths); i++) {
		_cleanup_error_ nvb_error *err = NULL;

		/* A FIFO without a writer would block here for ever. */
		assert_int_equal(
			nvb_file_read(scratch.fd, paths[i], 100, &data, NULL, &err), -NVB_ERR_CORRUPT);
		assert_non_null(strstr(nvb_error_message(err), "not a regular file"));
	}
	assert_int_equal(nvb_file_read(scratch.fd, "absent", 100, &data, NULL, NULL), -NVB_ERR_NOT_FOUND);
	assert_null(data);
}

static size_t entries(int fd)
{
	_cleanup_closedir_ DIR *dir = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	while (readdir(dir))
		n++;
	return n - 2;
}

static void writes_with_the_mode_asked_for(void **state)
{
	mode_t old = umask(0077);
	struct stat st;

	(void)state;
	scratch_write("f", "x");
	umask(old);
	assert_int_equal(fstatat(scratch.fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(entries(scratch.fd), 1);
}

static void replaces_a_link_and_not_its_target(void **state)
{
	_cleanup_free_ char *target = NULL;
	struct stat st;

	(void)state;
	scratch_write("target", "old");
	assert_int_equal(symlinkat("target", scratch.fd, "link"), 0);
	scratch_write("link", "new");
	assert_int_equal(fstatat(scratch.fd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(nvb_file_read(scratch.fd, "target", 9, &target, NULL, NULL), 0);
	assert_string_equal(target, "old");
}

static void keeps_mode_and_owner_of_what_it_replaces(void **state)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(nvb_file_replace(scratch.fd, "absent", "x", 1, NULL), -NVB_ERR_NOT_FOUND);
	scratch_write("f", "old");
	assert_int_equal(symlinkat("f", scratch.fd, "link"), 0);
	assert_int_equal(nvb_file_replace(scratch.fd, "link", "x", 1, NULL), -NVB_ERR_INVALID);
	assert_int_equal(fchmodat(scratch.fd, "f", 0640, 0), 0);
	if (geteuid() == 0)
		assert_int_equal(fchownat(scratch.fd, "f", 12, 34, 0), 0);
	assert_int_equal(nvb_file_replace(scratch.fd, "f", "new", 3, NULL), 0);
	assert_int_equal(nvb_file_read(scratch.fd, "f", 9, &data, NULL, NULL), 0);
	assert_string_equal(data, "new");
	assert_int_equal(fstatat(scratch.fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_uid, geteuid() == 0 ? 12 : geteuid());
	assert_int_equal(entries(scratch.fd), 2);
}

static void a_failed_write_leaves_nothing(void **state)
{
	_cleanup_error_ nvb_error *err = NULL;

	(void)state;
	scratch_mkdir("directory/full");
	assert_int_equal(nvb_file_write(scratch.fd, "directory", "x", 1, 0644, &err), -NVB_ERR_SYSTEM);
	assert_non_null(strstr(nvb_error_message(err), "writing directory"));
	assert_int_equal(nvb_file_write(scratch.fd, "absent/f", "x", 1, 0644, NULL), -NVB_ERR_NOT_FOUND);
	assert_int_equal(entries(scratch.fd), 1);
}

/* A disk that is full: /dev/full cannot be renamed onto, so a file size limit stands for it. */
static void a_full_disk_leaves_the_old_file(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	scratch_write("f", "old");
	pid = fork();
	if (pid == 0) {
		static char large[8192];
		struct rlimit limit = {4096, 4096};

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(nvb_file_write(scratch.fd, "f", large, sizeof(large), 0644, NULL) == -NVB_ERR_SYSTEM
				? 0
				: 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	_cleanup_free_ char *data = NULL;

	assert_int_equal(nvb_file_read(scratch.fd, "f", 100, &data, NULL, NULL), 0);
	assert_string_equal(data, "old");
	assert_int_equal(entries(scratch.fd), 1);
}

enum { WHOLE = 64 * 1024, REWRITES = 60 };
static atomic_bool rewriting;

static void *rewrite(void *arg)
{
	static char text[WHOLE];

	(void)arg;
	for (int i = 0; i < REWRITES; i++) {
		memset(text, i % 2 ? 'a' : 'b', sizeof(text));
		nvb_file_write(scratch.fd, "f", text, sizeof(text), 0644, NULL);
	}
	rewriting = false;
	return NULL;
}

static void a_reader_sees_old_or_new(void **state)
{
	pthread_t thread;
	unsigned reads = 0;

	(void)state;
	rewriting = true;
	assert_int_equal(pthread_create(&thread, NULL, rewrite, NULL), 0);
	while (rewriting || reads == 0) {
		_cleanup_free_ char *data = NULL;
		size_t size;

		if (nvb_file_read(scratch.fd, "f", WHOLE, &data, &size, NULL) < 0)
			continue;
		assert_int_equal(size, WHOLE);
		assert_int_equal(data[0], data[WHOLE - 1]);
		assert_null(memchr(data, data[0] == 'a' ? 'b' : 'a', WHOLE));
		reads++;
	}
	pthread_join(thread, NULL);
}

static void makes_directories(void **state)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(nvb_file_mkdirs(scratch.fd, "a//b/./c/", 0755, NULL), 0);
	assert_int_equal(nvb_file_mkdirs(scratch.fd, "a/b/c", 0755, NULL), 0);
	assert_int_equal(fstatat(scratch.fd, "a/b/c", &st, 0), 0);
	assert_int_equal(nvb_file_mkdirs(AT_FDCWD, scratch_path("x/y"), 0755, NULL), 0);
	scratch_write("file", "");
	assert_int_equal(nvb_file_mkdirs(scratch.fd, "file", 0755, &err), -NVB_ERR_CONFLICT);
	assert_int_equal(nvb_file_mkdirs(scratch.fd, "file/below", 0755, NULL), -NVB_ERR_NOT_FOUND);
}

static void removes_trees_but_not_what_links_lead_to(void **state)
{
	(void)state;
	scratch_mkdir("keep");
	scratch_write("keep/f", "x");
	scratch_mkdir("tree/a/b");
	scratch_write("tree/a/f", "x");
	assert_int_equal(symlinkat("../../keep", scratch.fd, "tree/a/link"), 0);
	assert_int_equal(symlinkat(scratch_path("keep"), scratch.fd, "tree/absolute"), 0);
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "tree", NULL), 0);
	assert_int_equal(faccessat(scratch.fd, "tree", F_OK, 0), -1);
	assert_int_equal(faccessat(scratch.fd, "keep/f", F_OK, 0), 0);
	/* The link itself when it is what is named. */
	assert_int_equal(symlinkat("keep", scratch.fd, "link"), 0);
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "link", NULL), 0);
	assert_int_equal(faccessat(scratch.fd, "keep/f", F_OK, 0), 0);
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "tree", NULL), 0);
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "no/such/tree", NULL), 0);
	assert_int_equal(nvb_file_remove_tree(AT_FDCWD, scratch_path("keep/"), NULL), 0);
	assert_int_equal(entries(scratch.fd), 0);
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "..", NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "/", NULL), -NVB_ERR_INVALID);
}

/* Deeper than a process has descriptors (a container can make such a tree). */
static void removes_trees_of_any_depth(void **state)
{
	struct rlimit old, few;
	int fd = dup(scratch.fd);

	(void)state;
	for (int i = 0; i < 3000; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0700), 0);
		if (i % 100 == 0)
			assert_int_equal(mkdirat(fd, "e", 0700), 0);
		next = openat(fd, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){.rlim_cur = 100, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "d", NULL), 0);
	assert_int_equal(nvb_file_remove_tree(scratch.fd, "e", NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(entries(scratch.fd), 0);
}

/* In a mount namespace of its own: 0 as it should be, 77 when that cannot be had. */
static int remove_over_bind_mount(void)
{
	_cleanup_error_ nvb_error *err = NULL, *top = NULL;
	char from[128], to[128];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	snprintf(from, sizeof(from), "%s/keep", scratch.path);
	snprintf(to, sizeof(to), "%s/tree/mounted", scratch.path);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return 77;
	if (nvb_file_remove_tree(AT_FDCWD, scratch_path("tree"), &err) != -NVB_ERR_BUSY)
		return 1;
	if (nvb_file_remove_tree(AT_FDCWD, to, &top) != -NVB_ERR_BUSY)
		return 2;
	return access(scratch_path("keep/f"), F_OK) == 0 ? 0 : 3;
}

static void enters_no_mount_of_the_same_file_system(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	scratch_mkdir("keep");
	scratch_mkdir("tree/mounted");
	scratch_write("keep/f", "x");
	pid = fork();
	if (pid == 0)
		_exit(remove_over_bind_mount());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

/* `--output /dev/null` as root must not put a file in the place of the device. */
static void output_keeps_what_is_no_file(void **state)
{
	char path[PATH_MAX], link[PATH_MAX], text[8] = "";
	struct stat st;
	int reader;

	(void)state;
	snprintf(path, sizeof(path), "%s/pipe", scratch.path);
	snprintf(link, sizeof(link), "%s/link", scratch.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(symlink("pipe", link), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	assert_int_equal(nvb_file_output(path, "ab", 2, 0644, NULL), 0);
	assert_int_equal(nvb_file_output(link, "cd", 2, 0644, NULL), 0);
	assert_int_equal(read(reader, text, sizeof(text)), 4);
	assert_string_equal(text, "abcd");
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	close(reader);
	assert_int_equal(unlink(path), 0);

	/* A file is replaced where it lies, or made. */
	scratch_write("pipe", "old");
	assert_int_equal(nvb_file_output(link, "new", 3, 0644, NULL), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(nvb_file_output(path, "n", 1, 0644, NULL), 0);
	assert_int_equal(nvb_file_output(scratch.path, "n", 1, 0644, NULL), -NVB_ERR_SYSTEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(output_keeps_what_is_no_file),
		scratch_test(reads_what_is_there),
		scratch_test(refuses_what_is_too_large),
		scratch_test(refuses_what_is_no_file),
		scratch_test(writes_with_the_mode_asked_for),
		scratch_test(replaces_a_link_and_not_its_target),
		scratch_test(keeps_mode_and_owner_of_what_it_replaces),
		scratch_test(a_failed_write_leaves_nothing),
		scratch_test(a_full_disk_leaves_the_old_file),
		scratch_test(a_reader_sees_old_or_new),
		scratch_test(makes_directories),
		scratch_test(removes_trees_but_not_what_links_lead_to),
		scratch_test(removes_trees_of_any_depth),
		scratch_test(enters_no_mount_of_the_same_file_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
