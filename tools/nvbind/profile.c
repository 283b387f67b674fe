/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/sibling.h"
#include "config.h"
#include "profile_verbs.h"

/* What the verbs of `nvbind profile` share. */

int profile_directories(char ***directories, nvb_error **err)
{
	_cleanup_free_ char *installed = nvb_sibling_data("profiles.d", NVB_DATADIR);

	return installed ? nvb_profile_directories(installed, directories, err) : nvb_fail_oom(err);
}

/* "dir/name.toml", "name.toml": a profile of that name whose directory comes last. */
static int open_file(struct nvb_profile *profile, char **directories, const char *path, nvb_error **err)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *directory = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	_cleanup_free_ char *name = strdup(slash ? slash + 1 : path);
	_cleanup_strv_ char **all = NULL;
	bool ok = directory && name;

	nvb_strv_foreach (d, directories)
		ok = ok && nvb_strv_add(&all, *d);
	ok = ok && nvb_strv_add(&all, *directory ? directory : "/");
	if (!ok)
		return nvb_fail_oom(err);
	if (!nvb_ends_with(name, ".toml"))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "%s is no profile's file", path),
			"their names end in .toml");
	if (access(path, F_OK) < 0)
		return nvb_fail_errno(err, errno, "%s", path);
	name[strlen(name) - strlen(".toml")] = '\0';
	return nvb_profile_read(profile, all, name, err);
}

int profile_open(struct nvb_profile *profile, const char *which, nvb_error **err)
{
	_cleanup_strv_ char **directories = NULL;
	int rc = profile_directories(&directories, err);

	if (rc < 0)
		return rc;
	return strchr(which, '/') || nvb_ends_with(which, ".toml")
		       ? open_file(profile, directories, which, err)
		       : nvb_profile_read(profile, directories, which, err);
}

const struct nvb_verb nvbind_profile_verbs[] = {
	{
		.name = "list",
		.summary = "list the profiles there are",
		.description =
			"Profiles are files NAME.toml: those that were installed, the administrator's in "
			"/etc/nvbind/profiles.d, and one's own in $XDG_CONFIG_HOME/nvbind/profiles.d. "
			"Of two of one name the later of these counts.",
		.groups = NVB_GROUPS({"Options", nvbind_profile_list_options}),
		.run = nvbind_profile_list,
	},
	{
		.name = "show",
		.synopsis = "NAME|FILE",
		.summary = "say what a profile sets, who acts on it, and what it cannot do",
		.examples = "  nvbind profile show gaming\n"
			    "  nvbind profile show ./mine.toml --format json\n",
		.groups = NVB_GROUPS({"Options", nvbind_profile_show_options}),
		.run = nvbind_profile_show,
		.min_args = 1,
		.max_args = 1,
	},
	{
		.name = "validate",
		.synopsis = "[NAME|FILE...]",
		.summary = "check profiles, all of them or those that are named",
		.description = "An error is what would be refused when it is used; a warning is what has no "
			       "effect.",
		.run = nvbind_profile_validate,
		.max_args = NVB_ARGS_ANY,
	},
	{NULL},
};
