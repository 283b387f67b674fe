/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "capsule/bring.h"
#include "capsule/definition.h"
#include "capsule/mounts.h"
#include "capsule/rootfs.h"
#include "capsule/rootless.h"

static int mount_files(const struct nvb_state *state, const struct nvb_located *capsule,
	const struct nvb_image *image, bool read_only, nvb_error **err)
{
	_cleanup_rootfs_ struct nvb_rootfs rootfs = NVB_ROOTFS_INIT;
	int rc = nvb_rootfs_open(&rootfs, state->workspace, state->rootless, image, err);

	return rc < 0 ? rc
		      : nvb_rootfs_mount(&rootfs, image, NULL, read_only ? NULL : capsule->data, false, err);
}

/* Of one that does not run: mounted as at its start, but for what a start adds. */
static int open_stopped(const struct nvb_run_host *host, struct nvb_state *state,
	const struct nvb_located *capsule, struct nvb_root *root, nvb_error **err)
{
	_cleanup_definition_ struct nvb_capsule_definition definition;
	_cleanup_free_ char *narrow = NULL, *path = NULL;
	struct nvb_image image;
	int rc;

	nvb_capsule_definition_init(&definition);
	rc = nvb_definition_load(&definition, capsule->data, err);
	if (rc < 0)
		return nvb_wrap(
			err, rc, "capsule %.12s does not run, and its files are not to be had", capsule->id);
	definition.spec.pull = NVB_PULL_NEVER;
	rc = nvb_image_bring(host, &definition.spec, &image, err);
	if (rc < 0)
		return rc;
	if (state->rootless)
		rc = nvb_rootless_enter(state, &narrow, host->log, err);
	if (rc == 0)
		rc = nvb_mounts_private(state->workspace, err);
	if (rc == 0)
		rc = mount_files(state, capsule, &image, definition.spec.read_only, err);
	if (rc == 0 && asprintf(&path, "%s/rootfs", state->workspace) < 0) {
		path = NULL;
		rc = nvb_fail_oom(err);
	}
	if (rc == 0)
		rc = nvb_root_open(root, path, err);
	/* The mount keeps the layers; the image's lock shall last as long as this process uses them. */
	image.lock = -1;
	nvb_image_close(&image);
	return rc;
}

int nvb_files_lock(const char *data, bool wait, nvb_error **err)
{
	_cleanup_close_ int fd = open(data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", data);
	if (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0)
		return NVB_TAKE_FD(fd);
	if (errno == EWOULDBLOCK)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_BUSY, "the capsule's files are being copied (bolt capsule cp)"),
			"try again when that has ended");
	return nvb_fail_errno(err, errno, "%s", data);
}

int nvb_files_open(const struct nvb_run_host *host, struct nvb_state *state,
	const struct nvb_located *capsule, struct nvb_root *root, nvb_error **err)
{
	int rc;

	if (!capsule->init) {
		/* Until this process ends. */
		rc = nvb_files_lock(capsule->data, true, err);
		if (rc < 0)
			return rc;
		if (access(capsule->run, F_OK) == 0)
			return nvb_fail(err, NVB_ERR_BUSY, "capsule %.12s is just being started or ended",
				capsule->id);
		return open_stopped(host, state, capsule, root, err);
	}
	rc = nvb_exec_enter_user_namespace(capsule->init, capsule->init_started, capsule->rootless, err);
	return rc < 0 ? rc : nvb_exec_open_root(capsule->init, capsule->init_started, root, err);
}

void nvb_copy_end_release(struct nvb_copy_end *end)
{
	nvb_root_close(&end->root);
	nvb_closep(&end->directory);
	free(end->name);
	*end = (struct nvb_copy_end)NVB_COPY_END_INIT;
}

