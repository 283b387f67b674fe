/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_HELP_H
#define NVB_CLI_HELP_H

#include <stdio.h>

#include "cli/options.h"

/* Help, made from the tables alone. `path` is the program's name and the verbs that lead here. */
void nvb_help_program(FILE *f, const struct nvb_program *program, const struct nvb_option_group *builtin);
void nvb_help_verb(FILE *f, const struct nvb_program *program, const char *path, const struct nvb_verb *verb);

/* "create, start, stop": the verbs that are not hidden; malloc'd, NULL without memory. */
char *nvb_help_verb_names(const struct nvb_verb *verbs);

#endif
