/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_CACHE_H
#define NVB_INVENTORY_CACHE_H

#include "inventory/inventory.h"

/*
 * The inventory as a file, so that only the first container after a boot pays for reading a hundred
 * libraries' SONAMEs. The file is hostile input: of root or of ourselves, writable by nobody else, no link,
 * of bounded size, with a checksum, every number and string checked. It is believed only while its
 * fingerprint holds.
 */

/*
 * Fills an empty inventory (roots opened) from the cache below `directory`. NVB_ERR_NOT_FOUND, NVB_ERR_STALE,
 * NVB_ERR_CORRUPT, NVB_ERR_PERMISSION (of a stranger): the inventory is then as empty as before.
 */
int nvb_cache_read(struct nvb_inventory *inventory, const char *directory, nvb_error **err);

/* Replaces the cache, making the directory if it is not there. */
int nvb_cache_write(const struct nvb_inventory *inventory, const char *directory, nvb_error **err);

/* The format alone, for tests and fuzzing. nvb_cache_decode leaves *inventory as it was when it fails, but
 * for what its arena holds. */
int nvb_cache_encode(const struct nvb_inventory *inventory, char **data, size_t *size, nvb_error **err);
int nvb_cache_decode(struct nvb_inventory *inventory, const char *data, size_t size, nvb_error **err);

/* Writes the cache of an inventory that has one and is worth keeping; failures go to the log alone. */
void nvb_inventory_keep(const struct nvb_inventory *inventory, const struct nvb_log *log);

#endif
