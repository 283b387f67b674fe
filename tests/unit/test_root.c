/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/root.h"
#include "base/str.h"
#include "base/walk.h"

/*
 * <scratch>/outside/secret  "outside"
 * <scratch>/root            the root; root/secret is "inside"
 */
static struct nvb_root root = NVB_ROOT_INIT;

static int make(void **state)
{
	if (scratch_make(state) < 0)
		return -1;
	scratch_mkdir("outside");
	scratch_write("outside/secret", "outside");
	scratch_mkdir("root/etc");
	scratch_write("root/secret", "inside");
	scratch_write("root/etc/passwd", "inside");
	return nvb_root_open(&root, scratch_path("root"), NULL);
}

static int unmake(void **state)
{
	nvb_root_close(&root);
	return scratch_remove(state);
}

static void put_link(const char *target, const char *path)
{
	assert_int_equal(symlinkat(target, scratch.fd, path), 0);
}

/* What stands in the file, or "-" when it cannot be read. */
static char *content(const char *path)
{
	char *data = NULL;

	if (nvb_root_read(&root, path, 4096, &data, NULL, NULL) < 0)
		return strdup("-");
	return data;
}

#define assert_content(path, expected)                    \
	do {                                              \
		_cleanup_free_ char *_is = content(path); \
		assert_string_equal(_is, expected);       \
	} while (0)

static void links_and_dots_stay_inside(void **state)
{
	(void)state;
	put_link("/secret", "root/absolute");
	put_link("../../../../secret", "root/etc/relative");
	put_link("../outside", "root/sibling");
	put_link(scratch_path("outside/secret"), "root/host-path");
	put_link("/", "root/etc/slash");
	assert_content("secret", "inside");
	assert_content("/secret", "inside");
	assert_content("///secret", "inside");
	assert_content("/../../../secret", "inside");
	assert_content("etc/../../secret", "inside");
	assert_content("absolute", "inside");
	assert_content("etc/relative", "inside");
	assert_content("etc/slash/secret", "inside");
	assert_content("sibling/secret", "-");
	assert_content("host-path", "-");
	assert_content("../outside/secret", "-");
}

/* /proc's links lead wherever a process's files are; they would jump over the root. */
static void magic_links_are_refused(void **state)
{
	_cleanup_root_ struct nvb_root host = NVB_ROOT_INIT;

	(void)state;
	assert_int_equal(nvb_root_open(&host, "/", NULL), 0);
	assert_int_equal(nvb_root_openat(&host, "/proc/self/root/etc/passwd", O_RDONLY, 0), -ELOOP);
	assert_int_equal(nvb_root_openat(&host, "/proc/self/cwd", O_PATH, 0), -ELOOP);
	assert_int_equal(nvb_root_openat(&host, "/proc/self/fd/0", O_RDONLY, 0), -ELOOP);
}

/* Without openat2 nothing jumps: what the link says is looked for below the root. */
static void magic_links_are_text_to_the_walk(void **state)
{
	_cleanup_root_ struct nvb_root proc = NVB_ROOT_INIT;

	(void)state;
	assert_int_equal(nvb_root_open(&proc, "/proc", NULL), 0);
	assert_int_equal(nvb_root_openat(&proc, "self/cwd/secret", O_PATH, 0), -ENOENT);
	assert_int_equal(nvb_root_openat(&proc, "self/root/etc/passwd", O_RDONLY, 0), -ENOENT);
	assert_int_equal(nvb_root_openat(&proc, "self/exe", O_PATH, 0), -ENOENT);
}

static void a_loop_of_links_ends(void **state)
{
	(void)state;
	put_link("b", "root/a");
	put_link("a", "root/b");
	assert_int_equal(nvb_root_openat(&root, "a", O_RDONLY, 0), -ELOOP);
}

