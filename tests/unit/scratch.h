/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cmocka_all.h"

/* A directory of its own for every test, open in scratch.fd; gone afterwards. */
static struct {
	char path[64];
	int fd;
} scratch;

static int scratch_make(void **state)
{
	(void)state;
	snprintf(scratch.path, sizeof(scratch.path), "/tmp/nvbind-test-XXXXXX");
	if (!mkdtemp(scratch.path))
		return -1;
	scratch.fd = open(scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scratch.fd < 0 ? -1 : 0;
}

static int scratch_remove(void **state)
{
	(void)state;
	close(scratch.fd);
	return nvb_file_remove_tree(AT_FDCWD, scratch.path, NULL);
}

static inline void scratch_write(const char *path, const char *text)
{
	assert_int_equal(nvb_file_write(scratch.fd, path, text, strlen(text), 0644, NULL), 0);
}

static inline void scratch_mkdir(const char *path)
{
	assert_int_equal(nvb_file_mkdirs(scratch.fd, path, 0755, NULL), 0);
}

/* "<scratch directory>/<path>" in a static buffer. */
static inline const char *scratch_path(const char *path)
{
	static char buffer[4096];

	snprintf(buffer, sizeof(buffer), "%s/%s", scratch.path, path);
	return buffer;
}

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

#endif
