/* SPDX-License-Identifier: Apache-2.0 */
#include "container/musl.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "container/replace.h"

/* musl's ldso/dynlink.c: what is searched when there is no path file; separators are ":" and newline. */
#define DEFAULT_PATH "/lib:/usr/local/lib:/usr/lib"

enum {
	PATH_FILE_MAX = 64 * 1024,
	ARCH_MAX = 32,
	LOADERS_MAX = 4,
};

static bool lists(const char *path, const char *directory)
{
	size_t size = strlen(directory);

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, ":\n");

		if (n == size && memcmp(p, directory, n) == 0)
			return true;
		p += n + (p[n] != '\0');
	}
	return false;
}

char *nvb_musl_path(const char *old, const char *const *directories, size_t count)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	nvb_sb_add(&sb, old ? old : DEFAULT_PATH);
	while (sb.len && (sb.s[sb.len - 1] == '\n' || sb.s[sb.len - 1] == ':'))
		sb.s[--sb.len] = '\0';
	for (size_t i = 0; i < count && !sb.failed; i++)
		if (!strpbrk(directories[i], ":\n") && !lists(sb.s ? sb.s : "", directories[i])) {
			if (sb.len)
				nvb_sb_addc(&sb, '\n');
			nvb_sb_add(&sb, directories[i]);
		}
	nvb_sb_addc(&sb, '\n');
	return nvb_sb_finish(&sb);
}

static void apply_file(const struct nvb_place *place, const char *path, const char *const *directories,
	size_t count, const struct nvb_log *log)
{
	_cleanup_error_ nvb_error *why = NULL;
	_cleanup_free_ char *old = NULL, *new = NULL;
	struct stat st;
	_cleanup_close_ int fd = nvb_root_open_file(place->content, path, &st);
	int rc = 0;

	if (fd >= 0)
		rc = nvb_file_read_fd(fd, path, PATH_FILE_MAX, &old, NULL, &why);
	else if (fd == -EINVAL)
		rc = nvb_fail(&why, NVB_ERR_CORRUPT, "not a regular file");
	else if (fd != -ENOENT)
		rc = nvb_fail_errno(&why, -fd, "not read");
	if (rc == 0) {
		new = nvb_musl_path(old, directories, count);
		if (!new)
			rc = nvb_fail_oom(&why);
	}
	if (rc == 0 && (!old || !nvb_streq(old, new)))
		rc = nvb_replace_file(place, path, new, strlen(new), fd >= 0 ? &st : NULL, &why);
	if (rc < 0)
		nvb_warning(log, "%s left as it is: %s", path, nvb_error_message(why));
}

/* The "x86_64" of "ld-musl-x86_64.so.1". */
static bool arch_of_loader(const char *name, char *arch, size_t size)
{
	const char *p = nvb_after(name, "ld-musl-");
	size_t n = 0;

	while (p && n < size - 1 && (isalnum((unsigned char)p[n]) || p[n] == '_' || p[n] == '-'))
		n++;
	if (!n || !nvb_streq(p + n, ".so.1"))
		return false;
	memcpy(arch, p, n);
	arch[n] = '\0';
	return true;
}

bool nvb_musl_apply(const struct nvb_place *place, const char *const *directories, size_t count,
	const struct nvb_log *log)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int fd = nvb_root_openat(place->content, "lib", O_RDONLY | O_DIRECTORY, 0), found = 0;
	const struct dirent *entry;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		nvb_closep(&fd);
		return false;
	}
	while (found < LOADERS_MAX && (entry = readdir(dir))) {
		char arch[ARCH_MAX], path[sizeof("etc/ld-musl-.path") + ARCH_MAX];

		if (!arch_of_loader(entry->d_name, arch, sizeof(arch)))
			continue;
		snprintf(path, sizeof(path), "etc/ld-musl-%s.path", arch);
		apply_file(place, path, directories, count, log);
		found++;
	}
	return found > 0;
}
