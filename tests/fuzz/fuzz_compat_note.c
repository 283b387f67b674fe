/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>

#include "base/file.h"
#include "base/mem.h"
#include "container/compat_note.h"
#include "fuzz.h"

/* A libcuda of an image, read for the drivers it runs on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
	_cleanup_error_ nvb_error *err = NULL;
	struct nvb_compat_note note = {.count = NVB_COMPAT_BRANCHES_MAX + 1};
	int rc;

	if (fd < 0 || nvb_write_all(fd, data, size) < 0)
		return 0;
	rc = nvb_compat_note_read(fd, "libcuda.so.999.0", &note, &err);
	if (rc == 0)
		FUZZ_CHECK(note.count <= (note.present ? NVB_COMPAT_BRANCHES_MAX : 0));
	else
		FUZZ_CHECK(rc == -NVB_ERR_CORRUPT && *nvb_error_message(err) &&
			   note.count == NVB_COMPAT_BRANCHES_MAX + 1);
	return 0;
}
