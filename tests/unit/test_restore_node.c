/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/sysmacros.h>

#include "checkpoint/install.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(a_link_is_not_followed),
		scratch_test(a_file_is_left_alone),
		scratch_test(a_node_gets_its_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
