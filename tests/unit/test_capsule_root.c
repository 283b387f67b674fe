/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/str.h"
#include "capsule/directory_image.h"
#include "capsule/rootfs.h"
#include "capsule/users.h"
#include "cmocka_all.h"

/* What is read of an image, and what is made above it: users, mount points, owners and modes. */

static char directory[64];
static struct nvb_image image;
static struct nvb_rootfs rootfs;

static char *in(const char *where, const char *path)
{
	static char buffers[4][256];
	static unsigned next;
	char *buffer = buffers[next++ % 4];

	snprintf(buffer, sizeof(buffers[0]), "%s/%s%s", directory, where, path);
	return buffer;
}

static void put(const char *path, const char *text)
{
	assert_int_equal(nvb_file_write(AT_FDCWD, in("image", path), text, strlen(text), 0644, NULL), 0);
}

static int setup(void **state)
{
	static const char *const directories[] = {"image", "image/etc", "image/usr", "image/usr/lib",
		"image/run", "image/var", "image/secret", "workspace"};

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/nvb-test.XXXXXX");
	assert_non_null(mkdtemp(directory));
	for (size_t i = 0; i < NVB_ELEMENTS(directories); i++)
		assert_int_equal(mkdir(in(directories[i], ""), 0755), 0);
	assert_int_equal(chmod(in("image", "/secret"), 0700), 0);
	assert_int_equal(symlink("lib", in("image", "/usr/lib64")), 0);
	assert_int_equal(symlink("../run", in("image", "/var/run")), 0);
	assert_int_equal(symlink("/run/systemd/resolv.conf", in("image", "/etc/resolv.conf")), 0);
	assert_int_equal(symlink("../../../../outside", in("image", "/etc/up")), 0);
	assert_int_equal(symlink("b", in("image", "/etc/a")), 0);
	assert_int_equal(symlink("a", in("image", "/etc/b")), 0);
	put("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbroken\n:::\njo:x:1000:1001::/home/jo:\n"
			   "big:x:4294967295:0::/:\nneg:x:-1:0::/:\nlast:x:5:6::relative:");
	put("/etc/group", "root:x:0:\nvideo:x:44:root,jo\nnone:x:7:joe,ajo\ngames:x:60:jo,\n");
	assert_int_equal(nvb_image_open_directory(in("image", ""), &image, NULL), 0);
	assert_int_equal(nvb_rootfs_open(&rootfs, in("workspace", ""), false, &image, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	nvb_rootfs_close(&rootfs);
	nvb_image_close(&image);
	return nvb_file_remove_tree(AT_FDCWD, directory, NULL);
}

static void users(void **state)
{
	_cleanup_user_ struct nvb_user jo = {0}, number = {0}, nobody = {0}, grouped = {0}, last = {0};
	static const char *const unknown[] = {
		"nosuch", "broken", "big", "neg", "jo:nogroup", "jo:", "-1", "4294967295", "0x10"};

	(void)state;
	assert_int_equal(nvb_user_resolve(&rootfs.view, "jo", &jo, NULL), 0);
	assert_int_equal(jo.uid, 1000);
	assert_int_equal(jo.gid, 1001);
	assert_string_equal(jo.home, "/home/jo");
	assert_int_equal(jo.group_count, 2);
	assert_int_equal(jo.groups[0], 44);
	assert_int_equal(jo.groups[1], 60);
	assert_int_equal(nvb_user_resolve(&rootfs.view, "1000", &number, NULL), 0);
	assert_int_equal(number.gid, 1001);
	assert_int_equal(nvb_user_resolve(&rootfs.view, "77", &nobody, NULL), 0);
	assert_int_equal(nobody.gid, 0);
	assert_string_equal(nobody.home, "/");
	assert_int_equal(nvb_user_resolve(&rootfs.view, "jo:video", &grouped, NULL), 0);
	assert_int_equal(grouped.gid, 44);
	assert_int_equal(grouped.group_count, 0);
	/* A line without an end, and a home that is no absolute path. */
	assert_int_equal(nvb_user_resolve(&rootfs.view, "last", &last, NULL), 0);
	assert_string_equal(last.home, "/");
	for (size_t i = 0; i < NVB_ELEMENTS(unknown); i++) {
		_cleanup_user_ struct nvb_user none = {0};
		_cleanup_error_ nvb_error *err = NULL;

		assert_true(nvb_user_resolve(&rootfs.view, unknown[i], &none, &err) < 0);
		assert_null(none.home);
	}
}

static bool is_made(const char *path, mode_t type)
{
	struct stat st;

	return lstat(in("workspace", path), &st) == 0 && (st.st_mode & S_IFMT) == type;
}

static void mount_points(void **state)
{
	_cleanup_error_ nvb_error *conflict = NULL, *kind = NULL, *loop = NULL;

	(void)state;
	/* What the image has needs nothing. */
	assert_int_equal(nvb_rootfs_mount_point(&rootfs, "/usr/lib", true, NULL), 0);
	assert_false(is_made("/top/usr", S_IFDIR));
	assert_int_equal(nvb_rootfs_mount_point(&rootfs, "/new/deep/file", false, NULL), 0);
	assert_true(is_made("/top/new/deep/file", S_IFREG));
	/* Through links, to where the container will find it. */
	assert_int_equal(nvb_rootfs_mount_point(&rootfs, "/var/run/x", true, NULL), 0);
	assert_true(is_made("/top/run/x", S_IFDIR));
	assert_false(is_made("/top/var", S_IFDIR));
	assert_int_equal(nvb_rootfs_mount_point(&rootfs, "/usr/lib64/driver", true, NULL), 0);
	assert_true(is_made("/top/usr/lib/driver", S_IFDIR));
	assert_int_equal(nvb_rootfs_mount_point(&rootfs, "/etc/resolv.conf", false, NULL), 0);
	assert_true(is_made("/top/run/systemd/resolv.conf", S_IFREG));
	/* A link that climbs stays inside. */
	assert_int_equal(nvb_rootfs_mount_point(&rootfs, "/etc/up/x", true, NULL), 0);
	assert_true(is_made("/top/outside/x", S_IFDIR));
	assert_int_equal(nvb_rootfs_mount_point(&rootfs, "/etc/passwd", true, &kind), -NVB_ERR_CONFLICT);
	assert_int_equal(nvb_rootfs_mount_point(&rootfs, "/usr", false, &conflict), -NVB_ERR_CONFLICT);
	assert_true(nvb_rootfs_mount_point(&rootfs, "/etc/a/x", true, &loop) < 0);
}

static void owners_and_modes(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(nvb_rootfs_mount_point(&rootfs, "/secret/point", true, NULL), 0);
	assert_int_equal(nvb_rootfs_mirror(&rootfs, NULL, NULL), 0);
	assert_int_equal(stat(in("workspace", "/top/secret"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(in("workspace", "/top/secret/point"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void layers(void **state)
{
	struct nvb_edit edits[] = {
		{.kind = NVB_EDIT_MOUNT,
			.mount = {.container = "/usr/lib/x/libcuda.so.1", .via = NVB_VIA_LAYER}},
		{.kind = NVB_EDIT_MOUNT,
			.mount = {.container = "/usr/lib64/libcuda.so.1", .via = NVB_VIA_LAYER}},
	};
	struct nvb_plan plan = {.edits = edits, .edit_count = 1};

	(void)state;
	assert_true(nvb_rootfs_takes_layer(&rootfs, &plan));
	/* The tree's usr/lib64 would hide the image's link. */
	plan.edit_count = 2;
	assert_false(nvb_rootfs_takes_layer(&rootfs, &plan));
	edits[1].mount.container = "/etc/passwd/libcuda.so.1";
	assert_false(nvb_rootfs_takes_layer(&rootfs, &plan));
	edits[1].mount.via = NVB_VIA_BIND;
	assert_true(nvb_rootfs_takes_layer(&rootfs, &plan));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(users, setup, teardown),
		cmocka_unit_test_setup_teardown(mount_points, setup, teardown),
		cmocka_unit_test_setup_teardown(owners_and_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(layers, setup, teardown),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
