/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_SURGE_PROJECT_H
#define BOLT_SURGE_PROJECT_H

#include "boltfile/project.h"

/* What the verbs that work on a project's capsules have in common. */
struct surge {
	struct nvb_boltfile file;
	struct nvb_state state;
	struct nvb_project project;
};
void surge_release(struct surge *surge);
#define _cleanup_surge_ _cleanup_(surge_release)

/* Reads the file and opens bolt's state. `quiet`: the file's notes were said when it was brought up. */
int surge_open(struct surge *surge, bool quiet, nvb_error **err);

/* surge_host.c: finds out what the file's keys need to know of this host, says which have no effect here, and
 * reads libraries ahead where that is wanted. `wanted` has an element for each service. */
int surge_host_ready(struct surge *surge, const bool *wanted, nvb_error **err);

/* Marks the capsules of the services named in argv; all when there are none. An element for each. */
int surge_choose(const struct surge *surge, const struct nvb_project_capsules *capsules, int argc,
	char **argv, bool **which, nvb_error **err);

/* Reports the errors of jobs that failed, a line each, but the last, which becomes *err. 0 when none did. */
int surge_report_failed(const struct nvb_jobs *jobs, nvb_error **err);

/* One line on stderr about a capsule: "NAME  started". */
void surge_say(const char *name, const char *what, bool good);

/* Does work on the project's capsules: what stop, start, restart and down share. */
int surge_work(const struct surge *surge, const struct nvb_project_capsules *capsules, const bool *which,
	enum nvb_project_action action, int64_t timeout, nvb_error **err);

/* surge_follow.c: prints what the capsules of a project wrote, each line behind the name of its service.
 * `follow`: until all have ended, or `signals`, a signalfd (-1: none), has something to read. */
struct surge_logs {
	bool follow, timestamps, no_prefix;
	const char *tail; /* lines, or "all", of each */
	int signals;
};
int surge_print_logs(const struct surge *surge, const struct nvb_project_capsules *capsules,
	const bool *which, const struct surge_logs *logs, nvb_error **err);

#endif
