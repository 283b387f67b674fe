/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_CALL_H
#define NVB_NETWORK_CALL_H

#include "base/error.h"

/*
 * Runs a program of the host to its end: `input` is its standard input (NULL: none), what it writes to its
 * standard output and error comes back in *output and *errors (malloc'd, cut off at a bound). Its environment
 * is `environment` and nothing else. 0 with *status (its exit status; 128 + signal), or a negated code when
 * it could not be run, or took longer than a minute and was killed. Changes no signal's disposition.
 */
struct nvb_call {
	const char *const *argv, *const *environment;
	const char *input;
	char *output, *errors;
	int status;
};

int nvb_call(struct nvb_call *call, nvb_error **err);
void nvb_call_release(struct nvb_call *call);
#define _cleanup_call_ _cleanup_(nvb_call_release)

/* The absolute path of a program of the host's own directories (PATH is not asked); malloc'd or NULL. */
char *nvb_call_find(const char *const *directories, const char *name);
extern const char *const nvb_call_system_directories[];

#endif
