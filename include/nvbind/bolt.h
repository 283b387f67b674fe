/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_BOLT_H
#define NVBIND_BOLT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "nvbind/cdi.h"
#include "nvbind/error.h"
#include "nvbind/inventory.h"
#include "nvbind/log.h"
#include "nvbind/plan.h"
#include "nvbind/request.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The library as a capsule engine uses it. A manager knows this host's GPUs and how work on them is set up;
 * an engine describes itself to it by a table of functions, struct nvb_bolt_runtime_ops, and the manager
 * calls them, in an order that holds, with what a capsule's configuration means. `bolt` starts its own
 * capsules in this way. docs/api.md goes through all of it with examples.
 *
 * Structures of options carry their own size, set by the caller. In all of them zero, NULL and NVB_AS_PROFILE
 * mean "not said", and what is said has an effect or is refused with the reason. Strings are copied.
 */

/** One setting of a profile: as the profile has it, or not. */
enum nvb_switch {
	NVB_AS_PROFILE,
	NVB_OFF,
	NVB_ON,
};

/** What a game needs most. Each is a profile of that name in profiles.d, which says what it does. */
enum nvb_gaming_profile {
	NVB_GAMING_UNSAID, /* the profile "gaming" */
	NVB_GAMING_ULTRA_LOW_LATENCY,
	NVB_GAMING_PERFORMANCE,
	NVB_GAMING_BALANCED,
	NVB_GAMING_EFFICIENCY,
	NVB_GAMING_COMPETITIVE = NVB_GAMING_ULTRA_LOW_LATENCY,
	NVB_GAMING_AAA = NVB_GAMING_PERFORMANCE,
};

/** Set `size` to sizeof(struct nvb_bolt_gaming_config). */
struct nvb_bolt_gaming_config {
	size_t size;
	enum nvb_gaming_profile profile;
	/* These give or leave out what games find (libraries, DLLs, layers); whether a game then uses it, the
	 * game decides. */
	enum nvb_switch dlss_enabled, rt_cores_enabled, wine_optimizations, vrs_enabled;
};

/** The same with the profile by its name. Set `size` to sizeof(struct nvb_bolt_gaming_gpu_config). */
struct nvb_bolt_gaming_gpu_config {
	size_t size;
	enum nvb_switch dlss_enabled, rt_cores_enabled, wine_optimizations, vrs_enabled;
	const char *performance_profile; /* "ultra-low-latency", "performance", ... or a profile of one's own;
					    NULL: "gaming" */
	const char *power_profile;	 /* "maximum", "balanced", "efficiency"; NULL: as the profile says */
};

/** Set `size` to sizeof(struct nvb_bolt_aiml_config). */
struct nvb_bolt_aiml_config {
	size_t size;
	const char *profile;		      /* "training", "inference", or one of one's own; NULL: "ai" */
	enum nvb_switch mig_enabled;	      /* on: a MIG device of each GPU (isolation "virtual") */
	enum nvb_switch tensor_cores_enabled; /* off: NVIDIA_TF32_OVERRIDE=0; there is no more to switch */
	enum nvb_switch memory_pool_enabled;  /* on: the frameworks' own variables for their allocators */
};

/** How a capsule's GPUs are kept from others. Set `size` to sizeof(struct nvb_bolt_isolation). */
struct nvb_bolt_isolation {
	size_t size;
	const char *mode;	   /* "shared", "exclusive", "virtual"; NULL: shared */
	const char *memory_limit;  /* "8GB" (10^9), "8GiB" (2^30); NULL: none */
	const char *compute_limit; /* "80%"; NULL: none */
	const char *mig_match;	   /* "up", "strict", "down": which MIG devices fit the limits; NULL: up */
};

/**
 * What a capsule gets of GPUs. Set `size` to sizeof(struct nvb_bolt_capsule_config). Lists end with NULL;
 * without any GPU, device or profile the capsule gets none.
 */
struct nvb_bolt_capsule_config {
	size_t size;
	const char *const *gpus;	/* as for nvb_request_add_gpus: "0", "all", "GPU-..." */
	const char *const *docker_gpus; /* as for nvb_request_add_docker_gpus */
	const char *const *cdi_devices; /* "nvidia.com/gpu-bolt=all" */
	const char *const *profiles;	/* by name, first ones first */
	const char *capabilities;	/* "compute,utility"; NULL: what the profiles say, or that */
	const struct nvb_bolt_isolation *isolation;	 /* NULL: shared, no limits */
	const struct nvb_bolt_gaming_gpu_config *gaming; /* NULL: no game */
	const struct nvb_bolt_aiml_config *aiml;	 /* NULL: no such work */
	bool snapshot_gpu_state; /* snapshots of the capsule shall have its GPUs' state in them */
};

