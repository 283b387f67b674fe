/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_MONITOR_NAMES_H
#define TOOLS_MONITOR_NAMES_H

#include <stdint.h>

/* Names of capsules, for the sampler (struct nvb_sampler_options): names.c, or names_none.c where bolt is not
 * built. NULL is nobody's names. */
struct names *names_open(void);
void names_close(struct names *names);
char *names_of_capsule(void *names, const char *id);
char *names_of_process(void *names, uint32_t pid);

#endif
