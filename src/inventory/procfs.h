/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_PROCFS_H
#define NVB_INVENTORY_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The texts below /proc/driver/nvidia and /proc/devices, as the kernel module writes them (source: the open
 * kernel modules, kernel-open/nvidia/nv-procfs.c and nv-caps.c). Parsers of memory only; all of them take
 * anything and never fail harder than "not there".
 */
enum { NVB_PROC_TEXT = 128 };

/* /proc/driver/nvidia/version */
struct nvb_proc_version {
	char version[32]; /* "550.54.15" */
	bool open;	  /* NVIDIA's open kernel modules */
};
bool nvb_procfs_parse_version(const char *text, struct nvb_proc_version *version);

/* A driver version is digits and dots beginning with a number above 60 ("96.43.23" was the oldest for Linux
 * 2.6): other files end in numbers, too. */
bool nvb_is_driver_version(const char *s);

/* /proc/driver/nvidia/gpus/<pci address>/information. Empty strings are unknown. */
struct nvb_proc_gpu {
	char model[NVB_PROC_TEXT];
	char uuid[NVB_PROC_TEXT]; /* "" also while the driver shows question marks: not initialised yet */
	char firmware[NVB_PROC_TEXT];
	bool has_minor;
	uint32_t minor;
	bool excluded;
};
void nvb_procfs_parse_information(const char *text, struct nvb_proc_gpu *gpu);

/* "GPU-" or "MIG-" and 8-4-4-4-12 hexadecimal digits. */
bool nvb_is_uuid(const char *s, const char *prefix);

/* The character major of a driver by its name in /proc/devices. */
bool nvb_procfs_find_major(const char *devices, const char *name, uint32_t *major);

/* "DeviceFileMinor: 3" of a capability file. */
bool nvb_procfs_parse_capability(const char *text, uint32_t *minor);

/*
 * /proc/driver/nvidia-caps/mig-minors: lines "gpu0/gi1/access 12" and "gpu0/gi1/ci0/access 13" for every
 * instance there could be. Sorted once, since a big machine asks it a thousand times.
 */
enum { NVB_NO_CI = UINT32_MAX }; /* the GPU instance's own capability */

struct nvb_mig_minor {
	uint32_t gpu, gi, ci, minor;
};

struct nvb_mig_minors {
	struct nvb_mig_minor *list; /* malloc'd */
	size_t count, capacity;
};

/* False without memory; lines that are not understood are left out. */
bool nvb_procfs_parse_mig_minors(const char *text, struct nvb_mig_minors *minors);
bool nvb_mig_minor_find(
	const struct nvb_mig_minors *minors, uint32_t gpu, uint32_t gi, uint32_t ci, uint32_t *minor);

/* "0000:3b:00.0", lower case, from "0000:3B:00.0" or "00000000:3B:00.0"; false for anything else. `out` has
 * NVB_PCI_ADDRESS bytes. */
enum { NVB_PCI_ADDRESS = 24 };
bool nvb_pci_normalise(const char *address, char out[NVB_PCI_ADDRESS]);

#endif
