/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_NETWORK_BRIDGE_H
#define NVB_NETWORK_BRIDGE_H

#include "base/error.h"

/* Takes a bridge of the host away; fine when there is none. */
int nvb_bridge_remove(const char *interface, nvb_error **err);

#endif
