/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/statvfs.h>
#include <unistd.h>

#include "checkpoint/images.h"
#include "cmocka_all.h"

/* What a snapshot says of its size bounds what it can take, however much memory there is. */
static void test_size(void **state)
{
	const uint64_t bytes = 64 << 20, most = 2 * bytes + (256 << 20);
	struct statvfs fs;
	int fd;

	(void)state;
	assert_int_equal(nvb_images_in_memory(UINT64_MAX), -1);
	assert_int_equal(nvb_images_in_memory(UINT64_MAX / 2), -1);
	assert_true(nvb_images_are_large(bytes));
	assert_false(nvb_images_are_large(bytes - 1));
	if (geteuid() != 0)
		skip();
	fd = nvb_images_in_memory(bytes);
	/* Kernels, and containers, where nothing can be mounted. */
	if (fd < 0)
		skip();
	assert_int_equal(fstatvfs(fd, &fs), 0);
	assert_in_range((uint64_t)fs.f_blocks * fs.f_frsize, bytes, most);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