/** Of a manager. Set `size` to sizeof(struct nvb_bolt_config). */
struct nvb_bolt_config {
	size_t size;
	const struct nvb_inventory_options *inventory; /* where this host is; NULL: "/", with the cache */
	const char *profiles;		    /* directory of installed profiles; NULL: the library's own */
	const char *const *cdi_directories; /* NULL-terminated; NULL: /etc/cdi, /var/run/cdi */
	const char *bolt;		    /* path of the program; NULL: where it is installed */
	const char *hook; /* absolute path of nvbind-hook, for CDI specs; NULL: where it is installed */
	bool ask_nvml;	  /* what only NVML knows of GPUs (memory, MIG UUIDs), asked in a child process */
	bool strict;	  /* a setting without effect on this host is refused; else the log is told */
	const struct nvb_log *log; /* kept for the life of the manager; NULL: silence */
};

/** Thread-safe: all functions on one manager may be called from several threads at a time. */
typedef struct nvb_manager nvb_manager;

/**
 * Makes a manager. Nothing is looked at before it is needed: this costs a few microseconds. `config` may be
 * NULL. Errors: NVB_ERR_INVALID (a size of another library), NVB_ERR_NO_MEMORY.
 */
NVB_API int nvb_manager_new(const struct nvb_bolt_config *config, nvb_manager **manager, nvb_error **error);
/** The same with every default. */
NVB_API int nvb_manager_new_default(nvb_manager **manager, nvb_error **error);
/** NULL is allowed. No thread may be using it. */
NVB_API void nvb_manager_free(nvb_manager *manager);

/**
 * The inventory that this manager works with: read at the first call that needs it and the same ever after (a
 * new manager sees a changed host). It is the manager's and lives as long. Errors: as nvb_inventory_load.
 */
NVB_API int nvb_manager_inventory(nvb_manager *manager, const nvb_inventory **inventory, nvb_error **error);

/**
 * The host's GPUs: *gpus becomes an array of *count, to be freed with free(); NULL and 0 when there are none.
 * Strings in it are the manager's. Errors: as nvb_manager_inventory.
 */
NVB_API int nvb_manager_gpus(
	nvb_manager *manager, struct nvb_gpu_info **gpus, size_t *count, nvb_error **error);

/** What of bolt's GPU side works on this host. Bits. */
enum nvb_bolt_feature {
	NVB_BOLT_GPUS = 1 << 0,		   /* a driver is loaded, with its libraries, and GPUs to give */
	NVB_BOLT_GPU_SELECTION = 1 << 1,   /* single GPUs can be given (not on WSL2) */
	NVB_BOLT_COMPUTE = 1 << 2,	   /* CUDA */
	NVB_BOLT_GRAPHICS = 1 << 3,	   /* OpenGL, Vulkan */
	NVB_BOLT_RAY_TRACING = 1 << 4,	   /* the driver's OptiX and ray tracing libraries */
	NVB_BOLT_DLSS = 1 << 5,		   /* NGX for Proton and Wine */
	NVB_BOLT_WINE_32BIT = 1 << 6,	   /* the driver's 32-bit libraries */
	NVB_BOLT_VIDEO = 1 << 7,	   /* encoding and decoding */
	NVB_BOLT_MIG = 1 << 8,		   /* there are MIG devices to give */
	NVB_BOLT_GPU_SNAPSHOTS = 1 << 9,   /* the driver can save the state of GPUs */
	NVB_BOLT_GREEN_CONTEXTS = 1 << 10, /* nvb_context_prepare of NVB_CONTEXT_GREEN */
	NVB_BOLT_CAPSULES = 1 << 11,	   /* the program bolt is installed: nvb_manager_run */
};

/** Set `size` to sizeof(struct nvb_bolt_compatibility) before the call. Strings are the manager's. */
struct nvb_bolt_compatibility {
	size_t size;
	bool compatible;    /* GPUs can be given to capsules: NVB_BOLT_GPUS */
	const char *reason; /* why not, or NULL */
	unsigned features;  /* enum nvb_bolt_feature */
	size_t gpu_count;
	enum nvb_platform platform;
	enum nvb_driver_kind driver;
	const char *driver_version, *module_version; /* or NULL */
};

/** Errors: as nvb_manager_inventory, NVB_ERR_INVALID for another size. A host without GPU is none. */
NVB_API int nvb_manager_bolt_compatibility(
	nvb_manager *manager, struct nvb_bolt_compatibility *compatibility, nvb_error **error);

