/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/candidates.h"

#include <string.h>
#include <sys/stat.h>

#include "base/str.h"

static const char *const directories[] = {
	"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", NULL};
static const char *const default_runtimes[] = {"runc", "crun", NULL};

static bool is_program(const char *path, const struct stat *self)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) &&
	       !(st.st_dev == self->st_dev && st.st_ino == self->st_ino);
}

static char *find(const char *name, const struct stat *self, bool *oom)
{
	if (*name == '/') {
		char *copy = is_program(name, self) ? strdup(name) : NULL;

		*oom = !copy && is_program(name, self);
		return copy;
	}
	nvb_strv_foreach (directory, (char *const *)directories) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", *directory, name) < 0) {
			path = NULL;
			*oom = true;
			return NULL;
		}
		if (is_program(path, self))
			return NVB_TAKE_PTR(path);
	}
	return NULL;
}

int shim_find_runtime(char *const *runtimes, const char *self, char **path, nvb_error **err)
{
	char *const *candidates = runtimes ? runtimes : (char *const *)default_runtimes;
	_cleanup_strbuf_ struct nvb_strbuf tried = {0};
	struct stat st = {0};
	bool oom = false;

	if (stat(self, &st) < 0)
		st = (struct stat){0}; /* without /proc nobody can tell; no file has this number */
	nvb_strv_foreach (candidate, candidates) {
		char *found = find(*candidate, &st, &oom);

		if (oom)
			return nvb_fail_oom(err);
		if (found) {
			*path = found;
			return 0;
		}
		nvb_sb_addf(&tried, "%s%s", tried.len ? ", " : "", *candidate);
	}
	if (tried.failed)
		return nvb_fail_oom(err);
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_NOT_FOUND, "no OCI runtime: none of %s is a program",
			tried.s ? tried.s : "those configured"),
		"install runc or crun, or name one in [runtime] runtimes of /etc/nvbind/config.toml");
}
