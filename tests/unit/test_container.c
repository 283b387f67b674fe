/* SPDX-License-Identifier: Apache-2.0 */
/* Links, path files and caches in roots made for the purpose, hostile ones among them. */
#include "cmocka_all.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/ldcache.h"
#include "base/str.h"
#include "container/container.h"
#include "container/links.h"
#include "container/musl.h"
#include "sim/elf_writer.h"

static char base[] = "/tmp/nvb-test-container-XXXXXX";
static unsigned warnings;

static void count_warning(void *data _unused_, enum nvb_log_level level, const char *message _unused_)
{
	warnings += level == NVB_LOG_WARNING;
}

static const struct nvb_log counting = {.level = NVB_LOG_DEBUG, .emit = count_warning};

/* Every test has a fresh root, and something outside of it that must never change. */
static int make_root(void **state _unused_)
{
	char path[PATH_MAX];

	warnings = 0;
	strcpy(base + strlen(base) - 6, "XXXXXX");
	if (!mkdtemp(base))
		return -1;
	snprintf(path, sizeof(path), "%s/root", base);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/outside", base);
	return mkdir(path, 0755);
}

static bool outside_is_empty(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/outside", base);
	return rmdir(path) == 0 && mkdir(path, 0755) == 0;
}

static int remove_root(void **state _unused_)
{
	bool empty = outside_is_empty();

	nvb_file_remove_tree(AT_FDCWD, base, NULL);
	return empty ? 0 : -1;
}

/* A path below the fresh root; four at a time. */
static const char *in(const char *path)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *p = paths[next++ % 4];

	snprintf(p, PATH_MAX, "%s/root/%s", base, path);
	return p;
}

static void directory(const char *path)
{
	assert_int_equal(nvb_file_mkdirs(AT_FDCWD, in(path), 0755, NULL), 0);
}

static void file(const char *path, const char *content)
{
	assert_int_equal(nvb_file_write(AT_FDCWD, in(path), content, strlen(content), 0644, NULL), 0);
}

static void library(const char *path, const char *soname)
{
	const struct sim_elf_library l = {.machine = SIM_ELF_X86_64, .soname = soname, .text = ""};
	_cleanup_free_ char *image = NULL;
	size_t size;

	assert_int_equal(sim_elf_library(&l, &image, &size, NULL), 0);
	assert_int_equal(nvb_file_write(AT_FDCWD, in(path), image, size, 0755, NULL), 0);
}

static void assert_link(const char *path, const char *target)
{
	char text[PATH_MAX] = "";

	if (readlink(path, text, sizeof(text) - 1) < 0)
		fail_msg("%s is no link", path);
	assert_string_equal(text, target);
}

static void open_root(struct nvb_root *root, const char *path)
{
	assert_int_equal(nvb_root_open(root, path, NULL), 0);
}

static int make_link(const char *path, const char *target)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	const struct nvb_link link = {.path = path, .target = target};

	open_root(&root, in(""));
	return nvb_link_make(&(struct nvb_place){.content = &root, .top = &root}, &link, NULL);
}

static void links_are_made_once(void **state _unused_)
{
	assert_int_equal(make_link("/usr/lib/x/libcuda.so.1", "libcuda.so.550"), NVB_LINK_MADE);
	assert_link(in("usr/lib/x/libcuda.so.1"), "libcuda.so.550");
	assert_int_equal(make_link("/usr/lib/x/libcuda.so.1", "libcuda.so.550"), NVB_LINK_KEPT);
	assert_int_equal(make_link("/usr/lib/x/libcuda.so.1", "libcuda.so.580"), NVB_LINK_MADE);
	assert_link(in("usr/lib/x/libcuda.so.1"), "libcuda.so.580");
	assert_int_equal(rmdir(in("usr/lib/x")), -1); /* not empty, and no temporary name beside the link: */
	assert_int_equal(unlink(in("usr/lib/x/libcuda.so.1")), 0);
	assert_int_equal(rmdir(in("usr/lib/x")), 0);
}

