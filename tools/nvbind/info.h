/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_NVBIND_INFO_H
#define TOOLS_NVBIND_INFO_H

#include "inventory/inventory.h"

/* `nvbind info --json`: the whole inventory. */
int info_json(const struct nvb_inventory *inventory, nvb_error **err);

/* `nvbind info --gpus --format=json`: the bare list that the existing Bolt reads. */
int info_gpus_json(const struct nvb_inventory *inventory, nvb_error **err);

/* `nvbind info --leases`: who holds which GPU. */
int info_leases(const struct nvb_inventory *inventory, bool json, nvb_error **err);

#endif
