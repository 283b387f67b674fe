/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sibling.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

/* Where a tree that was installed below another prefix than it was built for has what is not for users to
 * run. */
#define MOVED_LIBEXEC "/../libexec/nvbind"

#define MOVED_DATA "/../share/nvbind"

/* "<directory>/<name>" if `mode` (of access(2)) is allowed; NULL otherwise, and without memory. */
static char *usable(const char *directory, const char *name, int mode)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return NULL;
	}
	return access(path, mode) == 0 ? NVB_TAKE_PTR(path) : NULL;
}

/* Beside the program, then in `moved` below its directory, then where it was to be installed. */
static char *find(const char *name, const char *moved, const char *installed_directory, int mode)
{
	char self[PATH_MAX + sizeof(MOVED_LIBEXEC) + sizeof(MOVED_DATA)];
	ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);
	char *slash, *path = NULL;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		*slash = '\0';
		path = usable(self, name, mode);
		strcpy(slash, moved);
		if (!path)
			path = usable(self, name, mode);
	}
	if (!path && asprintf(&path, "%s/%s", installed_directory, name) < 0)
		path = NULL;
	return path;
}

char *nvb_sibling_program(const char *name, const char *installed_directory)
{
	return find(name, MOVED_LIBEXEC, installed_directory, X_OK);
}

char *nvb_sibling_data(const char *name, const char *installed_directory)
{
	return find(name, MOVED_DATA, installed_directory, R_OK);
}
