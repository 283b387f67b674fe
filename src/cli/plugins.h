/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CLI_PLUGINS_H
#define NVB_CLI_PLUGINS_H

#include "plugin/plugin.h"

/* Where plugins are and how they are taken, by the configuration. Where there is no directory of them, that
 * is NULL. */
struct nvb_plugin_options nvb_common_plugin_options(void);

/* nvbind-plugin; malloc'd. */
char *nvb_common_plugin_helper(void);

/* The directory, whether it is there or not. */
const char *nvb_common_plugin_directory(void);

#endif
