/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "surge_file.h"
#include "surge_project.h"
#include "verbs.h"

/* bolt surge logs: what the services print. */

static struct surge_logs opt = {.signals = -1};

static const struct nvb_option logs_options[] = {
	{"follow", 'f', NVB_OPTION_FLAG(&opt.follow),
		"go on until all of them have ended; before a FILE.toml: the Boltfile"},
	{"tail", 'n', NVB_OPTION_STRING("LINES", &opt.tail), "begin with the last lines of each (all)"},
	{"timestamps", 't', NVB_OPTION_FLAG(&opt.timestamps), "put its time before every line"},
	{"no-log-prefix", 0, NVB_OPTION_FLAG(&opt.no_prefix), "print the lines alone"},
	{NULL},
};
const struct nvb_option_group surge_logs_groups[] = {
	{"Options", logs_options}, {"Boltfile", surge_file_options}, {NULL}};

/* -f is docker's for both: `logs -f` follows, `logs -f games.toml` names the file as the other verbs do. */
static void take_file(int *argc, char ***argv)
{
	if (!opt.follow || !*argc || !nvb_ends_with((*argv)[0], ".toml"))
		return;
	surge_file_name((*argv)[0]);
	opt.follow = false;
	(*argv)++;
	(*argc)--;
}

int surge_logs(int argc, char **argv, nvb_error **err)
{
	_cleanup_surge_ struct surge surge = {0};
	_cleanup_capsules_ struct nvb_project_capsules capsules = {0};
	_cleanup_free_ bool *which = NULL;
	int rc;

	take_file(&argc, &argv);
	rc = surge_open(&surge, true, err);

	if (rc == 0)
		rc = nvb_project_capsules_read(&surge.state, &surge.file, &capsules, err);
	if (rc == 0)
		rc = surge_choose(&surge, &capsules, argc, argv, &which, err);
	return rc < 0 ? rc : surge_print_logs(&surge, &capsules, which, &opt, err);
}
