/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_NVBIND_H
#define TOOLS_NVBIND_H

#include "cli/options.h"
#include "inventory/inventory.h"
#include "request/request.h"

/* The verbs of nvbind, a file each; main.c has the table. */
extern const struct nvb_option_group info_groups[];
int verb_info(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group plan_groups[];
int verb_plan(int argc, char **argv, nvb_error **err);
extern const struct nvb_verb nvbind_config_verbs[];
extern const struct nvb_option_group inject_groups[];
int verb_inject(int argc, char **argv, nvb_error **err);
extern const struct nvb_option_group run_groups[];
int verb_run(int argc, char **argv, nvb_error **err);

/* nvbind-config(5), for the build. */
int print_config_page(nvb_error **err);

/* Options that say what is asked for, and the request made of them; all GPUs where they say nothing. */
extern const struct nvb_option request_options[];
int make_request(struct nvb_request **request, nvb_error **err);

/* Puts a profile before those of the command line. */
int request_profile_first(const char *name, nvb_error **err);

/* What was given of these options, as words for bolt's command line; false without memory. */
bool request_arguments(char ***words);

/* --profile, of the verbs that can do all a profile asks for; make_request applies it. */
extern const struct nvb_option profile_options[];

/* --isolation and the limits on GPUs, of the verbs that take them; make_request applies them. */
extern const struct nvb_option isolation_options[];

/* What of a profile's limit this process may give, with a warning where that is less. */
uint64_t allowed_limit(const char *name, uint64_t wanted);

/* The inventory of the roots in force, its MIG and GPU UUIDs filled in where `request` (or NULL) needs them.
 */
int load_inventory(const struct nvb_request *request, struct nvb_inventory **inventory, nvb_error **err);

/*
 * How the driver's files reach the container, and where trees are kept that a spec or a bundle names: apart
 * from bolt's, since such a file needs its tree for as long as it stands, whether a container uses it or not.
 */
extern const struct nvb_choice layout_choices[];
#define TREE_DIRECTORY "/var/lib/nvbind/cdi"

/*
 * Where a runtime will find nvbind-hook: `option` or NULL, else the configuration's, else the one beside this
 * program, else where it is installed to. Warns where there is none. malloc'd.
 */
int find_hook(const char *option, char **path, nvb_error **err);
/* The two halves of it. */
int choose_hook(const char *option, char **path, nvb_error **err);
void warn_of_hook(const char *path);

static inline void nvb_inventory_freep(struct nvb_inventory **inventory)
{
	nvb_inventory_free(*inventory);
}

static inline void nvb_request_freep(struct nvb_request **request)
{
	nvb_request_free(*request);
}

#endif
