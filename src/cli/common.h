/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_COMMON_H
#define NVB_CLI_COMMON_H

#include "cli/options.h"
#include "config/config.h"
#include "nvbind/inventory.h"

/*
 * What every program's command line has in common: where this host's driver is looked for, which
 *configuration file counts, how to log. A program hands both to its nvb_program:
 *
 *	.common = nvb_common_groups, .prepare = nvb_common_prepare
 *
 * and then finds the result of flags, environment and file in nvb_common_config().
 */
extern const struct nvb_option_group nvb_common_groups[];

/* The second half of them, for programs that ask for no driver. */
extern const struct nvb_option nvb_common_general_options[];

/* Reads the configuration, lays the environment and the flags over it, starts logging. */
int nvb_common_prepare(const struct nvb_program *program, nvb_error **err);

/* The settings in force. Valid after nvb_common_prepare for the life of the process. */
const struct nvb_config *nvb_common_config(void);

/* Appends those of these options that the command line has, for another program of ours; false without
 * memory. */
bool nvb_common_arguments(char ***words);

/* How to load the inventory with these settings; every field is set, strings live as the settings do. */
void nvb_common_inventory_options(struct nvb_inventory_options *options);

#endif
