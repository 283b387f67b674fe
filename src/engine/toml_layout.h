/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ENGINE_TOML_LAYOUT_H
#define NVB_ENGINE_TOML_LAYOUT_H

#include "base/toml.h"

/*
 * Where the parts of a TOML document stand: every header and every `key = value`, those of inline tables
 * included, with the keys that lead to it and its place in the text. What an editor needs that changes one of
 * them and leaves all other bytes alone.
 */
enum toml_item_kind {
	TOML_ITEM_TABLE,   /* [a.b] */
	TOML_ITEM_ELEMENT, /* [[a.b]] */
	TOML_ITEM_VALUE	   /* a.b = 1 */
};

#define TOML_ROOT SIZE_MAX

struct toml_item {
	enum toml_item_kind kind;
	const char *const *path; /* keys from the root, NULL-terminated */
	size_t depth;		 /* how many they are */
	size_t container;	 /* the header or inline table it stands below: its number, or TOML_ROOT */
	bool aside;	/* below an element of an array, or a key that holds NUL: no path means it alone */
	bool is_inline; /* a value that is an inline table */
	bool in_inline; /* stands in an inline table */
	unsigned line_number;
	size_t begin, value, end; /* the key or header, its value (0 for headers), behind all of it */
	size_t line, line_end;	  /* where its line begins; behind the newline that ends its last line */
};

struct toml_layout {
	const char *text;
	size_t size;
	size_t start;		 /* behind a byte order mark */
	struct toml_item *items; /* in the order of the text */
	size_t count, capacity;
	struct nvb_toml doc; /* the same document as values; its arena holds the paths */
};

/* Errors are the parser's. *layout must be zeroed; release it also after a failure. */
int toml_layout_read(
	struct toml_layout *layout, const char *text, size_t size, const char *file, nvb_error **err);
void toml_layout_release(struct toml_layout *layout);
#define _cleanup_toml_layout_ _cleanup_(toml_layout_release)

/* True when the item's first `n` keys are those of the path. */
bool toml_item_starts(const struct toml_item *item, const char *const *path, size_t n);

/* The item of that kind and exactly that path, or NULL. */
const struct toml_item *toml_layout_find(
	const struct toml_layout *layout, enum toml_item_kind kind, const char *const *path, size_t depth);

#endif
