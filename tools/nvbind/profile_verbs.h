/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_PROFILE_H
#define NVBIND_TOOL_PROFILE_H

#include "cli/options.h"
#include "profile/profile.h"

/* `nvbind profile`: a file per verb. */
extern const struct nvb_verb nvbind_profile_verbs[];

extern const struct nvb_option nvbind_profile_list_options[];
int nvbind_profile_list(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_profile_show_options[];
int nvbind_profile_show(int argc, char **argv, nvb_error **err);

int nvbind_profile_validate(int argc, char **argv, nvb_error **err);

/* Where this program's profiles are, later ones win. */
int profile_directories(char ***directories, nvb_error **err);

/* A profile by its name, or by the path of its file, which has a "/" in it. */
int profile_open(struct nvb_profile *profile, const char *which, nvb_error **err);

#endif
