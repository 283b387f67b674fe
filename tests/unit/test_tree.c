/* SPDX-License-Identifier: Apache-2.0 */
/* The driver tree: made whole, made once, told apart, given up. */
#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/str.h"
#include "container/tree.h"
#include "container/tree_name.h"

enum { COMPUTE = 1, GRAPHICS = 2 };

static char base[] = "/tmp/nvb-test-tree-XXXXXX";

static const char *at(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *at(const char *fmt, ...)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *p = paths[next++ % 4];
	int n = snprintf(p, PATH_MAX, "%s/", base);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p + n, PATH_MAX - (size_t)n, fmt, ap);
	va_end(ap);
	return p;
}

static void put(const char *path, const char *content)
{
	assert_int_equal(nvb_file_write(AT_FDCWD, path, content, strlen(content), 0644, NULL), 0);
}

static const struct nvb_link cuda_links[] = {
	{.path = "/usr/lib64/libcuda.so.1", .target = "libcuda.so.550"},
	{.path = "/usr/lib64/libcuda.so", .target = "libcuda.so.1"},
};
static struct nvb_file files[] = {
	{.kind = NVB_FILE_LIBRARY, .path = "/usr/lib64/libcuda.so.550", .links = cuda_links, .link_count = 2},
	{.kind = NVB_FILE_LIBRARY, .path = "/usr/lib64/libGLX_nvidia.so.550", .capabilities = GRAPHICS},
	{.kind = NVB_FILE_DATA, .path = "/usr/share/nvidia/nvoptix.bin", .capabilities = GRAPHICS},
	{.kind = NVB_FILE_BINARY, .path = "/usr/bin/nvidia-smi", .capabilities = COMPUTE},
	{.kind = NVB_FILE_SOCKET, .path = "/run/nvidia-persistenced/socket"},
	{.kind = NVB_FILE_DIRECTORY, .path = "/usr/lib/wsl/drivers/x"},
};
static struct nvb_inventory inventory = {
	.driver = {.version = "550.54.15"},
	.files = files,
	.file_count = NVB_ELEMENTS(files),
};

static int set_up(void **state _unused_)
{
	strcpy(base + strlen(base) - 6, "XXXXXX");
	if (!mkdtemp(base))
		return -1;
	nvb_file_mkdirs(AT_FDCWD, at("host/usr/lib64"), 0755, NULL);
	nvb_file_mkdirs(AT_FDCWD, at("host/usr/bin"), 0755, NULL);
	nvb_file_mkdirs(AT_FDCWD, at("host/usr/share/nvidia"), 0755, NULL);
	for (size_t i = 0; i < 4; i++)
		put(at("host%s", files[i].path), files[i].path);
	return nvb_root_open(&inventory.roots.driver, at("host"), NULL);
}

static int tear_down(void **state _unused_)
{
	nvb_root_close(&inventory.roots.driver);
	return nvb_file_remove_tree(AT_FDCWD, base, NULL);
}

static char *ensure(unsigned capabilities, const char *where)
{
	char *path = NULL;

	assert_int_equal(nvb_tree_ensure(&inventory, capabilities, where, &path, NULL, NULL), 0);
	return path;
}

static const char *name_of(const char *path)
{
	const char *name = path;

	for (const char *p = path; *p; p++)
		if (*p == '/')
			name = p + 1;
	return name;
}

static bool exists(const char *tree, const char *path, struct stat *st)
{
	char joined[PATH_MAX];

	snprintf(joined, sizeof(joined), "%s%s", tree, path);
	return lstat(joined, st) == 0;
}

/* Containers' users read there, however careful its maker is with files of his own. */
static void does_not_depend_on_the_umask(void **state _unused_)
{
	mode_t before = umask(077);
	_cleanup_free_ char *tree = ensure(COMPUTE, at("careful"));
	struct stat st;

	umask(before);
	assert_true(exists(tree, "", &st));
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(exists(tree, "/usr", &st));
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(exists(tree, "/usr/lib64", &st));
	assert_int_equal(st.st_mode & 07777, 0755);
}

/* A spec that names the tree is read with another working directory. */
static void its_path_is_absolute(void **state _unused_)
{
	_cleanup_free_ char *tree = NULL, *expected = NULL;
	int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(before >= 0);
	assert_int_equal(chdir(base), 0);
	tree = ensure(COMPUTE, "rel/trees");
	assert_int_equal(fchdir(before), 0);
	close(before);
	expected = ensure(COMPUTE, at("rel/trees"));
	assert_string_equal(tree, expected);
}

