/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/file.h>
#include <sys/wait.h>

#include "base/log.h"
#include "base/mem.h"
#include "bolt-image.h"
#include "capsule/userns.h"
#include "cli/logging.h"

static bool entered, refused;

bool owners_are_mapped(void)
{
	return entered;
}

void owners_enter(bool tell)
{
	_cleanup_free_ char *narrow = NULL;
	_cleanup_error_ nvb_error *err = NULL;

	if (geteuid() == 0 || refused)
		return;
	entered = nvb_userns_enter(&narrow, &err) == 0;
	refused = !entered;
	if (tell && (refused || narrow))
		nvb_warning(nvb_logging(), "all files of the image get one owner: %s",
			refused ? nvb_error_message(err) : narrow);
}

static bool is_empty(const struct nvb_store *store)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	int fd = openat(store->fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			return false;
	return true;
}

void owners_sweep(const struct nvb_store *store)
{
	pid_t pid;

	if (geteuid() == 0 || is_empty(store))
		return;
	pid = fork();
	if (pid == 0) {
		_cleanup_free_ char *narrow = NULL;

		if (nvb_userns_enter(&narrow, NULL) == 0)
			nvb_store_begin(store, NULL);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}
