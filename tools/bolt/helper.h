/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_HELPER_H
#define BOLT_HELPER_H

#include "base/error.h"

/* Bolt's verbs that need heavy libraries are programs of their own, as git's are: beside this one in a build,
 * in the libexec directory once installed. */

/* The path of such a program ("bolt-image"); malloc'd. */
int find_helper(const char *name, char **path, nvb_error **err);

/* Becomes it. Only returns when it cannot. argv is its arguments, NULL behind the last. */
int become_helper(const char *name, const char *verb, int argc, char **argv, nvb_error **err);

/* How to reach the registry: what `surge run --authfile` and `--tls-verify` hand on to the pull. */
extern const char *pull_authfile;
extern int pull_tls_verify;

/* Runs `bolt-image pull` and waits for it. What it prints on success goes to stderr: stdout is the
 * container's. When it fails it has told the reason itself: *err then has
 * an empty message. */
int pull_image(const char *reference, nvb_error **err);

#endif