static void opens_as_asked(void **state)
{
	_cleanup_close_ int fd = nvb_root_openat(&root, "secret", O_RDONLY, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	put_link("secret", "root/link");
	assert_int_equal(nvb_root_openat(&root, "link", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
	assert_int_equal(nvb_root_openat(&root, "absent", O_RDONLY, 0), -ENOENT);
	assert_int_equal(nvb_root_openat(&root, "secret", O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
	/* A FIFO hangs neither a reader nor a writer. */
	assert_int_equal(mkfifoat(scratch.fd, "root/fifo", 0600), 0);
	assert_int_equal(nvb_root_openat(&root, "fifo", O_WRONLY, 0), -ENXIO);
	assert_content("fifo", "-");
}

static void the_walk_creates_as_the_kernel_does(void **state)
{
	_cleanup_close_ int a = -1, b = -1;

	(void)state;
	put_link("/made-through-a-link", "root/dangling");
	assert_int_equal(nvb_root_openat(&root, "dangling", O_WRONLY | O_CREAT | O_EXCL, 0600), -EEXIST);
	assert_int_equal(nvb_root_openat(&root, "dangling", O_WRONLY | O_CREAT | O_NOFOLLOW, 0600), -ELOOP);
	a = nvb_root_openat(&root, "dangling", O_WRONLY | O_CREAT, 0600);
	assert_true(a >= 0);
	assert_int_equal(faccessat(scratch.fd, "root/made-through-a-link", F_OK, 0), 0);
	b = nvb_root_openat(&root, "fresh", O_WRONLY | O_CREAT | O_EXCL, 0640);
	assert_true(b >= 0);
	assert_int_equal(nvb_root_openat(&root, "secret/", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(nvb_root_openat(&root, "secret/..", O_RDONLY, 0), -ENOTDIR);
	assert_int_equal(nvb_root_openat(&root, "etc/..", O_WRONLY | O_CREAT, 0600), -EISDIR);
}

/* Every directory on the way is a descriptor. */
static void the_walk_minds_its_depth(void **state)
{
	char deep[4 * NVB_WALK_DEEPEST] = "root", *end = deep + strlen(deep);
	_cleanup_close_ int fd = -1;

	(void)state;
	for (int i = 0; i < NVB_WALK_DEEPEST; i++)
		end = stpcpy(end, "/d");
	scratch_mkdir(deep);
	fd = nvb_root_openat(&root, deep + strlen("root/"), O_PATH, 0);
	assert_true(fd >= 0);
	stpcpy(end, "/d/d");
	scratch_mkdir(deep);
	assert_int_equal(nvb_root_openat(&root, deep + strlen("root/"), O_PATH, 0), -ENAMETOOLONG);
}

static void stats_and_reads_links(void **state)
{
	struct stat st;
	char target[16];

	(void)state;
	put_link("/secret", "root/link");
	put_link("nowhere", "root/dangling");
	assert_int_equal(nvb_root_stat(&root, "link", true, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(nvb_root_stat(&root, "link", false, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(nvb_root_stat(&root, "dangling", true, &st), -ENOENT);
	assert_int_equal(nvb_root_stat(&root, "/", true, &st), 0);
	assert_int_equal(nvb_root_readlink(&root, "link", target, sizeof(target)), 7);
	assert_string_equal(target, "/secret");
	assert_int_equal(nvb_root_readlink(&root, "link", target, 7), -ENAMETOOLONG);
	assert_int_equal(nvb_root_readlink(&root, "secret", target, sizeof(target)), -EINVAL);
	assert_int_equal(nvb_root_readlink(&root, "absent", target, sizeof(target)), -ENOENT);
}

static void real_paths_are_below_the_root(void **state)
{
	static const struct {
		const char *path, *real;
	} cases[] = {
		{"/lib/f", "/usr/lib/f"},
		{"lib//../lib/f", "/usr/lib/f"},
		{"/", "/"},
		{"../..", "/"},
	};

	(void)state;
	scratch_mkdir("root/usr/lib");
	scratch_write("root/usr/lib/f", "");
	put_link("/usr/lib", "root/lib");
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *real = NULL;

		assert_int_equal(nvb_root_realpath(&root, cases[i].path, &real, NULL), 0);
		assert_string_equal(real, cases[i].real);
	}
	char *untouched = NULL;

	assert_int_equal(nvb_root_realpath(&root, "absent", &untouched, NULL), -NVB_ERR_NOT_FOUND);
	assert_null(untouched);
}

static void parents_are_made_inside(void **state)
{
	const char *name = NULL;
	int fd;

	(void)state;
	put_link("/elsewhere", "root/var");
	scratch_mkdir("root/elsewhere");
	fd = nvb_root_open_parent(&root, "/var/a//b/file", true, &name, NULL);
	assert_true(fd >= 0);
	assert_string_equal(name, "file");
	assert_int_equal(symlinkat("x", fd, name), 0);
	close(fd);
	assert_int_equal(faccessat(scratch.fd, "root/elsewhere/a/b/file", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(nvb_root_open_parent(&root, "no/file", false, &name, NULL), -NVB_ERR_NOT_FOUND);
	assert_int_equal(nvb_root_open_parent(&root, "etc/..", true, &name, NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_root_open_parent(&root, "etc/", true, &name, NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_root_open_parent(&root, "", true, &name, NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_root_open_parent(&root, "secret/x", true, &name, NULL), -NVB_ERR_NOT_FOUND);
	/* Through a link that dangles or leads out, nothing is made anywhere. */
	put_link("../../outside/new", "root/out");
	fd = nvb_root_open_parent(&root, "out/sub/file", true, &name, NULL);
	assert_true(fd < 0);
	assert_int_equal(faccessat(scratch.fd, "outside/new", F_OK, 0), -1);
	/* One part alone lies in the root itself. */
	fd = nvb_root_open_parent(&root, "file", false, &name, NULL);
	assert_true(fd >= 0);
	close(fd);
}

static void host_paths_join(void **state)
{
	_cleanup_root_ struct nvb_root host = NVB_ROOT_INIT, slashes = NVB_ROOT_INIT;
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;
	char expected[128];

	(void)state;
	assert_int_equal(nvb_root_open(&host, "/", NULL), 0);
	assert_int_equal(nvb_root_open(&slashes, scratch_path("root//"), NULL), 0);
	a = nvb_root_host_path(&host, "/usr/lib");
	b = nvb_root_host_path(&root, "/usr/lib");
	c = nvb_root_host_path(&slashes, "usr/lib");
	assert_string_equal(a, "/usr/lib");
	snprintf(expected, sizeof(expected), "%s/root/usr/lib", scratch.path);
	assert_string_equal(b, expected);
	assert_string_equal(c, expected);
	assert_int_equal(nvb_root_open(&host, scratch_path("absent"), NULL), -NVB_ERR_NOT_FOUND);
	assert_int_equal(nvb_root_open(&host, scratch_path("root/secret"), NULL), -NVB_ERR_NOT_FOUND);
}

enum { ROUNDS = 20000 };
static atomic_bool attacking;

/* Swaps a directory of the root for a link to one outside, and moves another out of the root and back. */
static void *attack(void *arg)
{
	(void)arg;
	while (attacking) {
		syscall(SYS_renameat2, scratch.fd, "root/dir", scratch.fd, "root/link",
			2 /* RENAME_EXCHANGE */);
		renameat(scratch.fd, "root/wander", scratch.fd, "outside/wander");
		renameat(scratch.fd, "outside/wander", scratch.fd, "root/wander");
	}
	return NULL;
}

static void a_renaming_attacker_gets_nothing_out(void **state)
{
	unsigned inside = 0;
	pthread_t thread;

	(void)state;
	scratch_mkdir("root/dir");
	scratch_mkdir("root/wander/deep");
	scratch_write("root/dir/secret", "inside");
	put_link(scratch_path("outside"), "root/link");
	attacking = true;
	assert_int_equal(pthread_create(&thread, NULL, attack, NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		static const char *const paths[] = {"dir/secret", "dir/../secret", "wander/../secret",
			"wander/deep/../../secret", "wander/deep/../../../outside/secret"};
		_cleanup_free_ char *is = content(paths[i % (int)NVB_ELEMENTS(paths)]);

		assert_string_not_equal(is, "outside");
		inside += nvb_streq(is, "inside");
	}
	attacking = false;
	pthread_join(thread, NULL);
	/* Else the test has seen nothing but errors. */
	assert_true(inside > 0);
}

/* From here on openat2 answers as a kernel from before 5.6 does. */
static bool forget_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {NVB_ELEMENTS(code), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#define root_test(f) cmocka_unit_test_setup_teardown(f, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		root_test(links_and_dots_stay_inside),
		root_test(magic_links_are_refused),
		root_test(a_loop_of_links_ends),
		root_test(opens_as_asked),
		root_test(stats_and_reads_links),
		root_test(real_paths_are_below_the_root),
		root_test(parents_are_made_inside),
		root_test(host_paths_join),
		root_test(a_renaming_attacker_gets_nothing_out),
	};

	static const struct CMUnitTest walked[] = {
		root_test(links_and_dots_stay_inside),
		root_test(magic_links_are_text_to_the_walk),
		root_test(a_loop_of_links_ends),
		root_test(opens_as_asked),
		root_test(the_walk_creates_as_the_kernel_does),
		root_test(the_walk_minds_its_depth),
		root_test(stats_and_reads_links),
		root_test(real_paths_are_below_the_root),
		root_test(parents_are_made_inside),
		root_test(a_renaming_attacker_gets_nothing_out),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (!forget_openat2()) {
		perror("seccomp");
		return 1;
	}
	return failed + cmocka_run_group_tests_name("walked", walked, NULL, NULL);
}
