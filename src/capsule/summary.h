/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_SUMMARY_H
#define NVB_CAPSULE_SUMMARY_H

#include "base/str.h"
#include "capsule/image.h"
#include "capsule/spec.h"

/* What a capsule runs and where it listens, in words of one line for lists of capsules. Nothing is added
 * where there is nothing to be said; without memory the buffers say so. */
void nvb_capsule_summary(const struct nvb_capsule_spec *spec, const struct nvb_image *image,
	struct nvb_strbuf *command, struct nvb_strbuf *ports);

#endif
