/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_INVENTORY_H
#define NVBIND_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nvbind/error.h"
#include "nvbind/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What this host has: GPUs, driver, nodes, libraries. Immutable once loaded; may be read from several
 * threads. */
typedef struct nvb_inventory nvb_inventory;

/** Which kernel side serves the GPUs. Source: /proc/driver/nvidia/version, the bound PCI driver, /dev/dxg. */
enum nvb_driver_kind {
	NVB_DRIVER_NONE,
	NVB_DRIVER_PROPRIETARY,
	NVB_DRIVER_OPEN,    /* NVIDIA's open kernel modules */
	NVB_DRIVER_NOUVEAU, /* no CUDA, no NVIDIA userspace */
	NVB_DRIVER_DXG,	    /* WSL2's paravirtual driver */
};

enum nvb_platform {
	NVB_PLATFORM_NATIVE,
	NVB_PLATFORM_WSL2,
};

/** What a container may use the driver for: NVIDIA_DRIVER_CAPABILITIES. Bits. */
enum nvb_capability {
	NVB_CAP_COMPUTE = 1 << 0,
	NVB_CAP_UTILITY = 1 << 1,
	NVB_CAP_GRAPHICS = 1 << 2, /* OpenGL, Vulkan, EGL, ray tracing */
	NVB_CAP_VIDEO = 1 << 3,
	NVB_CAP_DISPLAY = 1 << 4,
	NVB_CAP_NGX = 1 << 5, /* DLSS */
	NVB_CAP_COMPAT32 = 1 << 6,
};
#define NVB_CAP_ALL	0x7fu
#define NVB_CAP_DEFAULT (NVB_CAP_COMPUTE | NVB_CAP_UTILITY)

/**
 * Devices of a host beside its GPUs, which a container gets only when it asks for them. Bits. Sources: the
 * variables of NVIDIA's container runtime that are named here, and the modes of 'nvidia-ctk cdi generate'.
 */
enum nvb_feature {
	NVB_FEATURE_GDS = 1 << 0,	  /* NVIDIA_GDS: GPUDirect Storage (nvidia-fs, udev, cufile.json) */
	NVB_FEATURE_MOFED = 1 << 1,	  /* NVIDIA_MOFED: InfiniBand verbs */
	NVB_FEATURE_GDRCOPY = 1 << 2,	  /* NVIDIA_GDRCOPY: GDRCopy (gdrdrv) */
	NVB_FEATURE_NVSWITCH = 1 << 3,	  /* NVIDIA_NVSWITCH: NVSwitches and the fabric manager's socket */
	NVB_FEATURE_MIG_CONFIG = 1 << 4,  /* NVIDIA_MIG_CONFIG_DEVICES: the right to divide GPUs by MIG */
	NVB_FEATURE_MIG_MONITOR = 1 << 5, /* NVIDIA_MIG_MONITOR_DEVICES: the right to watch all MIG devices */
	/* Every node of the driver, MIG and IMEX rights included: for what manages the host's GPUs. Brings
	 * the driver's files and all GPUs; not the parts above that have modules of their own. */
	NVB_FEATURE_MANAGEMENT = 1 << 6,
};
#define NVB_FEATURE_ALL 0x7fu

/** How to look. Set `size` to sizeof(struct nvb_inventory_options); zero and NULL are the defaults. Strings
 * are borrowed for the call. */
struct nvb_inventory_options {
	size_t size;
	const char *root;	 /* directory taken for "/" by all roots below; NULL: "/" */
	const char *driver_root; /* each overrides `root`; the directory that contains usr/lib,
				    etc/ld.so.cache ... */
	const char *dev_root;	 /* ... that contains dev/ */
	const char *proc_root;	 /* ... that contains proc/ */
	const char *sys_root;	 /* ... that contains sys/ */
	const char *const
		*library_path;	     /* NULL-terminated; directories below the driver root searched first */
	const char *cache_directory; /* NULL: /run/nvbind when root is "/", else no cache */
	bool no_cache;		     /* neither read nor write the cache */
	const struct nvb_log *log;   /* kept for the call */
};

/**
 * Reads the inventory from /proc, /sys, /dev and the driver's files, or from the cache where its fingerprint
 * still holds. Loads no NVIDIA library. A host without GPU or driver gives an inventory that says so, not an
 * error. On success *inventory belongs to the caller (nvb_inventory_free); on failure it is untouched.
 * Errors: NVB_ERR_NOT_FOUND or NVB_ERR_PERMISSION for a root that cannot be opened, NVB_ERR_NO_MEMORY.
 */
NVB_API int nvb_inventory_load(
	const struct nvb_inventory_options *options, nvb_inventory **inventory, nvb_error **error);

NVB_API void nvb_inventory_free(nvb_inventory *inventory);

/** One GPU. Strings live as long as the inventory; NULL is unknown. */
struct nvb_gpu_info {
	size_t size;	  /* set by the caller to sizeof(struct nvb_gpu_info) */
	uint32_t index;	  /* in PCI order, excluded GPUs skipped */
	uint32_t minor;	  /* of /dev/nvidia<minor>; UINT32_MAX: no NVIDIA module serves this GPU */
	const char *uuid; /* /proc/driver/nvidia/gpus/<pci>/information, else NVML */
	const char *name;
	const char *pci_address;	  /* "0000:3b:00.0" */
	int numa_node;			  /* -1 unknown */
	uint64_t memory_bytes;		  /* 0 unknown */
	int compute_major, compute_minor; /* -1 unknown */
	uint32_t mig_devices;
};

/** GPUs that can be given by themselves. On WSL2 none: there all of them come through one device. */
NVB_API size_t nvb_inventory_gpu_count(const nvb_inventory *inventory);
/** Fills *info for GPU number i (0 .. count-1). NVB_ERR_NOT_FOUND beyond the end. */
NVB_API int nvb_inventory_gpu(
	const nvb_inventory *inventory, size_t i, struct nvb_gpu_info *info, nvb_error **error);

NVB_API enum nvb_platform nvb_inventory_platform(const nvb_inventory *inventory);
NVB_API enum nvb_driver_kind nvb_inventory_driver_kind(const nvb_inventory *inventory);
/** Version of the driver's libraries ("550.54.15"), or NULL. Lives as long as the inventory. */
NVB_API const char *nvb_inventory_driver_version(const nvb_inventory *inventory);
/** Version of the loaded kernel module, or NULL. A value that differs from the libraries' means nothing
 * works. */
NVB_API const char *nvb_inventory_module_version(const nvb_inventory *inventory);

#ifdef __cplusplus
}
#endif
#endif
