/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "inventory/nvml_abi.h"
#include "sim/elf_writer.h"
#include "sim/mig.h"
#include "sim/mig_files.h"
#include "sim/protocol.h"

/* In the WSL store libraries are named .so.1.1 and .so.1, whatever the driver's version. */
static const char *state_version(const struct sim_layout *layout, const char *driver)
{
	return nvb_streq(layout->name, "wsl2") ? "1.1" : driver;
}

char *sim_state_file_path(const struct sim_layout *layout, const char *driver)
{
	char *path;

	return asprintf(&path, "%s/" SIM_STATE_FILENAME "%s", sim_tree_state_directory(layout),
		       state_version(layout, driver)) < 0
		       ? NULL
		       : path;
}

/* The file begins with a shared object of one page, so that it passes for a library. */
static int format_file(struct sim_tree *tree, const char *path, nvb_error **err)
{
	const char *name = strrchr(path, '/') + 1;
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *image = NULL;
	char page[SIM_STATE_OFFSET] = {0};
	size_t size;
	int rc = sim_elf_library(&(struct sim_elf_library){.machine = SIM_ELF_X86_64,
					 .soname = name,
					 .text = "the live state of a simulated machine"},
		&image, &size, err);

	if (rc < 0)
		return rc;
	if (size > sizeof(page))
		return nvb_fail(err, NVB_ERR_INVALID, "%s: its ELF image is larger than a page", path);
	memcpy(page, image, size);
	fd = openat(tree->fd, path + 1, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "writing %s%s", tree->path, path);
	rc = sim_state_format(fd, page, sizeof(page));
	if (rc == 0 && fchmod(fd, 0644) < 0)
		rc = -errno;
	return rc < 0 ? nvb_fail_errno(err, -rc, "writing %s%s", tree->path, path) : 0;
}

static void fill_in(struct sim_map *map, const struct sim_scenario *s)
{
	*sim_draft_machine(map) = s->machine;
	sim_publish_machine(map);
	for (uint32_t i = 0; i < s->machine.gpu_count; i++) {
		*sim_draft_gpu(map, i) = s->gpu[i];
		sim_publish_gpu(map, i);
	}
}

/* The number NVML gives a profile that users call "1g.18gb". */
static bool profile_by_name(const struct sim_gpu *gpu, const char *name, struct sim_gi_profile *out)
{
	for (uint32_t profile = 0; profile < NVML_GI_PROFILE_COUNT; profile++)
		if (sim_gi_profile(gpu, profile, out) && nvb_streq(out->name, name))
			return true;
	return false;
}

/* A GPU instance with one compute instance that takes all of it. */
static int make_instance(struct sim_map *map, uint32_t index, const char *name, nvb_error **err)
{
	struct sim_change change = {.gpu = index, .kind = SIM_CHANGE_CREATE_GI, .b = SIM_ANYWHERE};
	struct sim_gi_profile profile;
	struct sim_gpu gpu;
	uint32_t gi, ci, rc;

	sim_read_gpu(map->state, index, &gpu);
	if (!profile_by_name(&gpu, name, &profile))
		return nvb_fail(
			err, NVB_ERR_INVALID, "GPU %u (%s) has no MIG profile '%s'", index, gpu.name, name);
	change.a = profile.id;
	rc = sim_change_apply(map, &change, true, &gi);
	if (rc)
		return nvb_fail(err, NVB_ERR_INVALID, "GPU %u: no room for a MIG instance %s (NVML %u)",
			index, name, rc);
	for (uint32_t p = 0; p < NVML_CI_PROFILE_COUNT; p++) {
		const struct sim_gpu_instance *instance;
		struct sim_ci_profile whole;

		sim_read_gpu(map->state, index, &gpu);
		instance = sim_find_gi(&gpu, gi);
		if (!instance || !sim_ci_profile(&gpu, instance, p, &whole) || whole.slices != profile.slices)
			continue;
		change = (struct sim_change){.gpu = index,
			.kind = SIM_CHANGE_CREATE_CI,
			.gi = gi,
			.a = whole.id,
			.b = SIM_ANYWHERE};
		rc = sim_change_apply(map, &change, true, &ci);
		return rc ? nvb_fail(err, NVB_ERR_INVALID, "GPU %u: no compute instance in %s (NVML %u)",
				    index, name, rc)
			  : 0;
	}
	return nvb_fail(err, NVB_ERR_INVALID, "GPU %u: %s has no compute profile for all of it", index, name);
}

static int make_instances(struct sim_tree *tree, struct sim_map *map, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < s->machine.gpu_count; i++) {
		struct sim_mig_files none = {{0}};
		struct sim_gpu gpu;

		nvb_strv_foreach (name, s->host[i].mig) {
			if (rc == 0)
				rc = make_instance(map, i, *name, err);
		}
		if (rc < 0)
			return rc;
		sim_read_gpu(map->state, i, &gpu);
		rc = sim_mig_files_sync(tree->fd, &gpu, tree->majors.caps, &none, err);
	}
	return rc;
}

/* A second name for the same file, so that it stays one file wherever a library looks for it. */
static int hard_link(struct sim_tree *tree, const char *path, const char *other, nvb_error **err)
{
	if (linkat(tree->fd, path + 1, tree->fd, other + 1, 0) < 0)
		return nvb_fail_errno(err, errno, "linking %s%s", tree->path, other);
	return 0;
}

/* Where else the file has to be: see state_version, and Nix' directory of links. */
static int other_names(struct sim_tree *tree, const char *path, nvb_error **err)
{
	const struct sim_layout *l = tree->scenario->layout;
	const char *name = strrchr(path, '/') + 1;
	char other[512];
	int rc = 0;

	if (tree->scenario->wsl) {
		static const char *const versions[] = {"1.1", "1"};

		for (int d = 0; rc == 0 && d < 2; d++)
			for (int v = 0; rc == 0 && v < 2; v++) {
				snprintf(other, sizeof(other), "%s/" SIM_STATE_FILENAME "%s",
					d ? l->libraries : l->store, versions[v]);
				if (!nvb_streq(other, path))
					rc = hard_link(tree, path, other, err);
			}
	} else if (l->store && !l->alternatives) {
		snprintf(other, sizeof(other), "%s/%s", l->libraries, name);
		rc = sim_tree_link(tree, other, path, err);
	}
	return rc;
}

int sim_state_file_create(struct sim_tree *tree, nvb_error **err)
{
	_cleanup_free_ char *path = sim_state_file_path(tree->scenario->layout, tree->scenario->driver);
	_cleanup_(sim_state_unmap) struct sim_map map = SIM_MAP_INIT;
	int fd, rc;

	if (!path)
		return nvb_fail_oom(err);
	rc = format_file(tree, path, err);
	if (rc == 0)
		rc = other_names(tree, path, err);
	if (rc < 0)
		return rc;
	fd = openat(tree->fd, path + 1, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s%s", tree->path, path);
	rc = sim_state_map(fd, true, &map);
	if (rc < 0)
		return nvb_fail_errno(err, -rc, "%s%s", tree->path, path);
	fill_in(&map, tree->scenario);
	return make_instances(tree, &map, err);
}
