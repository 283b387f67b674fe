/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_OCI_ITEMS_H
#define NVB_OCI_ITEMS_H

#include "base/jscan.h"
#include "nvbind/oci.h"
#include "oci/places.h"
#include "plan/plan.h"

/*
 * What a plan's edits become in a config.json: each item is one element of one of its arrays, under the name
 * by which an element that is already there is recognised.
 */

/*
 * Nodes cannot be made in a user namespace, and runtimes differ in what they do with linux.devices there:
 * runc 1.1.5 binds the node from the path it has inside, wherever it is on the host; crun 1.8.1 makes one
 * that nobody may open without a fileMode. A mount of our own is the host's node, with its mode, in both.
 */
enum oci_when {
	OCI_ALWAYS,
	OCI_WITHOUT_USERNS,
	OCI_WITH_USERNS,
};

enum { OCI_READ = 1, OCI_WRITE = 2, OCI_MKNOD = 4 };

struct oci_item {
	enum oci_place place;
	enum oci_when when;
	const struct nvb_edit *edit; /* NULL: our own hook */
	const char *name;	     /* variable, path or destination, cleaned; NULL for numbers */
	size_t name_size;
	uint32_t hash;
	uint32_t major, minor; /* devices and their rules; a group id in major */
	unsigned access;       /* rules: what is wanted */
	unsigned granted;      /* rules: what the rules read so far allow */
	bool found;	       /* an element of that name is there */
	bool hidden;	       /* mounts: a later mount of a directory above hides it */
};

struct oci_items {
	struct oci_item *items;
	size_t count;
	uint32_t *slots; /* hash table of items with a name or device numbers: number + 1 */
	uint32_t mask;
	size_t found_mounts;
	const char *hook_path;
	char **hook_args; /* of our own hook, or NULL */
	struct nvb_arena arena;
};

int oci_items_make(struct oci_items *items, const struct nvb_plan *plan,
	const struct nvb_oci_options *options, nvb_error **err);
void oci_items_release(struct oci_items *items);

/* The item of that place and name, or NULL. */
struct oci_item *oci_items_find(
	const struct oci_items *items, enum oci_place place, const char *name, size_t size);
struct oci_item *oci_items_find_rule(
	const struct oci_items *items, char type, uint32_t major, uint32_t minor);

/* "c" of an item's device type: 'c', 'b' or 'p'; CDI's 'u' is a character device. */
char oci_item_device_type(const struct oci_item *item);

/*
 * The path as runtimes see it (Go's filepath.Clean below "/"): in place where it is clean, else a copy in the
 * arena. False without memory.
 */
bool oci_clean_path(
	struct nvb_arena *arena, const char *path, size_t size, const char **clean, size_t *clean_size);

#endif
