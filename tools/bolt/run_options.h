/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_RUN_OPTIONS_H
#define BOLT_RUN_OPTIONS_H

#include "capsule/definition.h"
#include "cli/options.h"

/*
 * The options that say what a capsule shall be, as docker spells them where docker has them: one set of
 * tables for every verb that makes one. The definition borrows the command line's strings.
 */
extern const struct nvb_option_group surge_run_groups[], capsule_create_groups[], capsule_update_groups[];

int run_options_apply(struct nvb_capsule_definition *definition, nvb_error **err);
/* The arguments of `capsule create`, too: the name, the command. */
int run_options_apply_create(
	int argc, char **argv, struct nvb_capsule_definition *definition, nvb_error **err);
/* -d */
bool run_options_detach(void);
/* Lays those of `capsule update` over a definition; *any: whether there is one. */
int run_options_update(struct nvb_capsule_definition *definition, bool *any, nvb_error **err);

#endif
