/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_PROGRAM_H
#define NVB_ENGINE_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Absolute path of a program in PATH and the directories of administrators; NULL when there is none.
 * malloc'd. */
char *engine_find_program(const char *name);

/*
 * What a program prints on standard output, at most `max` bytes, NUL-terminated and malloc'd. It gets no
 * input and ten seconds. NVB_ERR_NOT_FOUND when it is not there; its first line on standard error is in the
 * message when it fails.
 */
int engine_ask_program(const char *const *argv, size_t max, char **output, nvb_error **err);

/* The first number in what `PROGRAM --version` prints that looks like a version ("20.10.24"), as major * 1000
 * + minor; 0 when the program is not there or says nothing of the kind. */
unsigned engine_program_version(const char *name);

#endif
