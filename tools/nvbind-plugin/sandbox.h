/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_PLUGIN_SANDBOX_H
#define NVBIND_PLUGIN_SANDBOX_H

/* From here on this process can read files, use memory, write to what is open and end: whatever else it tries
 * ends it. 0 or -errno. */
int sandbox_enter(void);

#endif
