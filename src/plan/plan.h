/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_PLAN_PLAN_H
#define NVB_PLAN_PLAN_H

#include "base/error.h"
#include "base/mem.h"
#include "nvbind/plan.h"
#include "request/request.h"

/*
 * The plan: an ordered list of edits. A sink (CDI spec, OCI config.json, bolt root) translates every edit and
 * adds none of its own, so no front can differ from another. All strings live in the plan's arena.
 */

enum nvb_edit_kind {
	NVB_EDIT_DEVICE,  /* a device node, and the device cgroup rule that allows it */
	NVB_EDIT_MOUNT,	  /* a bind mount of a host file, directory or socket */
	NVB_EDIT_LINK,	  /* a symbolic link inside the container */
	NVB_EDIT_LDCACHE, /* a directory whose libraries must be found through the container's ld.so.cache */
	NVB_EDIT_COMPAT,  /* CUDA forward compatibility: the image's libcuda before the driver's, if newer */
	NVB_EDIT_PARAMS,  /* the driver's parameters, with ModifyDeviceFiles: 0, in the place of its own */
	NVB_EDIT_ENV,	  /* an environment variable */
	NVB_EDIT_HOOK,	  /* an OCI hook that a foreign CDI spec brought; our own plans have none */
	NVB_EDIT_GID,	  /* an additional group id */
	NVB_EDIT_RLIMIT,  /* a limit of getrlimit(2) for the container's program */
	NVB_EDIT_SHM,	  /* the size of /dev/shm */
	NVB_EDIT_LIMIT,	  /* a limit on a GPU, for the record: whoever keeps it is no part of the container */
	NVB_EDIT_CPUS,	  /* the CPUs that the container's programs run on */
	NVB_EDIT_NICE,	  /* the nice value they start with */
	NVB_EDIT_SCHEDULER, /* the scheduling policy they start with */
	NVB_EDIT_KNOB,	    /* a setting of a GPU, or of the CPUs, for as long as the container runs */
};
#define NVB_EDIT_KINDS (NVB_EDIT_KNOB + 1)

/* How a mount's content arrives. */
enum nvb_via {
	NVB_VIA_BIND,  /* the sink makes a mount */
	NVB_VIA_LAYER, /* the driver tree, a layer of the root, already has it at that path */
};

enum { NVB_SCOPE_COMMON = -1 };

struct nvb_edit {
	enum nvb_edit_kind kind;
	int scope;     /* index into the plan's devices, or NVB_SCOPE_COMMON for what all of them need */
	bool required; /* false: a container without it still works, so a sink that cannot do it goes on */
	enum nvb_enforcement enforcement;
	const char *rule; /* where it comes from: "node.gpu", "lib.cuda", "link.soname", "cdi:<spec path>" */
	const char *reason; /* for people: "CUDA driver API" */
	union {
		struct {
			const char *host;      /* host path of the node */
			const char *container; /* path inside */
			uint32_t major, minor;
			bool known_numbers; /* major and minor were read from the node */
			char access[4];	    /* subset of "rwm" */
			const char *type;   /* "c", "b"; CDI allows "p","u" */
			bool has_mode, has_uid, has_gid;
			uint32_t mode, uid, gid;
		} device;
		struct {
			const char *host;
			const char *container;
			enum nvb_file_kind file_kind;
			enum nvb_via via;
			const char *const *
				options; /* NULL-terminated, as in a CDI spec: "ro","nosuid","nodev","bind" */
			const char *type; /* NULL or "bind" */
			bool make;	  /* a directory of ours that is made where it is missing */
		} mount;
		struct nvb_link link;
		struct {
			const char *directory;
		} ldcache;
		struct {
			const char *driver_version; /* of the host's driver */
			const char *directory;	    /* inside, where images have cuda-compat */
		} compat;
		struct {
			const char *host;      /* where the host shows them */
			const char *container; /* where the container's procfs does */
		} params;
		struct {
			const char *name, *value;
		} env;
		struct {
			const char *when; /* "createContainer" ... */
			const char *path;
			const char *const *args, *const *env; /* NULL-terminated or NULL */
			int timeout;			      /* seconds, 0 none */
		} hook;
		uint32_t gid;
		struct {
			const char *name; /* "memlock" */
			uint64_t value;	  /* soft and hard; UINT64_MAX: unlimited */
		} rlimit;
		uint64_t shm;		/* bytes */
		struct nvb_limit limit; /* its enforcement and reason are the edit's */
		const char *cpus;	/* "0-15,32-47", as in /sys */
		int nice;		/* -20 to 19 */
		struct {
			const char *policy; /* enum nvb_policy's names: "fifo" */
			int priority;	    /* 1 to 99; 0 for policies without */
		} scheduler;
		struct {
			const char *name, *value; /* src/knob/value.h */
		} knob;
	};
};

/* A device of the plan, under every name a user may call it by. */
struct nvb_plan_device {
	uint32_t gpu_index;
	bool is_mig;
	bool is_channel; /* an IMEX channel, not a GPU: name alone is set */
	uint32_t mig_index;
	const char *name;     /* "2" or "0:1" */
	const char *uuid;     /* or NULL */
	const char *gpu_uuid; /* of a MIG device: its GPU's; or NULL */
	const char *model;    /* "NVIDIA H200" or NULL */
	const char *pci;
};

struct nvb_plan {
	struct nvb_arena arena;
	enum nvb_layout layout;
	const char *tree; /* host path, or NULL */
	const char *driver_version;
	unsigned capabilities;
	enum nvb_isolation isolation;	 /* which lease its devices are taken with */
	struct nvb_plan_device *devices; /* malloc'd */
	size_t device_count, device_capacity;
	struct nvb_edit *edits; /* malloc'd; common ones first, then by device */
	size_t edit_count, edit_capacity;
	char **warnings; /* what was left out, and why */
};

/*
 * Where images have the libraries of NVIDIA's packages cuda-compat-<version>, and where the driver shows its
 * parameters. Source: "CUDA Compatibility", chapter 4; the kernel module's procfs interface.
 */
#define NVB_COMPAT_DIRECTORY "/usr/local/cuda/compat"
#define NVB_DRIVER_PARAMS    "/proc/driver/nvidia/params"

/*
 * Where a container finds the MPS daemon that keeps its limits: CUDA's own default, so that a program whose
 * environment was cleared comes under it, too. Source: NVIDIA's "Multi-Process Service",
 * CUDA_MPS_PIPE_DIRECTORY.
 */
#define NVB_MPS_PIPES "/tmp/nvidia-mps"

/* Where the driver tree appears inside a container under NVB_LAYOUT_TREE. */
#define NVB_TREE_MOUNTPOINT "/run/nvbind/driver"

/*
 * The planner: what nvb_plan_make() does for every selector but CDI names, which the CDI registry adds to the
 * plan behind it (src/cdi/import.h). A request of CDI names alone gives a plan without edits and asks for no
 * driver.
 */
int nvb_planner_make(const struct nvb_request *request, const struct nvb_inventory *inventory,
	const struct nvb_plan_options *options, struct nvb_plan **plan, nvb_error **err);

/* Appends a cleared edit of that kind and returns it, or NULL without memory. Used by the planner and the CDI
 * importer. */
struct nvb_edit *nvb_plan_add(struct nvb_plan *plan, enum nvb_edit_kind kind, int scope);

const char *nvb_edit_kind_name(enum nvb_edit_kind kind);
const char *nvb_enforcement_name(enum nvb_enforcement enforcement);

#endif
