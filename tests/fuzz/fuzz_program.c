/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "capsule/program.h"
#include "fuzz.h"

static char directory[64];

static void remove_directory(void)
{
	nvb_file_remove_tree(AT_FDCWD, directory, NULL);
}

static void write_program(const void *data, size_t size)
{
	char path[96];
	int fd;

	if (!*directory) {
		snprintf(directory, sizeof(directory), "/tmp/nvb-fuzz.XXXXXX");
		FUZZ_CHECK(mkdtemp(directory));
		atexit(remove_directory);
	}
	snprintf(path, sizeof(path), "%s/p", directory);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	FUZZ_CHECK(fd >= 0 && nvb_write_all(fd, data, size) == 0 && fchmod(fd, 0755) == 0);
	close(fd);
}

/* A program of an image, with and without mounts that may bring its interpreter: who is refused has one
 * reason and a shell's status, and a mount never makes a refusal. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *args[] = {(char *)"/p", NULL};
	const struct nvb_process process = {.args = args, .working_directory = "/"};
	struct nvb_volume volume = {.source = "/", .target = "/"};
	int refused[2];

	write_program(data, size);
	for (size_t mounts = 0; mounts < 2; mounts++) {
		const struct nvb_capsule_spec spec = {.volumes = &volume, .volume_count = mounts};
		_cleanup_root_ struct nvb_root root = NVB_ROOT_INIT;
		_cleanup_error_ nvb_error *err = NULL;
		int status = 0;

		FUZZ_CHECK(nvb_root_open(&root, directory, NULL) == 0);
		refused[mounts] = nvb_program_check(&root, &spec, NULL, &process, &status, &err);
		FUZZ_CHECK((refused[mounts] < 0) == (err != NULL));
		FUZZ_CHECK(status == (refused[mounts] < 0 ? 126 : 0));
	}
	/* The volume hides all there is. */
	FUZZ_CHECK(refused[1] == 0);
	return 0;
}
