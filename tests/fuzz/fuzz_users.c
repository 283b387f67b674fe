/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "capsule/users.h"
#include "fuzz.h"

static char directory[64];

static void remove_directory(void)
{
	nvb_file_remove_tree(AT_FDCWD, directory, NULL);
}

static void make_directory(void)
{
	char etc[80];

	snprintf(directory, sizeof(directory), "/tmp/nvb-fuzz.XXXXXX");
	FUZZ_CHECK(mkdtemp(directory));
	atexit(remove_directory);
	snprintf(etc, sizeof(etc), "%s/etc", directory);
	FUZZ_CHECK(mkdir(etc, 0700) == 0);
}

static void write_table(const char *name, const void *data, size_t size)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/etc/%s", directory, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FUZZ_CHECK(fd >= 0 && nvb_write_all(fd, data, size) == 0);
	close(fd);
}

/* An image's passwd and group, the same bytes for both: whoever is found has a home and no number that signed
 * programs take for another. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const asked[] = {"", "root", "0", "1000", "jo", "jo:video", "1000:44", "x:"};
	struct nvb_root root;

	if (!*directory)
		make_directory();
	write_table("passwd", data, size);
	write_table("group", data, size);
	FUZZ_CHECK(nvb_root_open(&root, directory, NULL) == 0);
	for (size_t i = 0; i < NVB_ELEMENTS(asked); i++) {
		struct nvb_user user = {0};

		if (nvb_user_resolve(&root, asked[i], &user, NULL) < 0)
			FUZZ_CHECK(!user.home && !user.groups);
		else
			FUZZ_CHECK(user.home && *user.home == '/' && user.uid <= INT32_MAX &&
				   user.gid <= INT32_MAX);
		nvb_user_release(&user);
	}
	nvb_root_close(&root);
	return 0;
}