/** "ray-tracing"; NULL for what is not a single bit of enum nvb_bolt_feature. Static. */
NVB_API const char *nvb_bolt_feature_name(enum nvb_bolt_feature feature);
/** Why a feature is missing, one line, malloc'd into *reason; NULL when it is there. */
NVB_API int nvb_manager_missing_feature(
	nvb_manager *manager, enum nvb_bolt_feature feature, char **reason, nvb_error **error);

/* --- what an engine's functions do with what they are told
 * -------------------------------------------------- */

/** Adds what a profile asks for to a request: NVB_ERR_NOT_FOUND names those there are. */
NVB_API int nvb_manager_add_profile(
	nvb_manager *manager, nvb_request *request, const char *profile, nvb_error **error);
/** The same for gaming, laid over its profile. With `strict`, NVB_ERR_UNSUPPORTED for what has no effect. */
NVB_API int nvb_manager_add_gaming(nvb_manager *manager, nvb_request *request,
	const struct nvb_bolt_gaming_gpu_config *config, nvb_error **error);
NVB_API int nvb_manager_add_aiml(nvb_manager *manager, nvb_request *request,
	const struct nvb_bolt_aiml_config *config, nvb_error **error);
/** The plan for a request on the manager's host, with its CDI directories. As nvb_plan_make. */
NVB_API int nvb_manager_plan(nvb_manager *manager, const nvb_request *request, enum nvb_layout layout,
	const char *tree, nvb_plan **plan, nvb_error **error);

/** Fills in a struct nvb_bolt_gaming_gpu_config of the profile that another one names. */
NVB_API int nvb_bolt_gaming_gpu_config(const struct nvb_bolt_gaming_config *config,
	struct nvb_bolt_gaming_gpu_config *gpu, nvb_error **error);

/**
 * A container engine as nvbind sees it. Set `size` to sizeof(struct nvb_bolt_runtime_ops) and `name`; a
 * function that an engine does not have is NULL, and a configuration that needs it is refused. `runtime` is
 * what nvb_manager_setup_capsule was given. Each returns 0, or a negated code with *error set
 * (nvb_error_set), which ends the setup with that error. Called on the thread that called
 * nvb_manager_setup_capsule.
 */
struct nvb_bolt_runtime_ops {
	size_t size;
	const char *name; /* of the engine, for messages */
	/* Whom the capsule shares its GPUs with and how much of them it may use. First, since it decides what
	 * devices there are. */
	int (*configure_gpu_isolation)(void *runtime, const char *capsule,
		const struct nvb_bolt_isolation *isolation, nvb_error **error);
	/* What kind of work it is; before the devices, since it says what they are for. */
	int (*setup_gaming_optimization)(void *runtime, const char *capsule,
		const struct nvb_bolt_gaming_gpu_config *config, nvb_error **error);
	int (*setup_aiml_optimization)(void *runtime, const char *capsule,
		const struct nvb_bolt_aiml_config *config, nvb_error **error);
	/* CDI devices by name, ended by NULL. */
	int (*apply_cdi_devices)(
		void *runtime, const char *capsule, const char *const *devices, nvb_error **error);
	/* Gives the capsule its GPUs: everything above has been said. `config` is the whole of it. */
	int (*setup_gpu_for_capsule)(void *runtime, const char *capsule,
		const struct nvb_bolt_capsule_config *config, nvb_error **error);
	/* Last: whether the state of what was given can be saved. */
	int (*enable_gpu_snapshot)(void *runtime, const char *capsule,
		const struct nvb_bolt_capsule_config *config, nvb_error **error);
};

/**
 * Calls an engine's functions for a capsule, in the order in which they stand above, those alone that the
 * configuration has work for; setup_gpu_for_capsule whenever a GPU, a device or a profile is asked for. Stops
 * at the first that fails; nothing is undone, as an engine throws away a capsule that it could not set up.
 * Errors: NVB_ERR_INVALID (a size of another library, limits that are none, a profile without a GPU),
 * NVB_ERR_UNSUPPORTED (the engine lacks a function that is needed), and those of the functions.
 */
NVB_API int nvb_manager_setup_capsule(nvb_manager *manager, const struct nvb_bolt_runtime_ops *ops,
	void *runtime, const char *capsule, const struct nvb_bolt_capsule_config *config, nvb_error **error);

/* --- CDI -------------------------------------------------------------------------------------------------
 */

/** A CDI spec of this host's devices. Immutable. */
typedef struct nvb_bolt_cdi_spec nvb_bolt_cdi_spec;

/**
 * Makes the spec of a profile ("bolt-gaming", "ai", one of one's own), as `nvbind cdi generate --profile`
 * does, for all GPUs; NULL is no profile. Touches nothing. Errors: as nvb_manager_plan and nvb_cdi_write.
 */
