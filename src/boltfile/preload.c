/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/preload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/root.h"

size_t nvb_preload_driver(const struct nvb_inventory *inventory)
{
	size_t count = 0;

	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];
		_cleanup_close_ int fd = -1;
		struct stat st;

		/* 32-bit libraries and firmware are large and seldom wanted. */
		if (file->kind != NVB_FILE_LIBRARY || file->elf_class == 32)
			continue;
		fd = nvb_root_open_file(&inventory->roots.driver, file->path, &st);
		if (fd >= 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED) == 0)
			count++;
	}
	return count;
}
