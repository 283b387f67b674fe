/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static const struct {
	const char *option;
	unsigned long mount, fs; /* of mount(2), of statvfs(3) */
} kept[] = {
	{"ro", MS_RDONLY, ST_RDONLY},
	{"nosuid", MS_NOSUID, ST_NOSUID},
	{"nodev", MS_NODEV, ST_NODEV},
	{"noexec", MS_NOEXEC, ST_NOEXEC},
};

static unsigned long wanted_flags(const char *const *options)
{
	unsigned long flags = 0;

	for (const char *const *o = options; o && *o; o++)
		for (size_t i = 0; i < NVB_ELEMENTS(kept); i++)
			if (nvb_streq(*o, kept[i].option))
				flags |= kept[i].mount;
	return flags;
}

static int make_place(const char *path, const struct stat *source, nvb_error **err)
{
	_cleanup_close_ int fd = -1;

	if (S_ISDIR(source->st_mode))
		return mkdir(path, 0700) < 0 ? nvb_fail_errno(err, errno, "%s", path) : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? nvb_fail_errno(err, errno, "%s", path) : 0;
}

/* A remount replaces all of the options, so those that it has from the source are given again. */
static int mount_with(const char *source, const char *path, unsigned long flags, nvb_error **err)
{
	struct statvfs fs;

	if (mount(source, path, NULL, MS_BIND | MS_REC, NULL) < 0 || statvfs(path, &fs) < 0)
		return nvb_fail_errno(err, errno, "mounting %s", source);
	for (size_t i = 0; i < NVB_ELEMENTS(kept); i++)
		if (fs.f_flag & kept[i].fs)
			flags |= kept[i].mount;
	flags |= (fs.f_flag & ST_NOATIME ? MS_NOATIME : 0) | (fs.f_flag & ST_NODIRATIME ? MS_NODIRATIME : 0) |
		 (fs.f_flag & ST_RELATIME ? MS_RELATIME : 0);
	if (mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | flags, NULL) < 0)
		return nvb_fail_errno(err, errno, "mounting %s as it was", source);
	return 0;
}

int nvb_bind_stage(const char *directory, size_t number, const char *source, const char *const *options,
	char **path, nvb_error **err)
{
	_cleanup_free_ char *real = realpath(source, NULL), *place = NULL;
	unsigned long flags = wanted_flags(options);
	struct stat st;
	int rc;

	if (!real || stat(real, &st) < 0)
		return nvb_fail_errno(err, errno, "%s", source);
	if (!flags) {
		*path = NVB_TAKE_PTR(real);
		return 0;
	}
	if (asprintf(&place, "%s/bind-%zu", directory, number) < 0) {
		place = NULL;
		return nvb_fail_oom(err);
	}
	rc = make_place(place, &st, err);
	if (rc == 0)
		rc = mount_with(real, place, flags, err);
	if (rc == 0)
		*path = NVB_TAKE_PTR(place);
	return rc;
}
