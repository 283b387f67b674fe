/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_EXPORTER_TEXT_H
#define NVB_EXPORTER_TEXT_H

#include <stdbool.h>

#include "base/str.h"

/*
 * The text that Prometheus and its like read: OpenMetrics 1.0, or the older "text format 0.0.4". Sources:
 * github.com/prometheus/OpenMetrics, specification/OpenMetrics.md; prometheus.io, "Exposition formats".
 */
enum nvb_dialect { NVB_DIALECT_PROMETHEUS, NVB_DIALECT_OPENMETRICS };

/* What the answer's Content-Type says. Static. */
const char *nvb_dialect_content_type(enum nvb_dialect dialect);

/* The dialect that the value of an Accept header asks for; NULL or what cannot be read: the older one, which
 * everything understands. */
enum nvb_dialect nvb_dialect_for(const char *accept);

enum nvb_family_type {
	NVB_FAMILY_GAUGE,
	NVB_FAMILY_COUNTER,
	NVB_FAMILY_INFO,
	NVB_FAMILY_BARE_COUNTER, /* one whose samples lack the ending: for the older format alone */
};

/*
 * A family of metrics. Its name is that of OpenMetrics: without _total or _info, which the samples have, and
 * with its unit at the end where it has one.
 */
struct nvb_family {
	const char *name;
	const char *unit; /* NULL: none */
	const char *help; /* without a full stop */
	enum nvb_family_type type;
};

/* What writes families one after the other. Its buffer's failure is sticky (base/str.h). */
struct nvb_exposition {
	enum nvb_dialect dialect;
	struct nvb_strbuf out;
	const struct nvb_family *family; /* the present one */
	bool headed;			 /* it has its header already */
	char name[96];			 /* of its samples, for as long as it is the present one */
	size_t name_length;
};

/* What follows belongs to this family. Its header is written with its first sample: families without any do
 * not appear. */
void nvb_exposition_family(struct nvb_exposition *e, const struct nvb_family *family);

/* One sample; `labels` as nvb_labels_add makes them, may be "". What is not finite is left out. */
void nvb_exposition_sample(struct nvb_exposition *e, const struct nvb_strbuf *labels, double value);

/* The end that OpenMetrics wants. */
void nvb_exposition_end(struct nvb_exposition *e);

/*
 * Appends name="value", with a comma where there are labels already. NULL is no label. Values are foreign:
 * the formats' own characters are escaped, and what is no UTF-8 becomes U+FFFD, since one bad byte would have
 * the whole answer refused.
 */
void nvb_labels_add(struct nvb_strbuf *labels, const char *name, const char *value);
void nvb_labels_addu(struct nvb_strbuf *labels, const char *name, unsigned value);

#endif
