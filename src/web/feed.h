/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_WEB_FEED_H
#define NVB_WEB_FEED_H

#include "base/error.h"
#include "base/str.h"
#include "nvbind/sampler.h"
#include "web/history.h"

/*
 * What the page is sent: server-sent events (HTML, 9.2), each a line of JSON. Numbers are in base units, what
 * is not known is null.
 */

/* The page's first event, "hello": the host's name, this version, and the past. */
int nvb_feed_hello(
	const char *host, const struct nvb_history *history, struct nvb_strbuf *out, nvb_error **err);

/* The event "sample". */
int nvb_feed_sample(const nvb_sample *sample, struct nvb_strbuf *out, nvb_error **err);

#endif
