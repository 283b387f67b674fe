/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/elf_file.h"
#include "base/file.h"
#include "base/mem.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("input", MFD_CLOEXEC);
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_elf elf;
	const struct nvb_elf untouched = {.elf_class = 7};

	FUZZ_CHECK(fd >= 0 && nvb_write_all(fd, data, size) == 0);
	elf = untouched;
	if (nvb_elf_read(fd, "input", &elf, &err) < 0) {
		FUZZ_CHECK(err && !strchr(nvb_error_message(err), '\n'));
		FUZZ_CHECK(elf.elf_class == 7);
		return 0;
	}
	FUZZ_CHECK(elf.elf_class == 32 || elf.elf_class == 64);
	FUZZ_CHECK(memchr(elf.soname, '\0', sizeof(elf.soname)) && !strchr(elf.soname, '/'));
	return 0;
}
