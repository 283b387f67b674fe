/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ISOLATION_RULES_H
#define NVB_ISOLATION_RULES_H

#include <stdbool.h>

/* What the host's configuration forbids and allows ([isolation]); zeroed are the defaults. */
struct nvb_isolation_rules {
	bool no_mig_create; /* only MIG devices that are there are given */
	bool mig_mode;	    /* MIG may be switched on on a GPU that nobody uses */
	bool no_mps;	    /* no MPS daemon is started */
	bool no_dmem;	    /* the control group controller of device memory is not used */
};

#endif
