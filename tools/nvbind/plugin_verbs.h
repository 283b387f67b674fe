/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_NVBIND_PLUGIN_VERBS_H
#define TOOLS_NVBIND_PLUGIN_VERBS_H

#include "cli/options.h"

extern const struct nvb_verb nvbind_plugin_verbs[];

#endif
