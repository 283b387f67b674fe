/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_HOSTS_H
#define NVB_CAPSULE_HOSTS_H

#include "base/error.h"
#include "capsule/spec.h"
#include "nvbind/log.h"

/* What every /etc/hosts of a container begins with. */
extern const char nvb_hosts_beginning[];

struct nvb_hosts {
	const struct nvb_capsule_spec *spec;
	const char *hostname;
	const char *shared;   /* a hosts file that others keep up to date, in the place of our own; or NULL */
	const char *resolver; /* the name server, or NULL: the host's */
	const struct nvb_log *log;
};

/* Writes hosts, hostname and resolv.conf into `directory`, to be mounted over a container's: the host's own
 * where it shares the host's network. */
int nvb_hosts_write(const char *directory, const struct nvb_hosts *hosts, nvb_error **err);

#endif
