/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_CDI_H
#define NVBIND_TOOL_CDI_H

#include "cdi/registry.h"
#include "cli/options.h"
#include "nvbind/log.h"

/* `nvbind cdi`: a file per verb. */
extern const struct nvb_verb nvbind_cdi_verbs[];

extern const struct nvb_option nvbind_cdi_generate_options[];
int nvbind_cdi_generate(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_cdi_list_options[];
int nvbind_cdi_list(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_cdi_show_options[];
int nvbind_cdi_show(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_cdi_validate_options[];
int nvbind_cdi_validate(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_cdi_status_options[];
int nvbind_cdi_status(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_cdi_refresh_options[];
int nvbind_cdi_refresh(int argc, char **argv, nvb_error **err);

extern const struct nvb_option nvbind_cdi_diff_options[];
int nvbind_cdi_diff(int argc, char **argv, nvb_error **err);

/* yaml, json. */
extern const struct nvb_choice nvbind_cdi_format_choices[];

/* --spec-dir, of every verb that reads specs. */
extern const struct nvb_option nvbind_cdi_directory_options[];

/* Those of --spec-dir, else of the configuration, else the standard ones; NULL-terminated. */
const char *const *nvbind_cdi_directories(void);

/* The specs of --spec-dir, else of the configuration, else of the standard directories. What had to be left
 * out goes to the log. */
int nvbind_cdi_load(struct nvb_cdi_registry *registry, const struct nvb_log *log, nvb_error **err);

/* A line on stderr where there is no spec at all, so that silence does not look like success. */
void nvbind_cdi_say_if_none(const struct nvb_cdi_registry *registry);

#endif
