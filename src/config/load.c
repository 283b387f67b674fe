/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "base/toml.h"
#include "config/config.h"

/* In a user namespace the owners it does not map all look like this (/proc/sys/kernel/overflowuid). */
enum { OVERFLOW_UID = 65534 };

static bool in_user_namespace(void)
{
	_cleanup_free_ char *map = NULL;
	unsigned long inside, outside, count;

	if (nvb_file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &map, NULL, NULL) < 0)
		return false;
	return sscanf(map, "%lu %lu %lu", &inside, &outside, &count) == 3 &&
	       !(inside == 0 && outside == 0 && count == UINT32_MAX);
}

/* Who could change what is read here, besides root? NULL: nobody. */
static const char *other_writer(const struct stat *st, bool any_owner)
{
	bool sticky_directory = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);

	if (st->st_uid != 0 && st->st_uid != geteuid() && !any_owner &&
		!(st->st_uid == OVERFLOW_UID && in_user_namespace()))
		return "another user owns it";
	if ((st->st_mode & S_IWOTH) && !sticky_directory)
		return "everybody can write it";
	if ((st->st_mode & S_IWGRP) && st->st_gid != 0 && !sticky_directory)
		return "its group can write it";
	return NULL;
}

static int check_writers(int fd, const char *path, bool any_owner, nvb_error **err)
{
	const char *why;
	struct stat st;
	int rc;

	if (geteuid() != 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return nvb_fail_errno(err, errno, "configuration %s", path);
	why = other_writer(&st, any_owner);
	if (!why)
		return 0;
	rc = nvb_fail(err, NVB_ERR_PERMISSION, "configuration %s: not read as root, since %s", path, why);
	return nvb_hint(err, rc, "chown root %s && chmod go-w %s", path, path);
}

/* `any_owner`: root named the file itself, so it may be a user's own. */
static int read_checked(struct nvb_config *config, const char *path, bool any_owner, nvb_error **err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	_cleanup_free_ char *directory =
		slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int dirfd = -1, fd = -1;
	size_t size;
	int rc;

	if (!directory)
		return nvb_fail_oom(err);
	/* The file is opened in the directory that was checked, and checked itself once it is open. */
	dirfd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0)
		fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "configuration %s", path);
	rc = check_writers(dirfd, directory, any_owner, err);
	if (rc == 0)
		rc = check_writers(fd, path, any_owner, err);
	if (rc == 0)
		rc = nvb_file_read_fd(fd, path, NVB_TOML_MAX, &data, &size, err);
	return rc < 0 ? rc : nvb_config_parse(config, data, size, path, err);
}

int nvb_config_read_file(struct nvb_config *config, const char *path, nvb_error **err)
{
	return read_checked(config, path, true, err);
}

/* $XDG_CONFIG_HOME/nvbind/config.toml. *path stays NULL when the environment names no home. */
static int user_file(char **path, nvb_error **err)
{
	const char *config_home = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
	int n = 0;

	/* The XDG base directory specification: a relative path is to be ignored. */
	if (config_home && *config_home == '/')
		n = asprintf(path, "%s/nvbind/config.toml", config_home);
	else if (home && *home == '/')
		n = asprintf(path, "%s/.config/nvbind/config.toml", home);
	if (n < 0) {
		*path = NULL;
		return nvb_fail_oom(err);
	}
	return 0;
}

/* 1: there is no such file. */
static int read_if_there(struct nvb_config *config, const char *path, nvb_error **err)
{
	nvb_error *local = NULL;
	int rc = read_checked(config, path, false, &local);

	if (rc == -NVB_ERR_NOT_FOUND) {
		nvb_error_free(local);
		return 1;
	}
	nvb_error_move(err, local);
	return rc;
}

/* HOME and its like may be another's (su and setpriv keep it): what the caller may not even enter holds no
 * settings of his. */
static bool is_closed_home(void)
{
	const char *config_home = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");

	if (config_home && *config_home == '/')
		home = config_home;
	return home && access(home, X_OK) < 0 && errno == EACCES;
}

int nvb_config_load(struct nvb_config *config, const char *explicit, bool user, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	int rc;

	if (explicit)
		return nvb_config_read_file(config, explicit, err);
	if (user && !is_closed_home()) {
		rc = user_file(&path, err);
		if (rc == 0 && path)
			rc = read_if_there(config, path, err);
		if (rc < 0 || (rc == 0 && path))
			return rc;
	}
	rc = read_if_there(config, NVB_SYSCONFDIR "/config.toml", err);
	return rc < 0 ? rc : 0;
}
