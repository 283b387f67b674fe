/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_BOLTFILE_PRELOAD_H
#define NVB_BOLTFILE_PRELOAD_H

#include "inventory/inventory.h"

/* preload_libraries: has the kernel read the driver's libraries into memory, without waiting for it. Returns
 * how many files; those that cannot be opened are left. */
size_t nvb_preload_driver(const struct nvb_inventory *inventory);

#endif
