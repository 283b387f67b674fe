/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_CDI_NODE_H
#define NVB_CDI_NODE_H

#include "base/error.h"
#include "base/mem.h"

/*
 * A YAML or JSON document as a tree that knows where everything stood: what the readers of both formats make
 * and the decoder (read.h) takes apart. Documents are hostile input: their depth, their number of nodes and
 * what aliases would expand to are bounded here, so nobody behind needs to care.
 */

enum {
	NVB_CDI_DEPTH = 32,	     /* a spec needs 9 */
	NVB_CDI_NODES = 1024 * 1024, /* aliases expanded */
	NVB_CDI_SIZE_MAX = 16 << 20, /* bytes; 64 GPUs with 7 MIG devices each take under 1 MiB */
};

enum nvb_cdi_type {
	NVB_CDI_NULL,
	NVB_CDI_BOOL,
	NVB_CDI_NUMBER,
	NVB_CDI_STRING,
	NVB_CDI_LIST,
	NVB_CDI_MAP,
};

struct nvb_cdi_node;

/* An element of a list (key NULL) or a member of a map. An alias shares the node of its anchor. */
struct nvb_cdi_item {
	const char *key;
	unsigned line;
	struct nvb_cdi_node *node;
	struct nvb_cdi_item *next;
};

struct nvb_cdi_node {
	enum nvb_cdi_type type;
	/* A YAML scalar without quotes: `name: 0` is a number to YAML and the string "0" to every reader of
	 * CDI specs (sigs.k8s.io/yaml converts by the type of the field). */
	bool plain;
	unsigned line;	  /* from 1 */
	const char *text; /* of a scalar, NUL-terminated, holds no NUL */
	struct nvb_cdi_item *first, *last;
	size_t count;
	size_t weight;			   /* nodes below and with this one, aliases expanded */
	const struct nvb_cdi_node *parent; /* NULL: the root */
	const char *key;		   /* in the parent; NULL in a list */
	size_t index;			   /* in the parent */
};

/* The readers. `file` is for messages; all of the tree lives in `arena`. */
int nvb_cdi_parse_yaml(struct nvb_arena *arena, const char *data, size_t size, const char *file,
	struct nvb_cdi_node **root, nvb_error **err);
int nvb_cdi_parse_json(struct nvb_arena *arena, const char *data, size_t size, const char *file,
	struct nvb_cdi_node **root, nvb_error **err);

/* For the readers: a new node, and its place in its parent. NULL and false without memory. */
struct nvb_cdi_node *nvb_cdi_node_new(struct nvb_arena *arena, enum nvb_cdi_type type, unsigned line);
bool nvb_cdi_node_append(struct nvb_arena *arena, struct nvb_cdi_node *parent, const char *key, unsigned line,
	struct nvb_cdi_node *child);

/* The member of a map, or NULL; `map` may be NULL or no map. */
const struct nvb_cdi_node *nvb_cdi_node_get(const struct nvb_cdi_node *map, const char *key);
/* Element i of a list, or NULL. */
const struct nvb_cdi_node *nvb_cdi_node_at(const struct nvb_cdi_node *list, size_t i);

/* "devices[3].containerEdits.mounts[0].hostPath", keys that are no plain words as ["a.b"]; "" is the root.
 * In the arena, NULL without memory. */
const char *nvb_cdi_node_path(struct nvb_arena *arena, const struct nvb_cdi_node *node);

/* "a string", "a list": for messages. */
const char *nvb_cdi_type_name(enum nvb_cdi_type type);

#endif
