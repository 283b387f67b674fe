/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "plan/planner.h"

/* The options NVIDIA's toolkit mounts with; a socket must not be executable, a file must not be written. */
static const char *const file_options[] = {"ro", "nosuid", "nodev", "rbind", "rprivate", NULL};
static const char *const socket_options[] = {"nosuid", "nodev", "noexec", "rbind", "rprivate", NULL};

bool nvb_file_wanted(const struct nvb_file *file, unsigned capabilities)
{
	if (file->elf_class == 32 && !(capabilities & NVB_CAP_COMPAT32))
		return false;
	if (nvb_file_is_without(file, capabilities))
		return false;
	if (!file->capabilities)
		return !file->features;
	return file->capabilities & capabilities & ~(unsigned)NVB_CAP_COMPAT32;
}

static size_t directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static bool same_directory(const char *a, const char *b)
{
	size_t n = directory_length(a);

	return n == directory_length(b) && memcmp(a, b, n) == 0;
}

static int add_mount(
	struct planner *planner, const char *host, const char *container, const struct nvb_file *file)
{
	struct nvb_edit *edit = nvb_plan_add(planner->plan, NVB_EDIT_MOUNT, NVB_SCOPE_COMMON);

	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->rule = nvb_arena_strdup(&planner->plan->arena, file->rule);
	edit->reason = nvb_arena_strdup(&planner->plan->arena, file->reason);
	edit->required =
		file->kind == NVB_FILE_LIBRARY || (file->kind == NVB_FILE_DIRECTORY && !file->features);
	edit->mount.host = nvb_arena_strdup(&planner->plan->arena, host);
	edit->mount.container = nvb_arena_strdup(&planner->plan->arena, container);
	edit->mount.file_kind = file->kind;
	edit->mount.options = file->kind == NVB_FILE_SOCKET ? socket_options : file_options;
	if (planner->plan->layout == NVB_LAYOUT_LAYER && nvb_file_is_for_tree(file))
		edit->mount.via = NVB_VIA_LAYER;
	return edit->rule && edit->reason && edit->mount.host && edit->mount.container
		       ? 0
		       : nvb_fail_oom(planner->err);
}

static int add_link(
	struct planner *planner, const char *path, const char *target, const char *rule, const char *reason)
{
	struct nvb_edit *edit = nvb_plan_add(planner->plan, NVB_EDIT_LINK, NVB_SCOPE_COMMON);

	if (!edit)
		return nvb_fail_oom(planner->err);
	edit->rule = rule;
	edit->reason = reason;
	edit->link.path = nvb_arena_strdup(&planner->plan->arena, path);
	edit->link.target = nvb_arena_strdup(&planner->plan->arena, target);
	return edit->link.path && edit->link.target ? 0 : nvb_fail_oom(planner->err);
}

static int add_link_into_tree(struct planner *planner, const char *path)
{
	char target[4096];

	if ((size_t)snprintf(target, sizeof(target), "%s%s", NVB_TREE_MOUNTPOINT, path) >= sizeof(target))
		return nvb_fail(planner->err, NVB_ERR_INVALID, "%s: path too long", path);
	return add_link(planner, path, target, "link.tree", "leads into the driver tree");
}

/* File by file: the file at its own path, and beside it the names that lead to it. */
static int plan_file(struct planner *planner, const struct nvb_file *file)
{
	_cleanup_free_ char *host = nvb_root_host_path(&planner->inventory->roots.driver, file->path);
	const char *inside = file->inside ? file->inside : file->path;
	int rc = host ? add_mount(planner, host, inside, file) : nvb_fail_oom(planner->err);

	for (size_t i = 0; rc == 0 && i < file->link_count; i++)
		rc = add_link(planner, file->links[i].path, file->links[i].target, "link.file",
			"name that programs and the linker look for");
	return rc;
}

/*
 * In the tree: libraries and the links beside them are found through the linker's cache; everything else is
 * looked for at a fixed path, where a link leads into the tree.
 */
static int plan_tree_file(struct planner *planner, const struct nvb_file *file)
{
	int rc = 0;

	if (!nvb_file_is_for_tree(file))
		return plan_file(planner, file);
	if (!file->soname)
		rc = add_link_into_tree(planner, file->path);
	for (size_t i = 0; rc == 0 && i < file->link_count; i++)
		if (!file->soname || !same_directory(file->links[i].path, file->path))
			rc = add_link_into_tree(planner, file->links[i].path);
	return rc;
}

