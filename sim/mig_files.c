/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/mig_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "base/mem.h"

enum { GI_BIT = 1 << 8 };

struct sim_mig_files sim_mig_files_wanted(const struct sim_gpu *gpu)
{
	struct sim_mig_files wanted = {{0}};

	for (size_t g = 0; g < NVB_ELEMENTS(gpu->mig.gi); g++) {
		const struct sim_gpu_instance *gi = &gpu->mig.gi[g];

		if (!gi->used || gi->id >= SIM_MIG_GI_IDS)
			continue;
		wanted.present[gi->id] |= GI_BIT;
		for (size_t c = 0; c < NVB_ELEMENTS(gi->ci); c++)
			if (gi->ci[c].used && gi->ci[c].id < SIM_MIG_CI_IDS)
				wanted.present[gi->id] |= (uint16_t)(1u << gi->ci[c].id);
	}
	return wanted;
}

/* Directory of an instance's access file, relative to the root; ci SIM_MIG_CI_IDS: the GPU instance. */
static void directory_of(uint32_t minor, uint32_t gi, uint32_t ci, char *path, size_t size)
{
	int n = snprintf(path, size, "proc/driver/nvidia/capabilities/gpu%u/mig/gi%u", minor, gi);

	if (ci < SIM_MIG_CI_IDS)
		snprintf(path + n, size - (size_t)n, "/ci%u", ci);
}

static uint32_t minor_of(uint32_t minor, uint32_t gi, uint32_t ci)
{
	return ci < SIM_MIG_CI_IDS ? sim_cap_ci(minor, gi, ci) : sim_cap_gi(minor, gi);
}

static int make_node(int root, uint32_t number, unsigned major, nvb_error **err)
{
	char path[64];

	snprintf(path, sizeof(path), "dev/nvidia-caps/nvidia-cap%u", number);
	if (mkdirat(root, "dev/nvidia-caps", 0755) < 0 && errno != EEXIST)
		return nvb_fail_errno(err, errno, "dev/nvidia-caps");
	if (mknodat(root, path, S_IFCHR | 0444, makedev(major, number)) == 0)
		return fchmodat(root, path, 0444, 0) < 0 ? nvb_fail_errno(err, errno, "%s", path) : 0;
	return errno == EPERM || errno == EEXIST ? 0 : nvb_fail_errno(err, errno, "making node %s", path);
}

static int make_files(int root, uint32_t minor, uint32_t gi, uint32_t ci, unsigned major, nvb_error **err)
{
	uint32_t number = minor_of(minor, gi, ci);
	char path[160], text[96];
	int rc, n, fd;

	directory_of(minor, gi, ci, path, sizeof(path) - sizeof("/access"));
	/* The instance's own directory is the one that is missing, unless the machine is new. */
	rc = mkdirat(root, path, 0755) == 0 ? 0 : nvb_file_mkdirs(root, path, 0755, err);
	if (rc < 0)
		return rc;
	strcat(path, "/access");
	n = snprintf(text, sizeof(text), SIM_CAPABILITY_FORMAT, number, 0444);
	fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0444);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	rc = nvb_write_all(fd, text, (size_t)n);
	close(fd);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "%s", path);
	return make_node(root, number, major, err);
}

static int remove_files(int root, uint32_t minor, uint32_t gi, uint32_t ci, nvb_error **err)
{
	char directory[160], path[192];

	directory_of(minor, gi, ci, directory, sizeof(directory));
	snprintf(path, sizeof(path), "%s/access", directory);
	if ((unlinkat(root, path, 0) < 0 && errno != ENOENT) ||
		(unlinkat(root, directory, AT_REMOVEDIR) < 0 && errno != ENOENT))
		return nvb_fail_errno(err, errno, "removing %s", path);
	snprintf(path, sizeof(path), "dev/nvidia-caps/nvidia-cap%u", minor_of(minor, gi, ci));
	if (unlinkat(root, path, 0) < 0 && errno != ENOENT)
		return nvb_fail_errno(err, errno, "removing %s", path);
	return 0;
}

int sim_mig_files_sync(int root, const struct sim_gpu *gpu, unsigned caps_major, struct sim_mig_files *files,
	nvb_error **err)
{
	struct sim_mig_files wanted = sim_mig_files_wanted(gpu);
	int rc = 0;

	for (uint32_t gi = 0; gi < SIM_MIG_GI_IDS; gi++) {
		uint16_t differ = wanted.present[gi] ^ files->present[gi];

		/* A compute instance's directory lies in its GPU instance's: remove it first, make it last.
		 * Bit and number are the same, the GPU instance's is the highest. */
		for (uint32_t ci = 0; rc == 0 && ci <= SIM_MIG_CI_IDS; ci++)
			if (differ & files->present[gi] & (1u << ci))
				rc = remove_files(root, gpu->minor, gi, ci, err);
		for (uint32_t ci = SIM_MIG_CI_IDS + 1; rc == 0 && ci-- > 0;)
			if (differ & wanted.present[gi] & (1u << ci))
				rc = make_files(root, gpu->minor, gi, ci, caps_major, err);
		if (rc < 0)
			return rc;
		files->present[gi] = wanted.present[gi];
	}
	return 0;
}