/* The directory of a path without links, and the path's last part. */
static int open_place(struct nvb_copy_end *end, const char *path, nvb_error **err)
{
	_cleanup_free_ char *parent = NULL;
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	parent = strndup(path, (size_t)(name - path));
	end->name = strdup(*name ? name : ".");
	if (!parent || !end->name)
		return nvb_fail_oom(err);
	end->directory = nvb_root_openat(&end->root, *parent ? parent : "/", O_RDONLY | O_DIRECTORY, 0);
	return end->directory < 0 ? nvb_fail_errno(err, -end->directory, "%s", *parent ? parent : "/") : 0;
}

/* Without slashes at its end; malloc'd. */
static char *trimmed(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return strndup(path, n);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_dots(const char *part)
{
	return nvb_streq(part, ".") || nvb_streq(part, "..");
}

/* The contents of a directory are what stands in it under ".". */
static int open_contents(struct nvb_copy_end *end, const char *path, nvb_error **err)
{
	end->directory = nvb_root_openat(&end->root, path, O_RDONLY | O_DIRECTORY, 0);
	if (end->directory < 0)
		return nvb_fail_errno(err, -end->directory, "%s", path);
	end->name = strdup(".");
	return end->name ? 0 : nvb_fail_oom(err);
}

int nvb_copy_source(struct nvb_copy_end *end, const char *path, bool follow, bool *directory, char **base,
	nvb_error **err)
{
	_cleanup_free_ char *trim = trimmed(path), *real = NULL;
	bool slash = nvb_ends_with(path, "/");
	struct stat st;
	int rc;

	if (!trim)
		return nvb_fail_oom(err);
	*base = NULL;
	*directory = true;
	if (nvb_streq(last_part(trim), ".") || nvb_streq(trim, "/"))
		return open_contents(end, trim, err);
	rc = nvb_root_stat(&end->root, trim, follow || slash, &st);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "%s", path);
	*directory = S_ISDIR(st.st_mode);
	if (slash && !*directory)
		return nvb_fail_errno(err, ENOTDIR, "%s", path);
	/* The copy has the name that was given, whatever that leads to. */
	if (follow || slash || is_dots(last_part(trim))) {
		rc = nvb_root_realpath(&end->root, trim, &real, err);
		if (rc < 0)
			return rc;
	}
	rc = open_place(end, real ? real : trim, err);
	if (rc < 0)
		return rc;
	*base = strdup(real && is_dots(last_part(trim)) ? last_part(real) : last_part(trim));
	return *base ? 0 : nvb_fail_oom(err);
}

int nvb_copy_target(
	struct nvb_copy_end *end, const char *path, bool directory, const char *base, nvb_error **err)
{
	_cleanup_free_ char *trim = trimmed(path), *real = NULL;
	bool slash = nvb_ends_with(path, "/") || is_dots(last_part(path));
	struct stat st;
	int rc;

	if (!trim)
		return nvb_fail_oom(err);
	rc = nvb_root_stat(&end->root, trim, true, &st);
	if (rc == 0 && S_ISDIR(st.st_mode)) {
		rc = open_contents(end, trim, err);
		free(NVB_TAKE_PTR(end->name));
		/* Into the directory, under its own name; contents as they are. */
		if (rc == 0 && base) {
			end->name = strdup(base);
			rc = end->name ? 0 : nvb_fail_oom(err);
		}
		return rc;
	}
	if (rc == 0 && directory)
		return nvb_fail(
			err, NVB_ERR_CONFLICT, "%s: a directory cannot take the place of a file", path);
	if (rc == 0) {
		if (slash)
			return nvb_fail_errno(err, ENOTDIR, "%s", path);
		/* What a link leads to is replaced, not the link. */
		rc = nvb_root_realpath(&end->root, trim, &real, err);
		return rc < 0 ? rc : open_place(end, real, err);
	}
	if (rc != -ENOENT)
		return nvb_fail_errno(err, -rc, "%s", path);
	if (slash && !directory)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "%s: there is no such directory", path);
	return open_place(end, trim, err);
}
