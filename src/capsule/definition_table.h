/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CAPSULE_DEFINITION_TABLE_H
#define NVB_CAPSULE_DEFINITION_TABLE_H

#include <stddef.h>

#include "capsule/definition.h"

/* The fields of a definition, for who writes and who reads them. */

enum nvb_definition_kind {
	NVB_FIELD_TEXT,	    /* const char *; an absent one is NULL */
	NVB_FIELD_TEXTS,    /* char ** */
	NVB_FIELD_WORDS,    /* char *const *, in the arena */
	NVB_FIELD_FLAG,	    /* bool */
	NVB_FIELD_NUMBER,   /* uint64_t */
	NVB_FIELD_NUMBER32, /* uint32_t */
	NVB_FIELD_CHOICE,   /* an enumeration with names */
	NVB_FIELD_SET,	    /* uint64_t: capabilities by number */
	NVB_FIELD_ITEM,	    /* a structure, written as one text */
	NVB_FIELD_ITEMS,    /* an array of structures, written one by one */
};

struct nvb_definition_field {
	const char *key;
	enum nvb_definition_kind kind;
	size_t offset;
	const struct nvb_choice *choices;
	uint64_t most; /* of a NUMBER; 0: any */
	/* Reads one text, checked; NULL: any text that is UTF-8. */
	int (*add)(struct nvb_capsule_definition *d, const char *text, nvb_error **err);
	/* Of ITEM and ITEMS: the text of number i, false behind the last. */
	bool (*item)(const struct nvb_capsule_definition *d, size_t i, struct nvb_strbuf *out);
};

enum { NVB_DEFINITION_VERSION = 1 };

extern const struct nvb_definition_field nvb_definition_fields[];
extern const size_t nvb_definition_field_count;

/* NVB_ERR_INVALID where a text is not UTF-8: written as JSON it would become another one. */
int nvb_definition_check_text(const struct nvb_capsule_definition *d, nvb_error **err);

#endif
