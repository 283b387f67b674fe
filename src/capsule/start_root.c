/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "capsule/kept.h"
#include "capsule/rootless.h"
#include "capsule/start.h"
#include "mps/mps.h"

/* The root file system of a start. */

/* As docker: a host path that is not there becomes a directory. */
static int volume_mount_point(struct nvb_start *start, const struct nvb_volume *volume, nvb_error **err)
{
	struct stat st;
	int rc = 0;

	if (stat(volume->source, &st) < 0) {
		if (errno != ENOENT)
			return nvb_fail_errno(err, errno, "volume %s", volume->source);
		rc = nvb_file_mkdirs(AT_FDCWD, volume->source, 0755, err);
		if (rc == 0 && stat(volume->source, &st) < 0)
			rc = nvb_fail_errno(err, errno, "volume %s", volume->source);
		if (rc < 0)
			return nvb_wrap(err, rc, "volume");
	}
	return nvb_rootfs_mount_point(&start->rootfs, volume->target, S_ISDIR(st.st_mode), err);
}

static int plan_mount_point(struct nvb_start *start, const struct nvb_edit *edit, nvb_error **err)
{
	struct stat st;

	if (edit->kind != NVB_EDIT_MOUNT || edit->mount.via == NVB_VIA_LAYER)
		return 0;
	/* What is missing is for the bundle to judge. */
	if (stat(edit->mount.host, &st) < 0)
		return 0;
	return nvb_rootfs_mount_point(&start->rootfs, edit->mount.container, S_ISDIR(st.st_mode), err);
}

/* Everything that will be mounted gets its place now, in the top layer, or the runtime would make it in the
 * capsule's own. */
static int make_mount_points(struct nvb_start *start, nvb_error **err)
{
	static const char *const directories[] = {"proc", "dev", "sys"};
	static const char *const files[] = {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
	const struct nvb_capsule_spec *spec = start->spec;
	const struct nvb_plan *plan = start->gpu.plan;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(directories); i++)
		rc = nvb_rootfs_own_directory(&start->rootfs, directories[i], err);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(files); i++)
		rc = nvb_rootfs_mount_point(&start->rootfs, files[i], false, err);
	for (size_t i = 0; rc == 0 && plan && i < plan->edit_count; i++)
		rc = plan_mount_point(start, &plan->edits[i], err);
	for (size_t i = 0; rc == 0 && i < spec->tmpfs_count; i++)
		rc = nvb_rootfs_mount_point(&start->rootfs, spec->tmpfs[i].target, true, err);
	for (size_t i = 0; rc == 0 && i < spec->volume_count; i++)
		rc = volume_mount_point(start, &spec->volumes[i], err);
	/* The working directory is made when it is missing, as docker does. */
	if (rc == 0)
		rc = nvb_rootfs_mount_point(&start->rootfs, start->process.working_directory, true, err);
	return rc;
}

int nvb_start_make_root(struct nvb_start *start, nvb_error **err)
{
	const struct nvb_log *log = start->host->log;
	int rc = nvb_rootfs_open(
		&start->rootfs, start->state.workspace, start->state.rootless, &start->image, err);

	if (rc == 0 && start->gpu.plan && !nvb_rootfs_takes_layer(&start->rootfs, start->gpu.plan))
		rc = nvb_gpu_plan_as_mount(&start->gpu, start->host, start->request, err);
	if (rc == 0)
		rc = nvb_process_make(start->spec, &start->image, &start->rootfs.view, start->gpu.plan,
			start->hostname, &start->process, err);
	if (rc == 0)
		rc = nvb_mps_check_environment(start->gpu.plan, start->process.env, err);
	if (rc == 0 && start->state.rootless)
		rc = nvb_rootless_fit_process(&start->process, start->narrow, err);
	if (rc == 0)
		nvb_kept_make(start->gpu.plan, start->process.user.uid, start->process.user.gid, log);
	if (rc == 0 && start->gpu.plan)
		rc = nvb_rootfs_apply_plan(&start->rootfs, start->gpu.plan, log, err);
	if (rc == 0)
		rc = make_mount_points(start, err);
	if (rc == 0)
		rc = nvb_rootfs_mirror(&start->rootfs, start->gpu.plan, err);
	if (rc == 0)
		rc = nvb_rootfs_mount(&start->rootfs, &start->image, nvb_gpu_plan_layer(&start->gpu),
			start->spec->read_only ? NULL : start->entry.data, start->spec->remove, err);
	return rc;
}
