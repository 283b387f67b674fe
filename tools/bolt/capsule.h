/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_CAPSULE_H
#define BOLT_CAPSULE_H

#include "capsule/state.h"

/* What the verbs on capsules share. */

/* Does one thing to each of the capsules that are named: all are tried, every failure is reported, and the exit
 * status is 1 if there was one. What succeeded is printed as it was named. */
int each_capsule(int argc, char **argv,
	int (*act)(const struct nvb_state *state, const char *id, nvb_error **err), nvb_error **err);

#endif
