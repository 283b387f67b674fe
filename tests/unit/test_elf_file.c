/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>

#include "base/elf_file.h"
#include "base/file.h"
#include "base/mem.h"
#include "sim/elf_writer.h"

static int file_of(const char *data, size_t size)
{
	int fd = memfd_create("test_elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(nvb_write_all(fd, data, size), 0);
	return fd;
}

static void reads_what_the_writer_wrote(enum sim_elf_machine machine, unsigned elf_class, unsigned number)
{
	const struct sim_elf_library library = {.machine = machine, .soname = "libcuda.so.1", .text = ""};
	_cleanup_free_ char *image = NULL;
	_cleanup_close_ int fd = -1;
	struct nvb_elf elf;
	size_t size;

	assert_int_equal(sim_elf_library(&library, &image, &size, NULL), 0);
	fd = file_of(image, size);
	assert_int_equal(nvb_elf_read(fd, "x", &elf, NULL), 0);
	assert_int_equal(elf.elf_class, elf_class);
	assert_int_equal(elf.machine, number);
	assert_int_equal(elf.type, ET_DYN);
	assert_string_equal(elf.soname, "libcuda.so.1");
}

static void reads_every_machine(void **state)
{
	(void)state;
	reads_what_the_writer_wrote(SIM_ELF_X86_64, 64, EM_X86_64);
	reads_what_the_writer_wrote(SIM_ELF_I386, 32, EM_386);
	reads_what_the_writer_wrote(SIM_ELF_AARCH64, 64, EM_AARCH64);
}

static void no_soname_is_no_error(void **state)
{
	const struct sim_elf_library library = {.machine = SIM_ELF_X86_64, .text = ""};
	_cleanup_free_ char *image = NULL;
	_cleanup_close_ int fd = -1;
	struct nvb_elf elf;
	size_t size;

	(void)state;
	assert_int_equal(sim_elf_library(&library, &image, &size, NULL), 0);
	fd = file_of(image, size);
	assert_int_equal(nvb_elf_read(fd, "x", &elf, NULL), 0);
	assert_string_equal(elf.soname, "");
}

/* Every truncation is either refused or, behind all that is read, of no consequence; what is refused leaves
 * the output alone. */
static void survives_every_truncation(void **state)
{
	const struct sim_elf_library library = {.machine = SIM_ELF_X86_64, .soname = "libx.so.1", .text = ""};
	_cleanup_free_ char *image = NULL;
	size_t size, refused = 0;

	(void)state;
	assert_int_equal(sim_elf_library(&library, &image, &size, NULL), 0);
	for (size_t n = 0; n < size; n += 7) {
		_cleanup_close_ int fd = file_of(image, n);
		struct nvb_elf elf = {.machine = 4711};
		int rc = nvb_elf_read(fd, "x", &elf, NULL);

		if (rc < 0) {
			assert_int_equal(rc, -NVB_ERR_CORRUPT);
			assert_int_equal(elf.machine, 4711);
			refused++;
		}
	}
	assert_true(refused > 3);
}

static void refuses_what_is_no_library(void **state)
{
	_cleanup_close_ int text = file_of("#!/bin/sh\necho this is a script and not a library at all\n", 55),
			    empty = file_of("", 0);
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_elf elf;

	(void)state;
	assert_int_equal(nvb_elf_read(text, "libx.so", &elf, &err), -NVB_ERR_CORRUPT);
	assert_non_null(strstr(nvb_error_message(err), "libx.so: not an ELF file"));
	assert_int_equal(nvb_elf_read(empty, "libx.so", &elf, NULL), -NVB_ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_every_machine),
		cmocka_unit_test(no_soname_is_no_error),
		cmocka_unit_test(survives_every_truncation),
		cmocka_unit_test(refuses_what_is_no_library),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
