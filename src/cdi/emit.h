/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_EMIT_H
#define NVB_CDI_EMIT_H

#include "base/str.h"
#include "nvbind/cdi.h"

/*
 * Writes YAML (block style) or JSON (two spaces an indentation) straight into a buffer, value by value. In a
 * map every value follows its key. The same calls give the same bytes.
 */
enum { NVB_EMIT_DEPTH = 16 };

struct nvb_emit {
	struct nvb_strbuf out;
	enum nvb_cdi_format format;
	unsigned depth;
	struct nvb_emit_level {
		bool list;
		bool used;	 /* has a value */
		unsigned indent; /* column of its keys or dashes */
	} levels[NVB_EMIT_DEPTH];
	bool inline_key;      /* YAML: the first key of a map in a list stands behind the dash */
	const char *not_utf8; /* the first string given that neither format can hold, or NULL */
};

void nvb_emit_map(struct nvb_emit *emit);
void nvb_emit_list(struct nvb_emit *emit);
void nvb_emit_end(struct nvb_emit *emit);
void nvb_emit_key(struct nvb_emit *emit, const char *key);
void nvb_emit_string(struct nvb_emit *emit, const char *s);
void nvb_emit_integer(struct nvb_emit *emit, long long value);
void nvb_emit_bool(struct nvb_emit *emit, bool value);

#endif
