/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sibling.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

char *nvb_sibling_program(const char *name, const char *installed_directory)
{
	_cleanup_free_ char *path = NULL;
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
		if (slash && asprintf(&path, "%s/%s", self, name) < 0)
			return NULL;
		if (path && access(path, X_OK) == 0)
			return NVB_TAKE_PTR(path);
		free(NVB_TAKE_PTR(path));
	}
	if (asprintf(&path, "%s/%s", installed_directory, name) < 0)
		return NULL;
	return NVB_TAKE_PTR(path);
}