NVB_API int nvb_manager_cdi_spec(
	nvb_manager *manager, const char *profile, nvb_bolt_cdi_spec **spec, nvb_error **error);
/** The same for a gaming or AI/ML configuration, as devices of the kinds nvidia.com/gpu-bolt and
 * nvidia.com/gpu-bolt-aiml. */
NVB_API int nvb_manager_gaming_cdi_spec(nvb_manager *manager, const struct nvb_bolt_gaming_gpu_config *config,
	nvb_bolt_cdi_spec **spec, nvb_error **error);
NVB_API int nvb_manager_aiml_cdi_spec(nvb_manager *manager, const struct nvb_bolt_aiml_config *config,
	nvb_bolt_cdi_spec **spec, nvb_error **error);

/** "nvidia.com/gpu-bolt". The spec's, as those below. */
NVB_API const char *nvb_cdi_spec_kind(const nvb_bolt_cdi_spec *spec);
/** Its YAML text, NUL-terminated. */
NVB_API const char *nvb_cdi_spec_text(const nvb_bolt_cdi_spec *spec);
/** Writes it as <directory>/<vendor>-<class>.yaml, whole or not at all; *path (may be NULL) is malloc'd. */
NVB_API int nvb_cdi_spec_write(
	const nvb_bolt_cdi_spec *spec, const char *directory, char **path, nvb_error **error);
/**
 * Writes the spec into `directory`, where the engine looks for specs, and has the engine give the capsule the
 * device of that name ("all", "0") by ops->apply_cdi_devices. Errors: those of both, NVB_ERR_NOT_FOUND for a
 * device that is not in the spec, NVB_ERR_UNSUPPORTED for an engine without that function.
 */
NVB_API int nvb_cdi_spec_apply(const nvb_bolt_cdi_spec *spec, const char *directory, const char *device,
	const struct nvb_bolt_runtime_ops *ops, void *runtime, const char *capsule, nvb_error **error);
NVB_API void nvb_cdi_spec_free(nvb_bolt_cdi_spec *spec);

/* --- running ---------------------------------------------------------------------------------------------
 */

/*
 * Starting a capsule changes namespaces, signal handlers and children of the process that does it. A library
 * must not do that to its caller, so these start the installed program bolt, with posix_spawn. No shell is
 * involved. Its child is waited for by its own number: a caller who ignores SIGCHLD, or waits for children of
 * any number, takes the answer away and gets NVB_ERR_SYSTEM (ECHILD).
 */

/**
 * Runs a program in a new capsule and waits for its end, as `bolt surge run --rm --gpu GPUS IMAGE COMMAND`:
 * with the caller's streams, working directory and environment. `command` ends with NULL; NULL: the image's
 * own. `gpus` is NULL (none), "all" or another selector. *status is the program's own (128 + signal when one
 * ended it). Errors: NVB_ERR_NOT_FOUND (bolt is not installed), NVB_ERR_SYSTEM (it cannot be started; or it
 * ended with 125, and has said why on standard error).
 */
NVB_API int nvb_manager_run(nvb_manager *manager, const char *image, const char *const *command,
	const char *gpus, int *status, nvb_error **error);

/** A container that is started and left running. Set `size` to sizeof(struct nvb_bolt_run). */
struct nvb_bolt_run {
	size_t size;
	const char *id;		     /* what the capsule is called; NULL: bolt makes a name */
	const char *image;	     /* an image's name; with `rootfs`, what is kept of where it came from */
	const char *rootfs;	     /* directory to be used as the root; NULL: the image's files */
	const char *const *command;  /* ended by NULL; NULL: the image's own */
	const nvb_request *request;  /* GPUs, capabilities, isolation, limits; NULL: no GPU */
	const char *const *profiles; /* by name, ended by NULL */
	bool remove;		     /* with its files when it ends */
};

/**
 * Starts a container, as `bolt surge run --detach`, and hands out the number of its first process on this
 * host. It runs on under bolt's supervisor, whatever becomes of the caller, whose child it is not: 'bolt
 * capsule wait|stop|logs ID' are for the rest of its life. The request is handed on as it was asked and
 * resolved by bolt. Errors: NVB_ERR_INVALID (neither image nor rootfs; a size of another library),
 * NVB_ERR_UNSUPPORTED (a request with features, IMEX channels or settings of profiles, which no command line
 * of bolt's says: name profiles in `profiles`), NVB_ERR_NOT_FOUND (bolt is not installed), NVB_ERR_SYSTEM
 * with what bolt said.
 */
NVB_API int nvb_manager_run_rootfs(
	nvb_manager *manager, const struct nvb_bolt_run *run, pid_t *pid, nvb_error **error);

#ifdef __cplusplus
}
#endif
#endif
