/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_HOOK_ARGS_H
#define NVB_CONTAINER_HOOK_ARGS_H

#include "container/container.h"

/*
 * nvbind-hook's command line. Its writer is nvb_hook_arguments (container.h), for CDI specs and OCI configs;
 * the parser stands in the same file.
 */
enum nvb_hook_verb {
	NVB_HOOK_APPLY,
	NVB_HOOK_HELP,
	NVB_HOOK_VERSION,
};

struct nvb_hook_command {
	enum nvb_hook_verb verb;
	const char *root;   /* --root, or NULL: the state on stdin tells */
	const char *container_root; /* --container-root, or NULL; the state still comes on stdin */
	const char *params; /* --driver-params: the host's file, or NULL */
	bool mount;	    /* --mount: the caller vouches for the mount namespace */
	enum nvb_log_level log_level;
	struct nvb_container_work work; /* its arrays are the command's, its strings argv's */
	struct nvb_link *links, *device_links;
	const char **directories;
	char **copies; /* strings cut out of argv */
};

/* Parses argv (its first element is the program's name). NVB_ERR_INVALID names the argument. */
int nvb_hook_parse(struct nvb_hook_command *command, int argc, char *const *argv, nvb_error **err);

void nvb_hook_command_release(struct nvb_hook_command *command);
#define _cleanup_hook_command_ _cleanup_(nvb_hook_command_release)

extern const char nvb_hook_help[];

#endif
