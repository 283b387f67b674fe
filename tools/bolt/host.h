/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_HOST_H
#define BOLT_HOST_H

#include "capsule/run.h"

/* What the library needs to know of this host and this program, from configuration and command line; it lives
 * as long as the process. */
const struct nvb_run_host *run_host(void);

#endif
