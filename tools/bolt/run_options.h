/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_RUN_OPTIONS_H
#define BOLT_RUN_OPTIONS_H

#include "capsule/spec.h"
#include "request/request.h"

/* The options that say what a capsule shall be, as docker spells them where docker has them. */
int run_options_apply(struct nvb_capsule_spec *spec, struct nvb_request **request, nvb_error **err);

#endif