static int plan_tree_mount(struct planner *planner)
{
	const struct nvb_file tree = {
		.kind = NVB_FILE_DIRECTORY,
		.rule = "tree",
		.reason = "the driver's files as one directory",
	};

	if (!planner->plan->tree)
		return nvb_fail(planner->err, NVB_ERR_INVALID, "the layout 'tree' needs a driver tree");
	return add_mount(planner, planner->plan->tree, NVB_TREE_MOUNTPOINT, &tree);
}

static bool directory_used(const struct planner *planner, const char *directory)
{
	size_t n = strlen(directory);

	for (size_t i = 0; i < planner->inventory->file_count; i++) {
		const struct nvb_file *file = &planner->inventory->files[i];

		if (file->soname && directory_length(file->path) == n &&
			memcmp(file->path, directory, n) == 0 &&
			nvb_file_wanted(file, planner->plan->capabilities))
			return true;
	}
	return false;
}

static int plan_linker_directories(struct planner *planner)
{
	const char *const *directories = planner->inventory->library_directories;
	const char *prefix = planner->plan->layout == NVB_LAYOUT_TREE ? NVB_TREE_MOUNTPOINT : "";

	for (size_t i = 0; directories[i]; i++) {
		struct nvb_edit *edit;

		if (!directory_used(planner, directories[i]))
			continue;
		edit = nvb_plan_add(planner->plan, NVB_EDIT_LDCACHE, NVB_SCOPE_COMMON);
		if (!edit)
			return nvb_fail_oom(planner->err);
		edit->rule = "ldcache";
		edit->reason = "programs find the driver's libraries without LD_LIBRARY_PATH";
		edit->required = true;
		edit->ldcache.directory =
			nvb_arena_printf(&planner->plan->arena, "%s%s", prefix, directories[i]);
		if (!edit->ldcache.directory)
			return nvb_fail_oom(planner->err);
	}
	return 0;
}

static bool has_library(const struct nvb_inventory *inventory, const char *soname)
{
	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];

		if (file->elf_class == 64 && file->soname && nvb_streq(file->soname, soname))
			return true;
	}
	return false;
}

/* What a capability is nothing without. A driver that lost it (half removed, half installed) is not refused:
 * other libraries may be what the container wants. WSL2 brings these without their names. */
static int warn_of_missing(struct planner *planner)
{
	static const struct {
		unsigned capability;
		const char *soname, *use;
	} mainstays[] = {
		{NVB_CAP_COMPUTE, "libcuda.so.1", "CUDA"},
		{NVB_CAP_UTILITY, "libnvidia-ml.so.1", "nvidia-smi"},
	};
	int rc = 0;

	if (planner->inventory->driver.kind == NVB_DRIVER_DXG)
		return 0;
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(mainstays); i++)
		if (planner->plan->capabilities & mainstays[i].capability &&
			!has_library(planner->inventory, mainstays[i].soname))
			rc = nvb_planner_warn(planner,
				"the driver's %s was not found on this host: %s will not work in the "
				"container",
				mainstays[i].soname, mainstays[i].use);
	return rc;
}

int nvb_planner_files(struct planner *planner)
{
	bool tree = planner->plan->layout == NVB_LAYOUT_TREE;
	int rc = warn_of_missing(planner);

	planner->files_planned = true;
	if (rc == 0 && tree)
		rc = plan_tree_mount(planner);
	for (size_t i = 0; rc == 0 && i < planner->inventory->file_count; i++) {
		const struct nvb_file *file = &planner->inventory->files[i];

		if (nvb_file_wanted(file, planner->plan->capabilities))
			rc = tree ? plan_tree_file(planner, file) : plan_file(planner, file);
	}
	return rc < 0 ? rc : plan_linker_directories(planner);
}

int nvb_planner_feature_files(struct planner *planner, unsigned features)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < planner->inventory->file_count; i++) {
		const struct nvb_file *file = &planner->inventory->files[i];

		/* What the capabilities brought is there already. */
		if ((file->features & features) &&
			!(planner->files_planned && nvb_file_wanted(file, planner->plan->capabilities)))
			rc = plan_file(planner, file);
	}
	return rc;
}
