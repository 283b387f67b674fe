/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_INVENTORY_H
#define NVB_INVENTORY_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/root.h"
#include "inventory/fingerprint.h"
#include "nvbind/inventory.h"
#include "nvbind/log.h"

/*
 * The inventory: what this host has, as data. Every string lives in the inventory's arena; NULL means
 * "unknown" or "has none", and unknown numbers have the value named at the field: nothing unknown is ever
 * reported as zero. All paths are paths below their root ("/dev/nvidia0",
 * "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15"): the container sees them under that name, and
 * nvb_root_host_path() says where they lie on the host. An inventory does not change once loaded and may be
 * read from several threads.
 */

/* Where the host's trees are. A root contains "dev", "proc", "sys" as the host's "/" does; all are "/" by
 * default. */
struct nvb_roots {
	struct nvb_root driver; /* libraries, binaries, firmware, data, sockets, etc/ld.so.cache */
	struct nvb_root dev;
	struct nvb_root proc;
	struct nvb_root sys;
	char **library_path; /* directories below the driver root searched before ld.so.cache, or NULL */
};

/* A character device node. */
struct nvb_node {
	const char *path; /* below the dev root */
	const char *role; /* what it is, for reasons: "GPU", "control", "unified memory", "MIG capability" */
	uint32_t major, minor; /* as found on the node itself */
	bool present;	       /* false: the driver knows it, but the node is not there */
	unsigned features;     /* of special nodes: enum nvb_feature bits that want it */
};

/* Where the nodes of IMEX channels are, and how their names begin: a special node below it is a channel. */
#define NVB_IMEX_CHANNEL_PREFIX "/dev/nvidia-caps-imex-channels/channel"

/* What a MIG device needs besides its GPU's node: the capability nodes of its GPU and compute instance. */
struct nvb_mig_device {
	uint32_t index;	     /* among the GPU's MIG devices: the 1 of "0:1" */
	uint32_t gi, ci;     /* GPU instance and compute instance id */
	const char *uuid;    /* "MIG-..." ; NULL unless NVML or the cache told it */
	const char *profile; /* "1g.18gb"; NULL unless NVML told it */
	uint64_t memory;     /* bytes, 0 unknown */
	struct nvb_node gi_access, ci_access;
};

struct nvb_gpu {
	uint32_t index;	  /* in PCI order among the GPUs that are not excluded: what users name */
	uint32_t minor;	  /* of /dev/nvidia<minor>: never equal to the index by promise; UINT32_MAX: no
			     NVIDIA module serves this GPU, so it has no node (node.path is NULL) */
	const char *uuid; /* "GPU-..."; NULL until the driver has initialised the GPU */
	const char *name; /* "NVIDIA H200", or NULL */
	const char *pci;  /* "0000:3b:00.0", lower case */
	uint32_t vendor_id, device_id, subsystem_id; /* PCI; 0 unknown */
	const char *firmware;			     /* GSP firmware version, or NULL */
	const char *kernel_driver;	  /* what is bound: "nvidia", "nouveau", "vfio-pci", or NULL */
	int numa_node;			  /* -1 unknown or none */
	const char *cpus;		  /* local CPU list "0-31,64-95", or NULL */
	uint64_t memory;		  /* bytes; 0 unknown (only NVML knows) */
	int compute_major, compute_minor; /* -1 unknown (only NVML knows) */
	bool mig_enabled;		  /* has MIG instances according to /proc */
	struct nvb_node node;		  /* /dev/nvidia<minor> */
	struct nvb_node card, render;	  /* /dev/dri/cardN, renderDN; path NULL: none */
	const char *card_by_path, *render_by_path; /* "/dev/dri/by-path/pci-...-card", or NULL */
	struct nvb_mig_device *migs;
	size_t mig_count;
};

enum nvb_file_kind {
	NVB_FILE_LIBRARY,
	NVB_FILE_BINARY,
	NVB_FILE_FIRMWARE,
	NVB_FILE_DATA,	    /* JSON, ICD, profiles, DLLs, fat binaries: anything that is only read */
	NVB_FILE_SOCKET,    /* a unix socket of a driver service */
	NVB_FILE_DIRECTORY, /* mounted whole (the driver store of WSL2) */
};

/* A name that must lead to a file: a SONAME link or one of those programs look for. */
struct nvb_link {
	const char *path;   /* of the link, below the root */
	const char *target; /* as written into the link, usually a bare name in the same directory */
};

