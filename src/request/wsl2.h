/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_REQUEST_WSL2_H
#define NVB_REQUEST_WSL2_H

#include <stdbool.h>

/*
 * The keys of a Boltfile's [runtime.nvbind.wsl2], `enabled`, `gpu_acceleration` and `low_latency_mode`, a
 * service's `wsl2_optimized`, and those of its [gpu.gaming] that Windows decides on: NULL when a key with that value does on this host what it says, else why it
 * does not, or what of it: one clause for people. Static strings. `value` as it is written, "true", "dxcore".
 */
const char *nvb_wsl2_key_note(const char *key, const char *value, bool host_is_wsl2);

#endif
