/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary DIR [--except DIR]: everything that can be told of a tree, one line a file: name, inode, mode,
 * links, owners, size, both times that a change moves, a digest of content, extended attributes, where links
 * lead. Two outputs are equal when nobody touched the tree. Reading is no touch: times of access are left
 * out.
 */
#include "tools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *except;

enum { CONTENT_MAX = 1 << 20 };

static uint64_t fnv(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ p[i]) * UINT64_C(1099511628211);
	return hash;
}

static uint64_t content(const char *path, const struct stat *st)
{
	static char buffer[65536];
	uint64_t hash = UINT64_C(14695981039346656037);
	int fd = S_ISREG(st->st_mode) && st->st_size <= CONTENT_MAX
			 ? open(path, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_NONBLOCK | O_CLOEXEC)
			 : -1;
	ssize_t n;

	while (fd >= 0 && (n = read(fd, buffer, sizeof(buffer))) > 0)
		hash = fnv(hash, buffer, (size_t)n);
	if (fd >= 0)
		close(fd);
	n = llistxattr(path, buffer, sizeof(buffer));
	return n > 0 ? fnv(hash, buffer, (size_t)n) : hash;
}

static void line(const char *path, const struct stat *st)
{
	char target[PATH_MAX] = "";
	ssize_t n = S_ISLNK(st->st_mode) ? readlink(path, target, sizeof(target) - 1) : 0;

	target[n > 0 ? n : 0] = '\0';
	printf("%s %ju %o %ju %u:%u %jd %jd.%09ld %jd.%09ld %016jx %s\n", path, (uintmax_t)st->st_ino,
		st->st_mode, (uintmax_t)st->st_nlink, st->st_uid, st->st_gid, (intmax_t)st->st_size,
		(intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (intmax_t)st->st_ctim.tv_sec,
		st->st_ctim.tv_nsec, (uintmax_t)content(path, st), target);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int no_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static void tree(const char *path)
{
	struct dirent **entries;
	struct stat st;
	int count;

	if (except && strcmp(path, except) == 0)
		return;
	if (lstat(path, &st) < 0) {
		printf("%s %s\n", path, strerror(errno));
		return;
	}
	line(path, &st);
	count = S_ISDIR(st.st_mode) ? scandir(path, &entries, no_dots, by_name) : 0;
	for (int i = 0; i < count; i++) {
		char below[PATH_MAX];

		if ((size_t)snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name) < sizeof(below))
			tree(below);
		free(entries[i]);
	}
	if (count > 0)
		free(entries);
}

int tool_canary(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--except") == 0 && i + 1 < argc)
			except = argv[++i];
		else
			tree(argv[i]);
	return 0;
}