struct nvb_file {
	enum nvb_file_kind kind;
	unsigned capabilities; /* enum nvb_capability bits that want it; 0: any GPU container, or, where
				  features are named, nobody else */
	const char *rule;      /* id of the row of the table it was found by: "lib.cuda", "data.vulkan-icd" */
	const char *reason;    /* that row's reason: "CUDA driver API" */
	const char *path;      /* below the driver root; the real file, with no link as its last part */
	const char *soname; /* libraries that the linker finds: DT_SONAME; NULL for modules opened by path */
	unsigned elf_class; /* 32 or 64: what only programs of that class can use; else 0 */
	const struct nvb_link *links;
	size_t link_count;
	unsigned features;  /* enum nvb_feature bits that want it whatever the capabilities */
	const char *inside; /* where the container sees it; NULL: at `path` */
};

/*
 * Bits beside enum nvb_capability: parts of the driver that are left out although a capability would bring
 * them. They are handed on with the capabilities, so that the planner and the driver tree leave out the same
 * (parts.c has the table).
 */
enum nvb_without {
	NVB_WITHOUT_DLSS = 1 << 16,
	NVB_WITHOUT_RAY_TRACING = 1 << 17,
	NVB_WITHOUT_VULKAN = 1 << 18,
	NVB_WITHOUT_EGL = 1 << 19,
	NVB_WITHOUT_COMPAT32 = 1 << 20,
};
#define NVB_WITHOUT_ALL (0x1fu << 16)

/* Whether the file is of a part that `capabilities` leaves out. */
bool nvb_file_is_without(const struct nvb_file *file, unsigned capabilities);

/* Part of the driver tree: not what must be the host's own (sockets, whole directories, settings that only a
 * feature brings). */
static inline bool nvb_file_is_for_tree(const struct nvb_file *file)
{
	return file->kind != NVB_FILE_SOCKET && file->kind != NVB_FILE_DIRECTORY &&
	       (file->capabilities || !file->features);
}

struct nvb_driver {
	enum nvb_driver_kind kind;
	const char *version;	    /* of the libraries (libcuda.so.<version>); NULL: no libraries found */
	const char *module_version; /* of the loaded kernel module; NULL: none loaded */
	bool mismatch;		    /* both known and different: nothing will work until a reboot or reload */
};

struct nvb_inventory {
	struct nvb_arena arena;
	struct nvb_roots roots;
	enum nvb_platform platform;
	struct nvb_driver driver;
	struct nvb_gpu *gpus; /* in PCI order, excluded ones left out */
	size_t gpu_count;
	size_t excluded_count;
	struct nvb_node
		*control; /* nodes every GPU container needs or may use: nvidiactl, nvidia-uvm, dxg ... */
	size_t control_count;
	struct nvb_node *special; /* nodes given only on request: nvswitch, imex channels, fs, gdrdrv,
				     infiniband, MIG config/monitor */
	size_t special_count;
	struct nvb_file *files; /* sorted by path; no path twice */
	size_t file_count;
	const char *library_directories[32]; /* the directories that hold `files` libraries, ld.so.cache
						folders, NULL-terminated */
	const char *compat_directory;	     /* cuda-compat libraries of the host, or NULL */
	bool from_cache;
	bool nvml_asked; /* the fields only NVML knows have been asked for */

	/* The cache's: what this was made from, and where it is kept (malloc'd; NULL: nowhere). */
	struct nvb_fingerprint fingerprint;
	char *cache_directory;
};

/* Opens all roots; `options` as in the public header. */
int nvb_roots_open(struct nvb_roots *roots, const struct nvb_inventory_options *options, nvb_error **err);
void nvb_roots_close(struct nvb_roots *roots);

const struct nvb_gpu *nvb_inventory_gpu_by_index(const struct nvb_inventory *inventory, uint32_t index);
/* UUIDs compare without case; an unambiguous prefix of at least 8 characters behind "GPU-" is enough, as for
 * nvidia-smi. */
const struct nvb_gpu *nvb_inventory_gpu_by_uuid(const struct nvb_inventory *inventory, const char *uuid);

/*
 * Fills in what only NVML knows (MIG UUIDs and profiles, memory, compute capability, GPU UUIDs not yet in
 * /proc) by loading libnvidia-ml.so.1 from the driver root into a child process, so that neither its threads
 * nor its crashes are ours. Costs tens of milliseconds to seconds: only called where such a field was asked
 * for.
 */
int nvb_inventory_ask_nvml(struct nvb_inventory *inventory, const struct nvb_log *log, nvb_error **err);

#endif
