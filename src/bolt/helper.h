/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLT_HELPER_H
#define NVB_BOLT_HELPER_H

#include "bolt/manager.h"

/* Command lines of the program bolt, and starting it. */

bool nvb_bolt_word(char ***words, const char *word);
/* "--option value"; nothing for a value that is NULL. */
bool nvb_bolt_option(char ***words, const char *option, const char *value);

/* The program, and the options by which it finds the manager's host. */
bool nvb_bolt_begin(char ***words, const nvb_manager *manager);

/*
 * Runs it and waits. *status is its own, 128 + signal when one ended it. With `said`, its standard output
 * goes there (malloc'd, NUL-terminated), its standard error into the error of a status that is not 0; else
 * all streams are the caller's.
 */
int nvb_bolt_call(char *const *words, char **said, int *status, nvb_error **err);

#endif