static void is_a_mirror_of_links(void **state _unused_)
{
	_cleanup_free_ char *tree = ensure(COMPUTE, at("trees")), *again = NULL;
	struct stat here, there;
	char target[64] = "";

	assert_true(exists(tree, "/usr/lib64/libcuda.so.550", &there));
	assert_int_equal(stat(at("host/usr/lib64/libcuda.so.550"), &here), 0);
	assert_int_equal(here.st_ino, there.st_ino);
	assert_true(exists(tree, "/usr/bin/nvidia-smi", &there));
	assert_false(exists(tree, "/usr/lib64/libGLX_nvidia.so.550", &there));
	assert_false(exists(tree, "/run", &there));
	assert_false(exists(tree, "/usr/lib/wsl", &there));
	assert_true(exists(tree, "/usr/lib64/libcuda.so", &there) && S_ISLNK(there.st_mode));
	assert_true(
		readlink(at("trees/%s/usr/lib64/libcuda.so.1", name_of(tree)), target, sizeof(target)) > 0);
	assert_string_equal(target, "libcuda.so.550");
	again = ensure(COMPUTE, at("trees"));
	assert_string_equal(tree, again);
	assert_true(nvb_tree_is_name(name_of(tree)));
	assert_non_null(strstr(tree, "/550.54.15-"));
}

static void another_driver_is_another_tree(void **state _unused_)
{
	_cleanup_free_ char *compute = ensure(COMPUTE, at("trees")),
			    *both = ensure(COMPUTE | GRAPHICS, at("trees")), *after = NULL;
	struct stat old, new;

	assert_string_not_equal(compute, both);
	/* As a package manager does it: a new file under the old name. */
	put(at("host/usr/lib64/libcuda.so.550"), "the same version, built again");
	after = ensure(COMPUTE, at("trees"));
	assert_string_not_equal(compute, after);
	assert_true(exists(compute, "/usr/lib64/libcuda.so.550", &old));
	assert_true(exists(after, "/usr/lib64/libcuda.so.550", &new));
	assert_int_equal(old.st_size, strlen("/usr/lib64/libcuda.so.550"));
	assert_int_equal(new.st_size, strlen("the same version, built again"));
}

static void copies_across_file_systems(void **state _unused_)
{
	char elsewhere[] = "/dev/shm/nvb-test-tree-XXXXXX";
	_cleanup_free_ char *tree = NULL, *content = NULL;
	struct stat here, there, copied;
	char path[PATH_MAX];

	if (!mkdtemp(elsewhere))
		skip();
	stat(base, &here);
	stat(elsewhere, &there);
	if (here.st_dev == there.st_dev) {
		rmdir(elsewhere);
		skip();
	}
	tree = ensure(COMPUTE, elsewhere);
	assert_true(exists(tree, "/usr/lib64/libcuda.so.550", &copied));
	stat(at("host/usr/lib64/libcuda.so.550"), &here);
	assert_int_equal(copied.st_dev, there.st_dev);
	assert_int_equal(copied.st_mtim.tv_nsec, here.st_mtim.tv_nsec);
	assert_int_equal(copied.st_mode & 07777, 0644);
	snprintf(path, sizeof(path), "%s/usr/lib64/libcuda.so.550", tree);
	assert_int_equal(nvb_file_read(AT_FDCWD, path, 4096, &content, NULL, NULL), 0);
	assert_string_equal(content, "/usr/lib64/libcuda.so.550");
	nvb_file_remove_tree(AT_FDCWD, elsewhere, NULL);
}

static void racers_get_one_tree(void **state _unused_)
{
	enum { RACERS = 8 };
	_cleanup_free_ char *tree = NULL;
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	pid_t pids[RACERS];
	size_t count = 0;
	struct stat st;

	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char *path = NULL;

			_exit(nvb_tree_ensure(&inventory, COMPUTE | GRAPHICS, at("trees"), &path, NULL, NULL)
					? 1
					: 0);
		}
	}
	for (int i = 0; i < RACERS; i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	tree = ensure(COMPUTE | GRAPHICS, at("trees"));
	assert_true(exists(tree, "/usr/share/nvidia/nvoptix.bin", &st));
	dir = opendir(at("trees"));
	while ((entry = readdir(dir)))
		count += !nvb_streq(entry->d_name, ".") && !nvb_streq(entry->d_name, "..");
	assert_int_equal(count, 1); /* the losers cleaned up */
}

static size_t entries_of(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	const struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir)))
		count += !nvb_streq(entry->d_name, ".") && !nvb_streq(entry->d_name, "..");
	return count;
}

static void a_file_that_vanishes(void **state _unused_)
{
	_cleanup_error_ nvb_error *err = NULL;
	char *path = NULL;

	unlink(at("host/usr/bin/nvidia-smi"));
	assert_int_equal(
		nvb_tree_ensure(&inventory, COMPUTE, at("trees"), &path, NULL, &err), -NVB_ERR_NOT_FOUND);
	assert_non_null(strstr(nvb_error_message(err), "/usr/bin/nvidia-smi"));
	assert_null(path);
	assert_int_equal(entries_of(at("trees")), 0);
}

static void strangers_cannot_plant_trees(void **state _unused_)
{
	char *path = NULL;

	assert_int_equal(mkdir(at("trees"), 0755), 0);
	assert_int_equal(chmod(at("trees"), 0777), 0);
	assert_int_equal(
		nvb_tree_ensure(&inventory, COMPUTE, at("trees"), &path, NULL, NULL), -NVB_ERR_PERMISSION);
}

static void age(const char *path)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	assert_int_equal(utimensat(AT_FDCWD, path, old, AT_SYMLINK_NOFOLLOW), 0);
}

