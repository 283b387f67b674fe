/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_NETNS_H
#define NVB_NETWORK_NETNS_H

#include <stdbool.h>

#include "base/error.h"

/*
 * A new network namespace, its loopback up, mounted at `path` (a file that is made). The namespace lives as
 * long as the mount or a process in it.
 */
int nvb_netns_create(const char *path, nvb_error **err);

/* Takes mount and file away; fine when there is neither. */
void nvb_netns_release(const char *path);

/* True when a network namespace is mounted there. */
bool nvb_netns_is_there(const char *path);

#endif
