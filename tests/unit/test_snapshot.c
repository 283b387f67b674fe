/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>
#include <sys/xattr.h>

#include "scratch.h"
#include "snapshot/snapshot.h"

/* Snapshots as whoever takes and restores capsules uses them. */

static void fill_random(uint8_t *data, size_t size, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15 + 1;

	for (size_t i = 0; i + 8 <= size; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(data + i, &x, 8);
	}
}

static void write_file(const char *path, const void *data, size_t size)
{
	int fd = openat(scratch.fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(nvb_write_all(fd, data, size), 0);
	close(fd);
}

static int open_below(const char *path)
{
	int fd = openat(scratch.fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void must(int rc, nvb_error *err)
{
	if (rc < 0)
		print_error("%s\n", nvb_error_message(err));
	assert_int_equal(rc, 0);
}

static struct nvb_snapshots store;

static void open_store(void)
{
	nvb_error *err = NULL;

	must(nvb_snapshots_open(&store, scratch_path("store"), &err), err);
}

static const struct nvb_snapshot_manifest some = {
	.name = "box", .image = "localhost/box:latest", .definition = "{\"command\": [\"run\"]}"};

static nvb_snapshot_id take_with(const char *directory, const struct nvb_snapshot_options *options)
{
	nvb_snapshot_writer *writer = NULL;
	nvb_error *err = NULL;
	nvb_snapshot_id id;
	int fd = open_below(directory);

	must(nvb_snapshot_begin(&store, "capsule", options, &writer, &err), err);
	must(nvb_snapshot_add_tree(writer, "files", fd, &err), err);
	must(nvb_snapshot_commit(writer, &some, &id, &err), err);
	nvb_snapshot_writer_free(writer);
	close(fd);
	return id;
}

static nvb_snapshot_id take(const char *directory)
{
	return take_with(directory, NULL);
}

static nvb_snapshot *open_one(const char *name, const struct nvb_snapshot_options *options)
{
	nvb_snapshot *snapshot = NULL;
	nvb_error *err = NULL;

	must(nvb_snapshot_open(&store, name, options, &snapshot, &err), err);
	return snapshot;
}

static void put_back(const char *name, const char *directory, const struct nvb_snapshot_options *options)
{
	nvb_snapshot *snapshot = open_one(name, options);
	nvb_error *err = NULL;
	int fd;

	scratch_mkdir(directory);
	fd = open_below(directory);
	must(nvb_snapshot_extract(snapshot, "files", fd, &err), err);
	must(nvb_snapshot_verify(snapshot, NULL, NULL, &err), err);
	close(fd);
	nvb_snapshot_close(snapshot);
}

static void same_file(const char *a, const char *b)
{
	char *x = NULL, *y = NULL;
	size_t n = 0, m = 0;

	assert_int_equal(nvb_file_read(scratch.fd, a, 1 << 30, &x, &n, NULL), 0);
	assert_int_equal(nvb_file_read(scratch.fd, b, 1 << 30, &y, &m, NULL), 0);
	assert_int_equal(n, m);
	assert_true(memcmp(x, y, n) == 0);
	free(x);
	free(y);
}

/* Everything that a file can have. */
static void test_files_of_all_kinds(void **state)
{
	static uint8_t data[20 << 20];
	struct stat a, b;
	char target[64] = "";
	int fd;

	(void)state;
	open_store();
	scratch_mkdir("in/sub/deep");
	fill_random(data, 9 << 20, 1);
	memset(data + (3 << 20), 0, 1 << 20);
	write_file("in/large", data, 9 << 20);
	write_file("in/odd", data, 100001);
	write_file("in/sub/empty", "", 0);
	write_file("in/sub/deep/small", "hello\n", 6);
	assert_int_equal(symlinkat("../nowhere", scratch.fd, "in/sub/link"), 0);
	assert_int_equal(linkat(scratch.fd, "in/odd", scratch.fd, "in/sub/again", 0), 0);
	assert_int_equal(mkfifoat(scratch.fd, "in/fifo", 0620), 0);
	assert_int_equal(fchmodat(scratch.fd, "in/fifo", 0620, 0), 0);
	assert_int_equal(fchmodat(scratch.fd, "in/sub", 01777, 0), 0);
	fd = openat(scratch.fd, "in/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, "x", 1, 50 << 20), 1);
	assert_int_equal(ftruncate(fd, 60 << 20), 0);
	close(fd);
	assert_int_equal(setxattr(scratch_path("in/odd"), "user.test", "va\0lue", 6, 0), 0);
	assert_int_equal(utimensat(scratch.fd, "in/sub/deep", (struct timespec[]){{1, 2}, {-3, 4}}, 0), 0);

	take("in");
	put_back("capsule@latest", "out", NULL);
	same_file("in/large", "out/large");
	same_file("in/odd", "out/odd");
	same_file("in/sub/again", "out/odd");
	same_file("in/sub/deep/small", "out/sub/deep/small");
	same_file("in/sparse", "out/sparse");
	assert_int_equal(fstatat(scratch.fd, "out/sparse", &b, 0), 0);
	assert_true(b.st_blocks < 1000);
	assert_int_equal(fstatat(scratch.fd, "out/odd", &b, 0), 0);
	assert_int_equal(b.st_nlink, 2);
	assert_int_equal(fstatat(scratch.fd, "out/sub", &b, 0), 0);
	assert_int_equal(b.st_mode & 07777, 01777);
	assert_int_equal(fstatat(scratch.fd, "out/fifo", &b, 0), 0);
	assert_int_equal(b.st_mode, S_IFIFO | 0620);
	assert_int_equal(fstatat(scratch.fd, "in/sub/deep", &a, 0), 0);
	assert_int_equal(fstatat(scratch.fd, "out/sub/deep", &b, 0), 0);
	assert_int_equal(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
	assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
	assert_int_equal(readlinkat(scratch.fd, "out/sub/link", target, sizeof(target)), 10);
	assert_string_equal(target, "../nowhere");
	assert_int_equal(getxattr(scratch_path("out/odd"), "user.test", target, sizeof(target)), 6);
	nvb_snapshots_close(&store);
}

static const struct nvb_snapshot_manifest *manifest_of(nvb_snapshot *s)
{
	return nvb_snapshot_manifest(s);
}

/* 5% in blocks of 64 KiB, and all of it moved on by three pages. */
static void test_little_that_changed(void **state)
{
	enum { SIZE = 64 << 20, BLOCK = 65536 };
	uint8_t *data = malloc(SIZE + 3 * 4096);
	nvb_snapshot *first, *second;
	nvb_snapshot_id a, b;
	uint64_t written, before;

	(void)state;
	open_store();
	scratch_mkdir("in");
	fill_random(data, SIZE + 3 * 4096, 7);
	write_file("in/pages-1.img", data + 3 * 4096, SIZE);
	a = take("in");
	for (size_t i = 0; i < SIZE / BLOCK / 20; i++)
		fill_random(data + 3 * 4096 + (i * 7919 % (SIZE / BLOCK)) * BLOCK, BLOCK, 100 + i);
	fill_random(data, 3 * 4096, 9);
	write_file("in/pages-1.img", data, SIZE + 3 * 4096);
	b = take("in");
	first = open_one(a.text, NULL);
	second = open_one(b.text, NULL);
	written = manifest_of(second)->new_stored + manifest_of(second)->index_size;
	before = manifest_of(first)->new_stored + manifest_of(first)->index_size;
	print_message("second writes %.2f%% of the first\n", 100.0 * (double)written / (double)before);
	assert_true(written * 10 < before);
	assert_string_equal(manifest_of(second)->parent, a.text);
	nvb_snapshot_close(first);
	nvb_snapshot_close(second);
	put_back(b.text, "out", NULL);
	same_file("in/pages-1.img", "out/pages-1.img");
	/* It needs nothing of the first any more. */
	assert_int_equal(nvb_snapshot_remove(&store, &a, NULL), 0);
	put_back("capsule@2", "again", NULL);
	same_file("in/pages-1.img", "again/pages-1.img");
	free(data);
	nvb_snapshots_close(&store);
}

/* Of packs of which little is needed that little is copied, so they go with the snapshot that they were of.
 */
static void test_little_that_stayed(void **state)
{
	enum { SIZE = 24 << 20, KEPT = 1 << 20 };
	uint8_t *data = malloc(SIZE);
	struct nvb_snapshot_info *list = NULL;
	nvb_snapshot_id first;
	size_t count = 0;

	(void)state;
	open_store();
	scratch_mkdir("in");
	fill_random(data, SIZE, 21);
	write_file("in/file", data, SIZE);
	first = take("in");
	write_file("in/file", data + (8 << 20), KEPT);
	take("in");
	assert_int_equal(nvb_snapshots_list(&store, "capsule", &list, &count, NULL), 0);
	assert_int_equal(count, 2);
	/* It shares nothing, and takes what it needs. */
	assert_true(list[0].alone > SIZE);
	assert_true(list[1].alone > KEPT && list[1].alone < 2 * KEPT);
	nvb_snapshot_infos_free(list, count);
	put_back("capsule@2", "out", NULL);
	same_file("in/file", "out/file");
	assert_int_equal(nvb_snapshot_remove(&store, &first, NULL), 0);
	put_back("capsule@2", "again", NULL);
	same_file("in/file", "again/file");
	free(data);
	nvb_snapshots_close(&store);
}

/* Somebody else writes the images while they are taken. */
static void test_follow(void **state)
{
	enum { SIZE = 40 << 20, STEP = 100 * 4096 };
	uint8_t *data = malloc(SIZE);
	nvb_snapshot_writer *writer = NULL;
	nvb_snapshot *snapshot;
	nvb_error *err = NULL;
	struct stat st;
	int images, fd, status;
	pid_t pid;

	(void)state;
	open_store();
	scratch_mkdir("images");
	images = open_below("images");
	fill_random(data, SIZE, 3);
	must(nvb_snapshot_begin(&store, "capsule", NULL, &writer, &err), err);
	must(nvb_snapshot_follow(writer, "files", images, &err), err);
	pid = fork();
	if (pid == 0) {
		fd = openat(images, "pages-1.img", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		for (size_t at = 0; at < SIZE; at += STEP) {
			size_t n = SIZE - at < STEP ? SIZE - at : STEP;

			if (write(fd, data + at, n) != (ssize_t)n)
				_exit(1);
			usleep(1000);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	write_file("images/core-1.img", "core", 4);
	must(nvb_snapshot_follow_end(writer, &err), err);
	must(nvb_snapshot_commit(writer, &some, NULL, &err), err);
	nvb_snapshot_writer_free(writer);
	/* What was taken is not there twice. */
	assert_int_equal(fstatat(scratch.fd, "images/pages-1.img", &st, 0), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_true(st.st_blocks * 512 < SIZE / 4);
	snapshot = open_one("capsule", NULL);
	assert_int_equal(manifest_of(snapshot)->trees[0].bytes, SIZE + 4);
	nvb_snapshot_close(snapshot);
	put_back("capsule", "out", NULL);
	write_file("wanted", data, SIZE);
	same_file("wanted", "out/pages-1.img");
	same_file("images/core-1.img", "out/core-1.img");
	close(images);
	free(data);
	nvb_snapshots_close(&store);
}

/* Of processes without memory of their own nothing is written, and of others just as much as fills buffers:
 * neither keeps one from those that come later. */
static void test_follow_little(void **state)
{
	enum { IMAGES = 32, REGION = 8 << 20, LATEST = 5000 };
	const struct nvb_snapshot_options options = {.threads = 1};
	uint8_t *data = malloc(REGION);
	nvb_snapshot_writer *writer = NULL;
	nvb_error *err = NULL;
	char name[64];
	int images;

	(void)state;
	open_store();
	scratch_mkdir("images");
	images = open_below("images");
	fill_random(data, REGION, 5);
	must(nvb_snapshot_begin(&store, "capsule", &options, &writer, &err), err);
	must(nvb_snapshot_follow(writer, "files", images, &err), err);
	/* Who waits for a buffer does so for good. */
	alarm(60);
	for (int i = 1; i <= IMAGES; i++) {
		int fd;

		snprintf(name, sizeof(name), "pages-%d.img", i);
		fd = openat(images, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		if (i % 8 == 0 || i == IMAGES - 1)
			assert_int_equal(nvb_write_all(fd, data, i % 8 == 0 ? REGION : LATEST), 0);
		close(fd);
	}
	must(nvb_snapshot_follow_end(writer, &err), err);
	alarm(0);
	must(nvb_snapshot_commit(writer, &some, NULL, &err), err);
	nvb_snapshot_writer_free(writer);
	put_back("capsule", "out", NULL);
	write_file("wanted", data, LATEST);
	same_file("wanted", "out/pages-31.img");
	write_file("wanted", data, REGION);
	same_file("wanted", "out/pages-8.img");
	write_file("wanted", "", 0);
	same_file("wanted", "out/pages-1.img");
	close(images);
	free(data);
	nvb_snapshots_close(&store);
}

/* Writers of more images at a time than there are buffers. */
static void test_follow_many(void **state)
{
	enum { IMAGES = 9, TURNS = 3, PART = 60000 };
	const struct nvb_snapshot_options options = {.threads = 1};
	static uint8_t data[IMAGES][TURNS][PART];
	nvb_snapshot_writer *writer = NULL;
	int images, fds[IMAGES];
	nvb_error *err = NULL;
	char name[64];

	(void)state;
	open_store();
	scratch_mkdir("images");
	images = open_below("images");
	fill_random((uint8_t *)data, sizeof(data), 6);
	must(nvb_snapshot_begin(&store, "capsule", &options, &writer, &err), err);
	must(nvb_snapshot_follow(writer, "files", images, &err), err);
	alarm(60);
	for (int i = 0; i < IMAGES; i++) {
		snprintf(name, sizeof(name), "pages-%d.img", i + 1);
		fds[i] = openat(images, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(fds[i] >= 0);
	}
	for (int turn = 0; turn < TURNS; turn++)
		for (int i = 0; i < IMAGES; i++)
			assert_int_equal(nvb_write_all(fds[i], data[i][turn], PART), 0);
	for (int i = 0; i < IMAGES; i++)
		close(fds[i]);
	must(nvb_snapshot_follow_end(writer, &err), err);
	alarm(0);
	must(nvb_snapshot_commit(writer, &some, NULL, &err), err);
	nvb_snapshot_writer_free(writer);
	put_back("capsule", "out", NULL);
	for (int i = 0; i < IMAGES; i++) {
		write_file("wanted", (uint8_t *)data[i], TURNS * PART);
		snprintf(name, sizeof(name), "out/pages-%d.img", i + 1);
		same_file("wanted", name);
	}
	close(images);
	nvb_snapshots_close(&store);
}

static void test_encrypted(void **state)
{
	static uint8_t data[300000];
	const char *key = strdup(scratch_path("key"));
	struct nvb_snapshot_options options = {.key_file = key};
	nvb_snapshot *snapshot = NULL;
	nvb_error *err = NULL;
	nvb_snapshot_id id;

	(void)state;
	open_store();
	scratch_mkdir("in");
	memset(data, 'A', sizeof(data));
	write_file("in/file", data, sizeof(data));
	write_file("key", "0123456789012345678901234567890123456789", 40);
	assert_int_equal(
		nvb_snapshot_begin(&store, "capsule", &options, &(nvb_snapshot_writer *){NULL}, NULL),
		-NVB_ERR_PERMISSION);
	assert_int_equal(fchmodat(scratch.fd, "key", 0600, 0), 0);
	id = take_with("in", &options);
	put_back(id.text, "out", &options);
	same_file("in/file", "out/file");
	assert_int_equal(nvb_snapshot_open(&store, id.text, NULL, &snapshot, &err), -NVB_ERR_PERMISSION);
	nvb_error_free(err);
	options.key_file = NVB_SNAPSHOT_NO_KEY;
	snapshot = open_one(id.text, &options);
	assert_null(manifest_of(snapshot)->definition);
	assert_int_equal(nvb_snapshot_extract(snapshot, "files", scratch.fd, NULL), -NVB_ERR_PERMISSION);
	nvb_snapshot_close(snapshot);
	options.key_file = key;
	snapshot = open_one(id.text, &options);
	assert_string_equal(manifest_of(snapshot)->definition, some.definition);
	nvb_snapshot_close(snapshot);
	write_file("key", "another key that is as long as the first", 40);
	snapshot = NULL;
	assert_int_equal(nvb_snapshot_open(&store, id.text, &options, &snapshot, NULL), -NVB_ERR_PERMISSION);
	free((char *)key);
	nvb_snapshots_close(&store);
}

/* Nothing of one that is given up. */
static void test_given_up(void **state)
{
	nvb_snapshot_writer *writer = NULL;
	nvb_error *err = NULL;
	struct nvb_snapshot_info *list;
	size_t count = 1;
	int fd;

	(void)state;
	open_store();
	scratch_mkdir("in");
	scratch_write("in/file", "text");
	fd = open_below("in");
	must(nvb_snapshot_begin(&store, "capsule", NULL, &writer, &err), err);
	must(nvb_snapshot_add_tree(writer, "files", fd, &err), err);
	assert_int_equal(nvb_snapshot_add_tree(writer, "files", fd, NULL), -NVB_ERR_INVALID);
	nvb_snapshot_writer_free(writer);
	assert_int_equal(faccessat(scratch.fd, "store/capsule", F_OK, 0), -1);
	must(nvb_snapshots_list(&store, NULL, &list, &count, &err), err);
	assert_int_equal(count, 0);
	nvb_snapshot_infos_free(list, count);
	assert_int_equal(
		nvb_snapshot_find(&store, "latest", &(nvb_snapshot_id){0}, NULL), -NVB_ERR_NOT_FOUND);
	close(fd);
	nvb_snapshots_close(&store);
}

static bool is_in_store(const char *path)
{
	return faccessat(scratch.fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What killed ones left goes, whether there is a next snapshot of its capsule or never; nobody's who works.
 */
static void test_swept(void **state)
{
	nvb_snapshot_writer *writer = NULL;
	nvb_error *err = NULL;
	nvb_snapshot_id id;

	(void)state;
	open_store();
	scratch_mkdir("in");
	scratch_write("in/file", "text");
	id = take("in");
	must(nvb_snapshot_begin(&store, "busy", NULL, &writer, &err), err);
	for (const char *const *name = (const char *const[]){"store/capsule/.new-0", "store/other",
		     "store/other/.new-0", "store/other/.gone-1", NULL};
		*name; name++)
		scratch_mkdir(*name);
	scratch_write("store/other/.new-0/a.pack", "much");
	must(nvb_snapshots_sweep(&store, "capsule", &err), err);
	assert_false(is_in_store("store/capsule/.new-0"));
	assert_true(is_in_store("store/other/.new-0/a.pack"));
	must(nvb_snapshots_sweep(&store, NULL, &err), err);
	assert_false(is_in_store("store/other"));
	must(nvb_snapshot_commit(writer, &some, NULL, &err), err);
	nvb_snapshot_writer_free(writer);
	put_back(id.text, "out", NULL);
	same_file("in/file", "out/file");
	nvb_snapshots_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(test_files_of_all_kinds),
		scratch_test(test_little_that_changed),
		scratch_test(test_little_that_stayed),
		scratch_test(test_follow),
		scratch_test(test_follow_little),
		scratch_test(test_follow_many),
		scratch_test(test_encrypted),
		scratch_test(test_given_up),
		scratch_test(test_swept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