static void files_and_directories_stay(void **state _unused_)
{
	char text[8] = "";
	int fd;

	file("libcuda.so.1", "mine");
	directory("libdir.so.1");
	assert_int_equal(mkfifo(in("fifo"), 0644), 0);
	assert_int_equal(make_link("/libcuda.so.1", "x"), NVB_LINK_LEFT);
	assert_int_equal(make_link("/libdir.so.1", "x"), NVB_LINK_LEFT);
	assert_int_equal(make_link("/fifo", "x"), NVB_LINK_LEFT);
	fd = open(in("libcuda.so.1"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof(text)), 4);
	close(fd);
	assert_string_equal(text, "mine");
}

static void links_stay_inside(void **state _unused_)
{
	char outside[PATH_MAX];

	snprintf(outside, sizeof(outside), "%s/outside", base);
	assert_int_equal(symlink(outside, in("absolute")), 0);
	assert_int_equal(symlink("../outside", in("relative")), 0);
	assert_int_equal(symlink("../../../../../../../../tmp", in("dots")), 0);
	assert_int_equal(symlink("loop", in("loop")), 0);
	/* What leads outside leads to the same name inside, or nowhere. */
	make_link("/absolute/a", "x");
	make_link("/relative/b", "x");
	make_link("/../outside/c", "x");
	assert_int_equal(make_link("/loop/d", "x"), -NVB_ERR_SYSTEM);
	assert_int_equal(make_link("/a/..", "x"), -NVB_ERR_INVALID);
	assert_int_equal(make_link("/a/", "x"), -NVB_ERR_INVALID);
	assert_true(outside_is_empty());
	directory("tmp");
	assert_int_equal(make_link("/dots/e", "x"), NVB_LINK_MADE);
	assert_link(in("tmp/e"), "x");
}

