/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CONTAINER_HOOK_STATE_H
#define NVB_CONTAINER_HOOK_STATE_H

#include <stddef.h>

#include "base/root.h"

/*
 * What an OCI runtime hands to a hook on stdin (OCI runtime specification, "State"), and the one thing of the
 * bundle's config.json a hook needs besides.
 */
enum {
	NVB_HOOK_STATE_MAX = 1024 * 1024,
	NVB_HOOK_CONFIG_MAX = 16 * 1024 * 1024,
};

struct nvb_hook_state {
	char *bundle; /* absolute path */
	char *id;     /* the container's name; NULL: not told */
	pid_t pid;    /* the container's first process; 0: not told */
};

int nvb_hook_state_parse(struct nvb_hook_state *state, const char *json, size_t size, nvb_error **err);
void nvb_hook_state_release(struct nvb_hook_state *state);
#define _cleanup_hook_state_ _cleanup_(nvb_hook_state_release)

/* root.path of a config.json, as it stands there; malloc'd. */
int nvb_hook_root_path(const char *json, size_t size, char **path, nvb_error **err);

/* Reads a state from an open file, up to its end. */
int nvb_hook_state_read(struct nvb_hook_state *state, int fd, nvb_error **err);

/* Reads a state to its end for the sake of who writes it, and forgets it: a runtime whose pipe closes early
 * could be ended by SIGPIPE. */
void nvb_hook_state_await(int fd);

/* config.json of the state's bundle; malloc'd. */
int nvb_hook_read_config(const struct nvb_hook_state *state, char **text, size_t *size, nvb_error **err);

/* The absolute path of the root in such a config.json, which may be relative to the bundle; malloc'd. */
int nvb_hook_absolute_root(
	const struct nvb_hook_state *state, const char *config, size_t size, char **path, nvb_error **err);

/* Opens the root of the container that the state speaks of. */
int nvb_hook_open_root(const struct nvb_hook_state *state, struct nvb_root *root, nvb_error **err);

#endif
