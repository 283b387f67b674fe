/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_HOSTS_H
#define NVB_CAPSULE_HOSTS_H

#include "base/error.h"
#include "capsule/spec.h"

/* Writes hosts, hostname and resolv.conf into `directory`, to be mounted over a container's: the host's own
 * where it shares the host's network. */
int nvb_hosts_write(const char *directory, enum nvb_network network, const char *hostname, nvb_error **err);

#endif