static void layers_keep_the_links_above(void **state _unused_)
{
	_cleanup_root_ struct nvb_root lower = NVB_ROOT_INIT, top = NVB_ROOT_INIT;
	const struct nvb_link links[] = {
		{.path = "/lib/x/libcuda.so.1", .target = "libcuda.so.550"},
		{.path = "/lib/x/present", .target = "right"},
		{.path = "/lib/x/wrong", .target = "right"},
		{.path = "/lib/x/file", .target = "right"},
		{.path = "/dangling/sub/a", .target = "x"},
		{.path = "/new/sub/a", .target = "x"},
	};
	struct stat st;

	directory("lower/usr/lib/x");
	directory("top");
	assert_int_equal(chmod(in("lower/usr/lib/x"), 0711), 0);
	assert_int_equal(symlink("usr/lib", in("lower/lib")), 0);
	assert_int_equal(symlink("right", in("lower/usr/lib/x/present")), 0);
	assert_int_equal(symlink("left", in("lower/usr/lib/x/wrong")), 0);
	assert_int_equal(symlink("nowhere", in("lower/dangling")), 0);
	file("lower/usr/lib/x/file", "mine");
	open_root(&lower, in("lower"));
	open_root(&top, in("top"));
	nvb_links_make(
		&(struct nvb_place){.content = &lower, .top = &top}, links, NVB_ELEMENTS(links), &counting);
	assert_link(in("top/usr/lib/x/libcuda.so.1"), "libcuda.so.550");
	assert_link(in("top/usr/lib/x/wrong"), "right");
	assert_link(in("top/new/sub/a"), "x");
	assert_int_equal(lstat(in("top/lib"), &st), -1); /* would hide the image's link */
	assert_int_equal(lstat(in("top/dangling"), &st), -1);
	assert_int_equal(lstat(in("top/usr/lib/x/present"), &st), -1);
	assert_int_equal(lstat(in("top/usr/lib/x/file"), &st), -1);
	assert_int_equal(stat(in("top/usr/lib/x"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(warnings, 2);
}

static void apply(const char *const *directories, size_t count)
{
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	const struct nvb_container_work work = {.directories = directories, .directory_count = count};

	open_root(&root, in(""));
	assert_int_equal(nvb_container_apply(&root, &work, &counting, NULL), 0);
}

static void links_of_devices_follow_their_nodes(void **state _unused_)
{
	static const struct nvb_link links[] = {
		{"/dev/dri/by-path/here", "../card1"}, {"/dev/dri/by-path/not-here", "../card2"}};
	const struct nvb_container_work work = {.device_links = links, .device_link_count = 2};
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	struct stat st;

	directory("dev/dri");
	file("dev/dri/card1", "");
	open_root(&root, in(""));
	assert_int_equal(nvb_container_apply(&root, &work, &counting, NULL), 0);
	assert_link(in("dev/dri/by-path/here"), "../card1");
	assert_int_equal(lstat(in("dev/dri/by-path/not-here"), &st), -1);
}

static void read_cache(struct nvb_ldcache *cache)
{
	char *data;
	size_t size;

	assert_int_equal(nvb_file_read(AT_FDCWD, in("etc/ld.so.cache"), 1 << 20, &data, &size, NULL), 0);
	assert_int_equal(nvb_ldcache_parse(cache, data, size, NULL), 0);
}

static const char *const lib_only[] = {"/usr/lib/"};

static void a_cache_is_made(void **state _unused_)
{
	_cleanup_ldcache_ struct nvb_ldcache cache = {0};
	struct stat st;

	directory("usr/lib");
	library("usr/lib/libcuda.so.550", "libcuda.so.1");
	library("usr/lib/libnvidia-ml.so.550", "libnvidia-ml.so.1");
	library("usr/lib/nvidia_drv.so", "nvidia_drv.so");
	file("usr/lib/libtext.so.1", "GROUP(libother.so)");
	file("usr/lib/libempty.so.1", "");
	assert_int_equal(symlink("libcuda.so.550", in("usr/lib/libcuda.so.1")), 0);
	apply(lib_only, 1);
	read_cache(&cache);
	assert_int_equal(cache.count, 2);
	assert_string_equal(cache.entries[0].soname, "libnvidia-ml.so.1");
	assert_string_equal(cache.entries[0].path, "/usr/lib/libnvidia-ml.so.550");
	assert_string_equal(cache.entries[1].path, "/usr/lib/libcuda.so.1");
	assert_int_equal(stat(in("etc/ld.so.cache"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(warnings, 0);
}

static void the_images_own_stay(void **state _unused_)
{
	_cleanup_ldcache_ struct nvb_ldcache before = {0}, after = {0};

	directory("usr/lib");
	directory("opt");
	assert_int_equal(symlink("usr/lib", in("lib")), 0);
	library("usr/lib/libz.so.1.2", "libz.so.1");
	assert_int_equal(symlink("libz.so.1.2", in("usr/lib/libz.so.1")), 0);
	apply((const char *const[]){"/lib"}, 1); /* known as /lib/libz.so.1 */
	read_cache(&before);
	assert_string_equal(before.entries[0].path, "/lib/libz.so.1");
	library("usr/lib/libcuda.so.550", "libcuda.so.1");
	library("opt/libcuda.so.580", "libcuda.so.1");
	apply((const char *const[]){"/opt", "/usr/lib", "/absent"}, 3);
	read_cache(&after);
	assert_int_equal(after.count, 2);
	assert_string_equal(after.entries[0].path, "/lib/libz.so.1");
	assert_string_equal(after.entries[1].path, "/opt/libcuda.so.580");
}

/* A program that asks for "libcuda.so" is served where the link cannot be made, too. */
static void names_of_links_are_known(void **state _unused_)
{
	static const struct nvb_link links[] = {
		{.path = "/usr/lib/libcuda.so.1", .target = "libcuda.so.550"},
		{.path = "/usr/lib/libcuda.so", .target = "libcuda.so.1"},
		{.path = "/usr/lib/libother.so", .target = "libother.so.1"},
		{.path = "/usr/lib/gbm/nvidia-drm_gbm.so", .target = "../libcuda.so.1"},
		{.path = "/opt/libcuda.so", .target = "libcuda.so.1"},
	};
	_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
	_cleanup_ldcache_ struct nvb_ldcache cache = {0};
	const struct nvb_container_work work = {.links = links,
		.link_count = NVB_ELEMENTS(links),
		.directories = lib_only,
		.directory_count = 1};

	directory("usr/lib");
	library("usr/lib/libcuda.so.550", "libcuda.so.1");
	open_root(&root, in(""));
	assert_int_equal(nvb_container_apply(&root, &work, &counting, NULL), 0);
	read_cache(&cache);
	assert_int_equal(cache.count, 2);
	assert_string_equal(cache.entries[0].soname, "libcuda.so.1");
	assert_string_equal(cache.entries[1].soname, "libcuda.so");
	assert_string_equal(cache.entries[1].path, "/usr/lib/libcuda.so.1");
}

static void damaged_caches(void **state _unused_)
{
	_cleanup_ldcache_ struct nvb_ldcache cache = {0};

	directory("usr/lib");
	directory("etc");
	library("usr/lib/libcuda.so.550", "libcuda.so.1");
	file("etc/ld.so.cache", "glibc-ld.so.cache1.1 and then nothing that fits");
	apply(lib_only, 1);
	read_cache(&cache);
	assert_int_equal(cache.count, 1);
	assert_int_equal(warnings, 1);
}

static void what_is_no_file_stays(void **state _unused_)
{
	struct stat st;

	directory("usr/lib");
	directory("etc");
	library("usr/lib/libcuda.so.550", "libcuda.so.1");
	assert_int_equal(mkfifo(in("etc/ld.so.cache"), 0644), 0);
	apply(lib_only, 1);
	assert_int_equal(lstat(in("etc/ld.so.cache"), &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(warnings, 1);
	assert_int_equal(unlink(in("etc/ld.so.cache")), 0);
	directory("etc/ld.so.cache");
	apply(lib_only, 1);
	assert_int_equal(warnings, 2);
}

static void etc_may_lead_outside(void **state _unused_)
{
	char outside[PATH_MAX];

	snprintf(outside, sizeof(outside), "%s/outside", base);
	directory("usr/lib");
	library("usr/lib/libcuda.so.550", "libcuda.so.1");
	assert_int_equal(symlink(outside, in("etc")), 0);
	apply(lib_only, 1);
	assert_true(outside_is_empty());
	assert_int_equal(unlink(in("etc")), 0);
	directory("etc");
	snprintf(outside, sizeof(outside), "%s/outside/file", base);
	assert_int_equal(symlink(outside, in("etc/ld.so.cache")), 0);
	apply(lib_only, 1);
	assert_true(outside_is_empty());
}

static void musl_path_files(void **state _unused_)
{
	static const char *const two[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib"};
	_cleanup_free_ char *fresh = nvb_musl_path(NULL, two, 2),
			    *kept = nvb_musl_path("/a:/usr/lib\n", two, 2),
			    *again = nvb_musl_path(fresh, two, 2), *empty = nvb_musl_path("", two, 1);

	assert_string_equal(fresh, "/lib:/usr/local/lib:/usr/lib\n/usr/lib/x86_64-linux-gnu\n");
	assert_string_equal(kept, "/a:/usr/lib\n/usr/lib/x86_64-linux-gnu\n");
	assert_string_equal(again, fresh);
	assert_string_equal(empty, "/usr/lib/x86_64-linux-gnu\n");
}

static void musl_roots(void **state _unused_)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;

	directory("lib");
	directory("usr/lib");
	file("lib/ld-musl-x86_64.so.1", "");
	file("lib/ld-musl-..so.1", "");
	file("lib/ld-musl-a b.so.1", "");
	library("usr/lib/libcuda.so.550", "libcuda.so.1");
	apply((const char *const[]){"/usr/lib64"}, 1);
	assert_int_equal(nvb_file_read(AT_FDCWD, in("etc/ld-musl-x86_64.path"), 4096, &text, NULL, NULL), 0);
	assert_string_equal(text, "/lib:/usr/local/lib:/usr/lib\n/usr/lib64\n");
	assert_int_equal(lstat(in("etc/ld.so.cache"), &st), -1);
	file("etc/ld.so.cache", ""); /* both C libraries */
	apply(lib_only, 1);
	assert_int_equal(lstat(in("etc/ld.so.cache"), &st), 0);
	assert_true(st.st_size > 0);
}

int main(void)
{
#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)
	const struct CMUnitTest tests[] = {
		WITH_ROOT(links_are_made_once),
		WITH_ROOT(files_and_directories_stay),
		WITH_ROOT(links_stay_inside),
		WITH_ROOT(layers_keep_the_links_above),
		WITH_ROOT(links_of_devices_follow_their_nodes),
		WITH_ROOT(a_cache_is_made),
		WITH_ROOT(the_images_own_stay),
		WITH_ROOT(names_of_links_are_known),
		WITH_ROOT(damaged_caches),
		WITH_ROOT(what_is_no_file_stays),
		WITH_ROOT(etc_may_lead_outside),
		cmocka_unit_test(musl_path_files),
		WITH_ROOT(musl_roots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
