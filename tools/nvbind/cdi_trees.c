/* SPDX-License-Identifier: Apache-2.0 */
#include "cdi_trees.h"

#include <dirent.h>

#include "base/str.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "container/tree.h"
#include "nvbind.h"

static bool add_mounts(char ***keep, const struct nvb_cdi_edits *edits)
{
	for (size_t i = 0; edits && i < edits->mount_count; i++)
		if (!nvb_strv_add(keep, edits->mounts[i].host_path))
			return false;
	return true;
}

/* What specs mount after this pass: trees are among it. */
static bool add_named(char ***keep, const struct cdi_examination *x)
{
	for (size_t i = 0; i < x->count; i++) {
		const struct cdi_file *file = &x->files[i];

		bool stands = file->source && !file->rewritten;

		if (stands && !add_mounts(keep, file->source->spec.edits))
			return false;
		for (size_t d = 0; stands && d < file->source->spec.device_count; d++)
			if (!add_mounts(keep, file->source->spec.devices[d].edits))
				return false;
		if (file->made.tree && !nvb_strv_add(keep, file->made.tree))
			return false;
	}
	return true;
}

static bool is_present_version(const struct cdi_examination *x, const char *name)
{
	for (size_t i = 0; i < x->hosts.count; i++) {
		const char *version = x->hosts.items[i].inventory->driver.version;
		const char *rest = version ? nvb_after(name, version) : NULL;

		if (rest && *rest == '-')
			return true;
	}
	return false;
}

/* False without memory. A directory that cannot be read has no trees to remove. */
static bool add_present(char ***keep, const struct cdi_examination *x, const char *base)
{
	_cleanup_closedir_ DIR *dir = opendir(base);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (is_present_version(x, entry->d_name) && !nvb_strv_add(keep, entry->d_name))
			return false;
	return true;
}

/* Where trees may be: in the usual place, and where recipes say. */
static bool add_bases(char ***bases, const struct cdi_examination *x)
{
	if (!nvb_strv_add(bases, TREE_DIRECTORY))
		return false;
	for (size_t i = 0; i < x->count; i++) {
		const struct cdi_file *file = &x->files[i];
		const char *base = file->line && !file->why_not ? file->recipe.tree_directory : NULL;

		if (base && !nvb_strv_contains(*bases, base) && !nvb_strv_add(bases, base))
			return false;
	}
	return true;
}

void cdi_prune_trees(const struct cdi_examination *x)
{
	_cleanup_strv_ char **bases = NULL;
	bool known = false;

	/* Without a driver nobody knows which version is the present one. */
	for (size_t i = 0; i < x->hosts.count; i++)
		known |= x->hosts.items[i].inventory->driver.version != NULL;
	if (x->unreadable || !known || !add_bases(&bases, x))
		return;
	nvb_strv_foreach (base, bases) {
		_cleanup_strv_ char **keep = NULL;
		_cleanup_error_ nvb_error *why = NULL;

		if (!add_named(&keep, x) || !add_present(&keep, x, *base))
			return;
		if (nvb_tree_prune(*base, (const char *const *)keep, nvb_logging(), &why) < 0)
			nvb_report_warning(
				"nvbind", "driver trees in %s stay: %s", *base, nvb_error_message(why));
	}
}
