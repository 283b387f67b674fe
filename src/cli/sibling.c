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

/* "<directory>/<name>" if it can be run; NULL otherwise, and without memory. */
static char *runnable(const char *directory, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", directory, name) < 0) {
		path = NULL;
		return NULL;
	}
	return access(path, X_OK) == 0 ? NVB_TAKE_PTR(path) : NULL;
}

char *nvb_sibling_program(const char *name, const char *installed_directory)
{
	char self[PATH_MAX + sizeof(MOVED_LIBEXEC)];
	ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);
	char *slash, *path = NULL;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		*slash = '\0';
		path = runnable(self, name);
		memcpy(slash, MOVED_LIBEXEC, sizeof(MOVED_LIBEXEC));
		if (!path)
			path = runnable(self, name);
	}
	if (!path && asprintf(&path, "%s/%s", installed_directory, name) < 0)
		path = NULL;
	return path;
}
