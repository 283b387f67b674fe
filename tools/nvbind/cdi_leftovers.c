/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/str.h"
#include "cdi_trees.h"

/* Files that a killed program was writing to take a spec's place (nvb_file_write): no engine reads them, but
 * they would lie there for ever. */
enum { LEFT_FOR_S = 3600, TOKEN = 16 };

static bool is_temporary(const char *name)
{
	const char *token = nvb_after(name, ".nvb-");

	return token && strlen(token) == TOKEN && strspn(token, "0123456789abcdef") == TOKEN;
}

void cdi_remove_leftovers(const char *const *directories)
{
	for (size_t i = 0; directories[i]; i++) {
		_cleanup_closedir_ DIR *dir = opendir(directories[i]);
		const struct dirent *entry;
		struct stat st;

		while (dir && (entry = readdir(dir)))
			if (is_temporary(entry->d_name) &&
				fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
				S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
				time(NULL) - st.st_mtim.tv_sec > LEFT_FOR_S)
				unlinkat(dirfd(dir), entry->d_name, 0);
	}
}
