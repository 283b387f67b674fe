/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_VERBS_H
#define BOLT_VERBS_H

#include "cli/options.h"
#include "run_options.h"

/* A file per verb; main.c puts them into the program's table. */

int surge_run(int argc, char **argv, nvb_error **err);

extern const struct nvb_option_group compose_import_groups[];
int compose_import(int argc, char **argv, nvb_error **err);

extern const struct nvb_option_group surge_config_groups[];
int surge_config(int argc, char **argv, nvb_error **err);

extern const struct nvb_option_group surge_up_groups[], surge_down_groups[], surge_stop_groups[],
	surge_start_groups[], surge_ps_groups[], surge_logs_groups[];
int surge_up(int argc, char **argv, nvb_error **err);
int surge_down(int argc, char **argv, nvb_error **err);
int surge_stop(int argc, char **argv, nvb_error **err);
int surge_start(int argc, char **argv, nvb_error **err);
int surge_restart(int argc, char **argv, nvb_error **err);
int surge_ps(int argc, char **argv, nvb_error **err);
int surge_logs(int argc, char **argv, nvb_error **err);

extern const struct nvb_option_group capsule_ps_groups[];
int capsule_ps(int argc, char **argv, nvb_error **err);
int capsule_inspect(int argc, char **argv, nvb_error **err);
int capsule_create(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group capsule_start_groups[], capsule_stop_groups[], capsule_kill_groups[],
	capsule_rm_groups[];
int capsule_start(int argc, char **argv, nvb_error **err);
int capsule_stop(int argc, char **argv, nvb_error **err);
int capsule_restart(int argc, char **argv, nvb_error **err);
int capsule_kill(int argc, char **argv, nvb_error **err);
int capsule_pause(int argc, char **argv, nvb_error **err);
int capsule_unpause(int argc, char **argv, nvb_error **err);
int capsule_rm(int argc, char **argv, nvb_error **err);
int capsule_rename(int argc, char **argv, nvb_error **err);
int capsule_update(int argc, char **argv, nvb_error **err);

extern const struct nvb_option_group capsule_snapshot_groups[], capsule_restore_groups[];
int capsule_snapshot(int argc, char **argv, nvb_error **err);
int capsule_restore(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group capsule_exec_groups[];
int capsule_exec(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group capsule_attach_groups[];
int capsule_attach(int argc, char **argv, nvb_error **err);
int capsule_wait(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group capsule_cp_groups[];
int capsule_cp(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group capsule_stats_groups[];
int capsule_stats(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group capsule_top_groups[];
int capsule_top(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group capsule_logs_groups[];
int capsule_logs(int argc, char **argv, nvb_error **err);

extern const struct nvb_option_group network_create_groups[];
int network_create(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group network_ls_groups[];
int network_ls(int argc, char **argv, nvb_error **err);
int network_inspect(int argc, char **argv, nvb_error **err);
int network_rm(int argc, char **argv, nvb_error **err);

#endif
