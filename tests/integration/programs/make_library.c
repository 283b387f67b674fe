/* SPDX-License-Identifier: Apache-2.0 */
/* make-library [--i386 | --aarch64] SONAME FILE...: a shared object with that SONAME, for tests that need many. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "sim/elf_writer.h"

int main(int argc, char **argv)
{
	struct sim_elf_library library = {.machine = SIM_ELF_X86_64, .text = ""};
	_cleanup_free_ char *image = NULL;
	size_t size;
	int at = 1;

	if (argc > 1 && strcmp(argv[1], "--i386") == 0) {
		library.machine = SIM_ELF_I386;
		at++;
	} else if (argc > 1 && strcmp(argv[1], "--aarch64") == 0) {
		library.machine = SIM_ELF_AARCH64;
		at++;
	}
	if (argc - at < 2) {
		fputs("usage: make-library [--i386 | --aarch64] SONAME FILE...\n", stderr);
		return 2;
	}
	library.soname = argv[at++];
	if (sim_elf_library(&library, &image, &size, NULL) < 0)
		return 1;
	for (; at < argc; at++) {
		_cleanup_error_ nvb_error *err = NULL;

		if (nvb_file_write(AT_FDCWD, argv[at], image, size, 0755, &err) < 0) {
			fprintf(stderr, "make-library: %s\n", nvb_error_message(err));
			return 1;
		}
	}
	return 0;
}
