/* SPDX-License-Identifier: Apache-2.0 */
#include "surge_file.h"
#include "surge_project.h"
#include "verbs.h"

/* bolt surge down, stop, start, restart. */

static bool volumes;
static uint32_t timeout;
static bool timeout_given;

static const struct nvb_option time_options[] = {
	{"time", 't', NVB_KIND_U32, "SECONDS", {.u32 = &timeout}, NULL, NULL, &timeout_given,
		"how long they may take until they are killed (as they say themselves)"},
	{NULL},
};
static const struct nvb_option down_options[] = {
	{"volumes", 'v', NVB_OPTION_FLAG(&volumes), "remove the project's volumes, too"},
	{NULL},
};
const struct nvb_option_group surge_down_groups[] = {
	{"Options", down_options}, {"Time", time_options}, {"Boltfile", surge_file_options}, {NULL}};
const struct nvb_option_group surge_stop_groups[] = {
	{"Options", time_options}, {"Boltfile", surge_file_options}, {NULL}};
const struct nvb_option_group surge_start_groups[] = {{"Boltfile", surge_file_options}, {NULL}};

static int64_t asked_timeout(void)
{
	return timeout_given ? (int64_t)timeout : -1;
}

static int work(enum nvb_project_action action, int argc, char **argv, nvb_error **err)
{
	_cleanup_surge_ struct surge surge = {0};
	_cleanup_capsules_ struct nvb_project_capsules capsules = {0};
	_cleanup_free_ bool *which = NULL;
	int rc = surge_open(&surge, true, err);

	if (rc == 0)
		rc = nvb_project_capsules_read(&surge.state, &surge.file, &capsules, err);
	if (rc == 0)
		rc = surge_choose(&surge, &capsules, argc, argv, &which, err);
	if (rc == 0 && !capsules.count && action != NVB_PROJECT_STOP)
		rc = nvb_hint(err,
			nvb_fail(err, NVB_ERR_NOT_FOUND, "project %s has no capsules", surge.file.project),
			"bolt surge up -d makes them");
	return rc < 0 ? rc : surge_work(&surge, &capsules, which, action, asked_timeout(), err);
}

int surge_stop(int argc, char **argv, nvb_error **err)
{
	return work(NVB_PROJECT_STOP, argc, argv, err);
}

int surge_start(int argc, char **argv, nvb_error **err)
{
	return work(NVB_PROJECT_START, argc, argv, err);
}

int surge_restart(int argc, char **argv, nvb_error **err)
{
	return work(NVB_PROJECT_RESTART, argc, argv, err);
}

/* All of the project's, also what the file does not name any more; then what they shared. */
int surge_down(int argc, char **argv, nvb_error **err)
{
	_cleanup_surge_ struct surge surge = {0};
	_cleanup_capsules_ struct nvb_project_capsules capsules = {0};
	_cleanup_free_ bool *which = NULL;
	int rc = surge_open(&surge, true, err);

	if (rc == 0)
		rc = nvb_project_capsules_read(&surge.state, &surge.file, &capsules, err);
	if (rc == 0)
		rc = surge_choose(&surge, &capsules, argc, argv, &which, err);
	if (rc == 0)
		rc = surge_work(&surge, &capsules, which, NVB_PROJECT_REMOVE, asked_timeout(), err);
	/* Of some services alone: the others go on. */
	return rc < 0 || argc ? rc : nvb_project_remove_parts(&surge.project, volumes, err);
}
