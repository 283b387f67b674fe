/* SPDX-License-Identifier: Apache-2.0 */
/* clear DIR: unmounts what is mounted below it, takes immutable and append-only flags off, removes it.
 * Follows no link. */
#include "tools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void unflag(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), flags = 0;

	if (fd < 0)
		return;
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL))) {
		flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
		ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	close(fd);
}

static void clear_entry(int dirfd, const char *name);

static void clear_children(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			clear_entry(fd, entry->d_name);
	if (dir)
		closedir(dir);
}

static void clear_entry(int dirfd, const char *name)
{
	struct stat st;

	if (unlinkat(dirfd, name, 0) == 0 || unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
		return;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))
		unflag(dirfd, name);
	if (S_ISDIR(st.st_mode)) {
		clear_children(dirfd, name);
		if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
			die("removing %s", name);
	} else if (unlinkat(dirfd, name, 0) < 0) {
		die("removing %s", name);
	}
}

/* mountinfo writes "\\040" for a blank. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p; to++) {
		unsigned c;

		if (sscanf(p, "\\%3o", &c) == 1) {
			*to = (char)c;
			p += 4;
		} else {
			*to = *p++;
		}
	}
	*to = '\0';
}

/* The last one mounted first. */
static void unmount_below(const char *path)
{
	size_t n = strlen(path);
	bool again;

	do {
		FILE *f = fopen("/proc/self/mountinfo", "re");
		char text[16384], point[8192], last[8192] = "";

		while (f && fgets(text, sizeof(text), f)) {
			if (sscanf(text, "%*s %*s %*s %*s %8191s", point) != 1)
				continue;
			unescape(point);
			if (strncmp(point, path, n) == 0 && (point[n] == '/' || !point[n]))
				strcpy(last, point);
		}
		if (f)
			fclose(f);
		again = *last != '\0';
		if (again && umount2(last, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			die("unmounting %s", last);
	} while (again);
}

int tool_clear(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		unmount_below(argv[i]);
		clear_entry(AT_FDCWD, argv[i]);
	}
	return 0;
}
