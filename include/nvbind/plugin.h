/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_PLUGIN_H
#define NVBIND_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A plugin is a shared object, <directory>/NAME.so, that adds to what containers with GPUs get: device nodes,
 * read-only mounts, environment. nvbind loads it in a process of its own, without privileges and with few
 *system calls (it can read files that everybody can read, and start or reach nothing), and judges each edit
 *before it takes it. `nvbind plan` shows them with the rule "plugin:NAME". docs/plugins.md says what is
 *allowed.
 *
 *	static int edit(const struct nvb_plugin_host *host)
 *	{
 *		return host->add_env(host, NVB_PLUGIN_ALL, "SITE", "north", "where this machine stands");
 *	}
 *
 *	NVB_PLUGIN("site", "1.0", "says where the machine stands", edit);
 *
 * Compatibility: structs are only ever added to at their end, and `size` says how much of one there is; what
 *would break that raises NVB_PLUGIN_ABI, and a plugin of another ABI is not called.
 */
#define NVB_PLUGIN_ABI 1

/** For `gpu` of an edit: whatever devices the container gets. */
#define NVB_PLUGIN_ALL (-1)

/** A device that the container gets: a GPU or a MIG device. Strings are NULL when unknown, and live as long
 * as the call of edit(). */
struct nvb_plugin_gpu {
	size_t size;	   /* set by the plugin to sizeof(struct nvb_plugin_gpu) before it asks */
	const char *name;  /* "2", or "2:1" of a MIG device */
	const char *uuid;  /* "GPU-..." or "MIG-..." */
	const char *pci;   /* of the GPU: "0000:3b:00.0" */
	const char *model; /* "NVIDIA H200" */
	uint32_t index;	   /* of the GPU, in PCI order */
	int numa_node;	   /* -1 unknown */
};

/** What a plugin is given. Valid during the call of edit() alone; for its thread alone. */
struct nvb_plugin_host {
	size_t size; /* of this struct, as the caller knows it */
	unsigned abi;
	const char *driver_version; /* "550.54.15", or NULL */
	uint32_t capabilities;	    /* enum nvb_capability bits (nvbind/inventory.h) */
	const char *dev_root,
		*sys_root; /* directories that hold dev and sys: "/" but where a machine is simulated */
	size_t gpu_count;

	/** Fills *gpu for device i. 0, or -1 beyond the end or for a size that is 0. */
	int (*gpu)(const struct nvb_plugin_host *host, size_t i, struct nvb_plugin_gpu *gpu);

	/*
	 * Edits. `gpu` is the number of the device that the edit belongs to, or NVB_PLUGIN_ALL. Strings are
	 * copied; `reason` is for people and must be given. 0, or -1 for NULL, an impossible `gpu` or too
	 * much: return that from edit().
	 */
	/** A character device of the host under its own path; `access` is "r", "w" or "rw". */
	int (*add_device)(const struct nvb_plugin_host *host, int gpu, const char *path, const char *access,
		const char *reason);
	/** A file or directory of the host, read-only. */
	int (*add_mount)(const struct nvb_plugin_host *host, int gpu, const char *source, const char *target,
		const char *reason);
	int (*add_env)(const struct nvb_plugin_host *host, int gpu, const char *name, const char *value,
		const char *reason);
	/** Something that the user shall know. */
	int (*warn)(const struct nvb_plugin_host *host, const char *text);
};

/** What a plugin exports, under the name nvb_plugin_descriptor. */
struct nvb_plugin {
	size_t size;	  /* sizeof(struct nvb_plugin) */
	unsigned abi;	  /* NVB_PLUGIN_ABI */
	const char *name; /* as the file's, without ".so" */
	const char *version;
	const char *summary; /* one line */
	/** Adds edits. 0, or another value when it failed: then nothing of it is taken. */
	int (*edit)(const struct nvb_plugin_host *host);
};

#define NVB_PLUGIN_SYMBOL "nvb_plugin_descriptor"
#define NVB_PLUGIN(plugin_name, plugin_version, plugin_summary, plugin_edit)                     \
	extern const struct nvb_plugin nvb_plugin_descriptor;                                    \
	__attribute__((visibility("default"))) const struct nvb_plugin nvb_plugin_descriptor = { \
		.size = sizeof(struct nvb_plugin),                                               \
		.abi = NVB_PLUGIN_ABI,                                                           \
		.name = (plugin_name),                                                           \
		.version = (plugin_version),                                                     \
		.summary = (plugin_summary),                                                     \
		.edit = (plugin_edit),                                                           \
	}

#ifdef __cplusplus
}
#endif
#endif