static void what_nobody_wants_goes(void **state _unused_)
{
	_cleanup_free_ char *kept = ensure(COMPUTE, at("trees")), *old = ensure(GRAPHICS, at("trees")),
			    *recent = ensure(COMPUTE | GRAPHICS, at("trees")), *path = NULL;
	struct stat st;
	int busy;

	age(kept);
	age(old);
	assert_int_equal(mkdir(at("trees/" NVB_TREE_UNFINISHED "dead"), 0755), 0);
	assert_int_equal(mkdir(at("trees/" NVB_TREE_UNFINISHED "busy"), 0755), 0);
	assert_int_equal(mkdir(at("trees/notes"), 0755), 0);
	busy = open(at("trees/" NVB_TREE_UNFINISHED "busy"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(busy, LOCK_EX), 0);
	assert_int_equal(nvb_tree_path(&inventory, COMPUTE, at("trees"), &path, NULL), 0);
	assert_string_equal(path, kept);
	assert_int_equal(nvb_tree_prune(at("trees"), (const char *const[]){"x", kept, NULL}, NULL, NULL), 0);
	assert_int_equal(lstat(kept, &st), 0);
	assert_int_equal(lstat(recent, &st), 0);
	assert_int_equal(lstat(old, &st), -1);
	assert_int_equal(lstat(at("trees/notes"), &st), 0);
	assert_int_equal(lstat(at("trees/" NVB_TREE_UNFINISHED "dead"), &st), -1);
	assert_int_equal(lstat(at("trees/" NVB_TREE_UNFINISHED "busy"), &st), 0);
	close(busy);
	assert_int_equal(nvb_tree_prune(at("absent"), NULL, NULL, NULL), 0);
}

/* A child in a mount namespace of its own mounts the tree somewhere, as a container's runtime does. */
static pid_t mount_elsewhere(const char *tree, const char *type, int *hold)
{
	int ready[2], end[2];
	char options[PATH_MAX + 32], byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	snprintf(options, sizeof(options), "lowerdir=%s:%s", tree, at("host"));
	assert_int_equal(mkdir(at("mnt"), 0755) < 0 && errno != EEXIST, 0);
	pid = fork();
	if (pid == 0) {
		close(end[1]);
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(77);
		if (type ? mount("overlay", at("mnt"), type, MS_RDONLY, options)
			 : mount(tree, at("mnt"), NULL, MS_BIND, NULL))
			_exit(77);
		_exit(write(ready[1], "x", 1) == 1 && read(end[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(ready[1]);
	close(end[0]);
	*hold = end[1];
	if (read(ready[0], &byte, 1) != 1)
		byte = 0;
	close(ready[0]);
	if (byte == 'x')
		return pid;
	close(*hold);
	waitpid(pid, NULL, 0);
	return -1;
}

static void what_is_mounted_stays(void **state _unused_)
{
	static const char *const types[] = {NULL, "overlay"};

	for (size_t i = 0; i < NVB_ELEMENTS(types); i++) {
		_cleanup_free_ char *tree = ensure(COMPUTE, at("trees"));
		struct stat st;
		pid_t pid;
		int hold;

		age(tree);
		pid = mount_elsewhere(tree, types[i], &hold);
		if (pid < 0)
			skip(); /* needs root */
		assert_int_equal(nvb_tree_prune(at("trees"), NULL, NULL, NULL), 0);
		assert_int_equal(lstat(tree, &st), 0);
		close(hold);
		waitpid(pid, NULL, 0);
		assert_int_equal(nvb_tree_prune(at("trees"), NULL, NULL, NULL), 0);
		assert_int_equal(lstat(tree, &st), -1);
	}
}

static void names(void **state _unused_)
{
	struct nvb_tree_digest digest = NVB_TREE_DIGEST_INIT;
	char name[NVB_TREE_NAME_MAX];

	nvb_tree_name(&digest, "../..//etc", name);
	assert_null(strchr(name, '/'));
	assert_true(name[0] != '.');
	assert_true(nvb_tree_is_name(name));
	nvb_tree_name(&digest, NULL, name);
	assert_true(nvb_tree_is_name(name));
	assert_false(nvb_tree_is_name("550.54.15"));
	assert_false(nvb_tree_is_name(".new-0123456789abcdef0123456789abcdef"));
	assert_false(nvb_tree_is_name("x-0123456789abcdef0123456789abcdeg"));
}

int main(void)
{
#define WITH_DRIVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_DRIVER(its_path_is_absolute),
		WITH_DRIVER(is_a_mirror_of_links),
		WITH_DRIVER(does_not_depend_on_the_umask),
		WITH_DRIVER(another_driver_is_another_tree),
		WITH_DRIVER(copies_across_file_systems),
		WITH_DRIVER(racers_get_one_tree),
		WITH_DRIVER(a_file_that_vanishes),
		WITH_DRIVER(strangers_cannot_plant_trees),
		WITH_DRIVER(what_nobody_wants_goes),
		WITH_DRIVER(what_is_mounted_stays),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
