/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOLT_FINDINGS_H
#define BOLT_FINDINGS_H

#include "checkpoint/preflight.h"

/* What --check found, on standard output: a table, of nothing an empty one, or JSON. */
int findings_print(const struct nvb_preflight_report *report, int format, nvb_error **err);

#endif
