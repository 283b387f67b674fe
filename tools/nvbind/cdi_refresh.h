/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_TOOL_CDI_REFRESH_H
#define NVBIND_TOOL_CDI_REFRESH_H

#include "cdi_examine.h"

/* What one pass over all specs came to. */
struct cdi_refreshed {
	size_t own, written, failed;
};

/*
 * Makes those specs again that say how and do not fit this host any more, and removes driver trees that no
 * spec names. `quiet`: a spec that fits is not mentioned. `dry`: says what it would do. *x, to be zeroed, is
 * what was found before anything was written.
 */
int cdi_refresh_pass(
	struct cdi_examination *x, struct cdi_refreshed *done, bool quiet, bool dry, nvb_error **err);

/* Stays, and does so again whenever something changes that specs depend on; ends with SIGTERM or SIGINT. */
int cdi_watch(nvb_error **err);

#endif
