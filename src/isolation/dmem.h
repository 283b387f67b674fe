/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_ISOLATION_DMEM_H
#define NVB_ISOLATION_DMEM_H

#include <stdint.h>

/*
 * Device memory by control group: the controller "dmem" of cgroup v2 (Linux 6.14;
 * Documentation/admin-guide/cgroup-v2.rst, "DMEM"). The root's dmem.capacity has a line "REGION BYTES" for
 * each region that a driver registers; dmem.max of a group takes such lines. A driver names its regions: by
 * PCI address, as "drm/0000:03:00.0/vram0".
 */

/* The region of the memory of a GPU in the text of dmem.capacity: the one whose name has its PCI address as a
 * part, and where there are several, vram. malloc'd; NULL: none, or no memory. */
char *nvb_dmem_region(const char *capacity, const char *pci, uint64_t *bytes);

#endif
