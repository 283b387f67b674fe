/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVBIND_SAMPLER_H
#define NVBIND_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "nvbind/error.h"
#include "nvbind/inventory.h"
#include "nvbind/log.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What GPUs do, measured again and again: one immutable sample per interval.
 *
 *	struct nvb_sampler_options options = {.size = sizeof(options), .interval_ns = 100000000};
 *	nvb_sampler_open(inventory, &options, &sampler, &error);
 *	while (nvb_sampler_next(sampler, -1, &sample, &error) == 0) {
 *		for (size_t g = 0; g < nvb_sample_gpu_count(sample); g++) {
 *			struct nvb_value power = nvb_sample_value(sample, g, NVB_METRIC_POWER);
 *
 *			if (power.state == NVB_VALUE_KNOWN)
 *				printf("GPU %u: %.1f W\n", nvb_sample_gpu(sample, g)->index, power.value);
 *		}
 *		nvb_sample_unref(sample);
 *	}
 *
 * NVML is loaded in a child process, where each GPU has a thread of its own: a library that crashes, or a GPU
 * that hangs, costs its own values and nothing else. Everything is in base units (ratios from 0 to 1, bytes,
 * watts, joules, degrees Celsius, hertz, seconds). What the driver does not tell is never a number.
 * Source: NVML API reference (fields, samples, process utilisation); the age of utilisation is that of
 * NVML's own time stamps.
 */

/** A running measurement. One thread's at a time; the child ends with the thread that started it (and is
 * started again), so one that lives as long as the sampler shall open it. */
typedef struct nvb_sampler nvb_sampler;

/** What was measured for one deadline. Immutable: several threads may read it; counted by references. */
typedef struct nvb_sample nvb_sample;

/** Set `size` to sizeof(struct nvb_sampler_options); zero and NULL are the defaults. Strings are copied. */
struct nvb_sampler_options {
	size_t size;
	uint64_t interval_ns;	      /* 10 ms to 1 h; 0: 1 s */
	uint64_t process_interval_ns; /* how often who uses the GPUs is asked; 0: 500 ms; UINT64_MAX: never */
	/**
	 * How long a sample waits for GPUs that have not answered, from its deadline on; 0: half the
	 * interval, but 250 ms at most. A GPU that takes longer keeps its last values, which grow old, its
	 * state is NVB_SAMPLE_SLOW, and the next samples do not wait for it until it has answered in time.
	 */
	uint64_t patience_ns;
	/**
	 * The name of a capsule by its id, malloc'd, or NULL where it is not known: the library does not read
	 * an engine's files. Called by nvb_sampler_next for each id once, until it has found one; may be
	 * NULL.
	 */
	char *(*capsule_name)(void *data, const char *id);
	/**
	 * The id of the capsule that a process belongs to whose control groups do not say (bolt without root
	 * has none), malloc'd, or NULL. Called for each such process once; may be NULL.
	 */
	char *(*capsule_of)(void *data, uint32_t pid);
	void *data;
	const struct nvb_log *log; /* kept until the sampler is closed */
};

/**
 * Starts measuring. Returns before NVML is loaded, which may take seconds without persistence mode; the first
 * sample waits for it. `inventory` must live as long as *sampler: its numbers of GPUs are those of the
 * samples, and its driver is the one that is asked. A host without GPUs is no error: its samples have none,
 * and a notice. `options` may be NULL. Errors: NVB_ERR_INVALID (an interval out of range, another size),
 * NVB_ERR_SYSTEM, NVB_ERR_NO_MEMORY.
 */
NVB_API int nvb_sampler_open(const nvb_inventory *inventory, const struct nvb_sampler_options *options,
	nvb_sampler **sampler, nvb_error **error);

/** Ends the child. Samples stay valid. NULL is allowed. */
NVB_API void nvb_sampler_close(nvb_sampler *sampler);

/**
 * A descriptor that is readable when nvb_sampler_next has something to do, for the caller's poll(2); it then
 * calls that with a timeout of 0. Belongs to the sampler, the same for all its life.
 */
NVB_API int nvb_sampler_fd(const nvb_sampler *sampler);

/**
 * Waits for the next sample. Deadlines are absolute: a slow reader does not shift them, it gets the newest
 * and is told how many it missed (nvb_sample_cost). `timeout_ms` as poll(2) has it: -1 for ever, 0 not at
 * all. When the time is up, *sample is NULL and the call a success; otherwise it belongs to the caller
 * (nvb_sample_unref). A GPU that is lost, a child that crashed, a driver that is unloaded are not errors but
 * stand in the sample. Errors: NVB_ERR_NO_MEMORY, NVB_ERR_SYSTEM, NVB_ERR_CANCELLED (a signal handler ran;
 * call again).
 */
NVB_API int nvb_sampler_next(nvb_sampler *sampler, int timeout_ms, nvb_sample **sample, nvb_error **error);

/** Another interval from the next deadline on. Errors: NVB_ERR_INVALID, NVB_ERR_SYSTEM. */
NVB_API int nvb_sampler_set_interval(nvb_sampler *sampler, uint64_t interval_ns, nvb_error **error);

/** One more owner; returns its argument. Thread-safe. */
NVB_API nvb_sample *nvb_sample_ref(nvb_sample *sample);
/** The last one frees it, with all that was read from it. NULL is allowed. Thread-safe. */
NVB_API void nvb_sample_unref(nvb_sample *sample);

/** What is measured. The number is stable; new ones are added before NVB_METRIC_COUNT. */
enum nvb_metric {
	NVB_METRIC_UTILIZATION,	       /* share of the time in which a kernel ran; absent under MIG */
	NVB_METRIC_MEMORY_UTILIZATION, /* share of the time in which memory was read or written */
	NVB_METRIC_ENCODER_UTILIZATION,
	NVB_METRIC_DECODER_UTILIZATION,
	NVB_METRIC_MEMORY_TOTAL,
	NVB_METRIC_MEMORY_USED, /* by processes: without what the driver reserves, where it says how much */
	NVB_METRIC_MEMORY_FREE,
	NVB_METRIC_MEMORY_RESERVED,
	NVB_METRIC_POWER,	/* now, where the driver says; else the average of a second */
	NVB_METRIC_POWER_LIMIT, /* that is in force */
	NVB_METRIC_ENERGY,	/* since the driver was loaded */
	NVB_METRIC_TEMPERATURE,
	NVB_METRIC_MEMORY_TEMPERATURE,
	NVB_METRIC_FAN_SPEED, /* of the first fan, share of its maximum */
	NVB_METRIC_GRAPHICS_CLOCK,
	NVB_METRIC_SM_CLOCK,
	NVB_METRIC_MEMORY_CLOCK,
	NVB_METRIC_VIDEO_CLOCK,
	NVB_METRIC_PERFORMANCE_STATE, /* 0 is the fastest */
	NVB_METRIC_THROTTLE_REASONS,  /* bits: nvb_throttle_reason_name */
	NVB_METRIC_PCIE_TX_BYTES,     /* from the GPU, since the driver was loaded */
	NVB_METRIC_PCIE_RX_BYTES,
	NVB_METRIC_PCIE_TX_RATE, /* between the last two readings of the counter */
	NVB_METRIC_PCIE_RX_RATE,
	NVB_METRIC_PCIE_GENERATION, /* of the link as it is now */
	NVB_METRIC_PCIE_WIDTH,
	NVB_METRIC_PCIE_REPLAYS,
	NVB_METRIC_NVLINK_TX_BYTES, /* of all links */
	NVB_METRIC_NVLINK_RX_BYTES,
	NVB_METRIC_NVLINK_TX_RATE,
	NVB_METRIC_NVLINK_RX_RATE,
	NVB_METRIC_NVLINK_ACTIVE, /* links that are up */
	NVB_METRIC_ECC_CORRECTED, /* since the driver was loaded */
	NVB_METRIC_ECC_UNCORRECTED,
	NVB_METRIC_ROW_REMAP_PENDING, /* 0 or 1 */
	NVB_METRIC_ROW_REMAP_FAILED,  /* 0 or 1 */
	NVB_METRIC_XID_ERRORS,	      /* events since the sampler was opened */
	NVB_METRIC_LAST_XID,	      /* of those; not available before the first */
	NVB_METRIC_COUNT
};

enum nvb_unit {
	NVB_UNIT_NONE,
	NVB_UNIT_RATIO,
	NVB_UNIT_BYTES,
	NVB_UNIT_BYTES_PER_SECOND,
	NVB_UNIT_WATTS,
	NVB_UNIT_JOULES,
	NVB_UNIT_CELSIUS,
	NVB_UNIT_HERTZ,
};

/** What a metric is: static, for ever. */
struct nvb_metric_info {
	const char *name; /* "memory_used", as in JSON, CSV and logs */
	const char *help; /* one line, no full stop */
	enum nvb_unit unit;
	int counter; /* 1: only grows while the driver is loaded; 0: a gauge */
	int of_mig;  /* 1: MIG devices have it too */
};

/** NULL for a number that is none. Thread-safe. */
NVB_API const struct nvb_metric_info *nvb_metric_info(enum nvb_metric metric);
/** "bytes", "watts", ...; "" for NVB_UNIT_NONE. Static, never NULL. */
NVB_API const char *nvb_unit_name(enum nvb_unit unit);

enum nvb_value_state {
	NVB_VALUE_UNSUPPORTED, /* this GPU or this driver does not tell */
	NVB_VALUE_PENDING, /* not yet: a rate after the first reading, utilisation before its first sample */
	NVB_VALUE_FAILED,  /* it was asked and said no: lost, no permission, an error */
	NVB_VALUE_KNOWN,
};

/** One value. Only where `state` is NVB_VALUE_KNOWN do the others mean anything. */
struct nvb_value {
	double value;
	uint64_t age_ns; /* from when it was measured to the sample's time */
	enum nvb_value_state state;
};

/** How a GPU fares. */
enum nvb_sample_state {
	NVB_SAMPLE_FINE,
	NVB_SAMPLE_WAITING, /* it has not said anything yet */
	NVB_SAMPLE_SLOW,    /* it has not answered in time: its values are old */
	NVB_SAMPLE_ERROR,   /* the driver refuses to talk of it: `reason` */
	NVB_SAMPLE_LOST,    /* it fell off the bus */
	NVB_SAMPLE_GONE,    /* it was there when the sampler was opened, or later, and the driver lists it no
			       more */
};
/** "fine", "waiting", "slow", "error", "lost", "gone". Static, never NULL. */
NVB_API const char *nvb_sample_state_name(enum nvb_sample_state state);

/**
 * One GPU of a sample. Strings live as long as the sample; NULL is unknown. Read through the pointer only:
 * later releases add members at the end.
 */
struct nvb_sample_gpu {
	uint32_t index; /* the inventory's, for as long as the sampler is open; a GPU that came later has the
			   next */
	enum nvb_sample_state state;
	const char *reason;			      /* why it is not fine, one line; NULL where it is */
	uint64_t since_ns;			      /* how long it has been in this state */
	const char *uuid, *name, *pci_address;	      /* "0000:3b:00.0" */
	uint32_t minor;				      /* of /dev/nvidia<minor>; UINT32_MAX unknown */
	uint32_t pcie_generation_max, pcie_width_max; /* of card and slot together; 0 unknown */
	int mig_mode;				      /* 1 on, 0 off, -1: the GPU has none */
	size_t mig_count, process_count;
};

/** A MIG device of a GPU. The same rules. */
struct nvb_sample_mig {
	uint32_t index; /* the 1 of "0:1" */
	uint32_t gi, ci;
	const char *uuid, *profile; /* "1g.18gb" */
};

/** What a process belongs to, by its control groups. */
enum nvb_owner {
	NVB_OWNER_HOST,	   /* nothing that we know: the host's own */
	NVB_OWNER_CAPSULE, /* bolt's */
	NVB_OWNER_DOCKER,
	NVB_OWNER_PODMAN,
	NVB_OWNER_CONTAINERD, /* without Kubernetes */
	NVB_OWNER_CRIO,
	NVB_OWNER_POD, /* of Kubernetes, whoever runs it */
	NVB_OWNER_SLURM,
	NVB_OWNER_CONTAINER, /* in a container of an engine that we do not know */
	NVB_OWNER_UNKNOWN,   /* its control groups could not be read */
};
/** "host", "capsule", "docker", ... Static, never NULL. */
NVB_API const char *nvb_owner_name(enum nvb_owner owner);

/** A process uses the GPU in one or several of these ways. Bits. */
enum nvb_gpu_use_kind {
	NVB_USE_COMPUTE = 1 << 0,
	NVB_USE_GRAPHICS = 1 << 1,
	NVB_USE_MPS = 1 << 2, /* a client of MPS */
};

#define NVB_NO_MIG UINT32_MAX

/** One process on one GPU (or one MIG device); a process on two stands there twice. The same rules. */
struct nvb_sample_process {
	uint32_t pid;	     /* the host's */
	uint32_t inner_pid;  /* in its innermost namespace; 0 unknown */
	uint32_t uid;	     /* UINT32_MAX unknown */
	uint32_t mig;	     /* which of the GPU's MIG devices, by its place in the sample; NVB_NO_MIG */
	unsigned kinds;	     /* enum nvb_gpu_use_kind */
	uint64_t started_ns; /* after boot; 0 unknown. With the pid it names a process for ever */
	const char *name;    /* of the program, as the kernel has it; NULL: it ended, or may not be read */
	const char *command; /* its command line, arguments joined by spaces; NULL as above */
	enum nvb_owner owner;
	const char *owner_id;	 /* id of the capsule or container; "123.0" (job, step) of Slurm; NULL for the
				    host */
	const char *owner_name;	 /* of a capsule, where it could be found out; else NULL */
	const char *pod;	 /* uid of the pod; NULL */
	struct nvb_value memory; /* bytes on that device */
	struct nvb_value utilization, memory_utilization, encoder_utilization,
		decoder_utilization; /* ratios */
};

/** What measuring costs. All of it, the child's share included, but not what the caller does with a sample.
 */
struct nvb_sample_cost {
	uint64_t cpu_ns;	  /* processor time since the sampler was opened */
	uint64_t elapsed_ns;	  /* since then: cpu_ns / elapsed_ns is the share of one core */
	uint64_t collect_ns;	  /* from the deadline to this sample */
	uint64_t child_rss_bytes; /* the child's memory; 0 unknown */
	uint64_t missed;	  /* deadlines without a sample, since the sampler was opened */
};

/** Everything below: NULL, 0 or NVB_VALUE_UNSUPPORTED for what is not there. Pointers live as long as the
 * sample. */

/** The deadline: nanoseconds since 1970 (CLOCK_REALTIME). */
NVB_API uint64_t nvb_sample_time(const nvb_sample *sample);
/** Counts deadlines from 1 on; gaps are those that were missed. */
NVB_API uint64_t nvb_sample_sequence(const nvb_sample *sample);
NVB_API uint64_t nvb_sample_interval(const nvb_sample *sample);
/** Why nothing, or not all, could be measured, one line for the user ("the NVIDIA kernel module is not
 * loaded"); NULL: all is well. */
NVB_API const char *nvb_sample_notice(const nvb_sample *sample);
/** "570.133.20"; NULL unknown. */
NVB_API const char *nvb_sample_driver_version(const nvb_sample *sample);
/** By index; those that are gone stay. */
NVB_API size_t nvb_sample_gpu_count(const nvb_sample *sample);
NVB_API const struct nvb_sample_gpu *nvb_sample_gpu(const nvb_sample *sample, size_t gpu);
NVB_API struct nvb_value nvb_sample_value(const nvb_sample *sample, size_t gpu, enum nvb_metric metric);
NVB_API const struct nvb_sample_mig *nvb_sample_mig(const nvb_sample *sample, size_t gpu, size_t mig);
NVB_API struct nvb_value nvb_sample_mig_value(
	const nvb_sample *sample, size_t gpu, size_t mig, enum nvb_metric metric);
/** The processes of one GPU, by pid. */
NVB_API const struct nvb_sample_process *nvb_sample_process(
	const nvb_sample *sample, size_t gpu, size_t process);
/** How old the list of processes of a GPU is; UINT64_MAX: it was never had. */
NVB_API uint64_t nvb_sample_process_age(const nvb_sample *sample, size_t gpu);
NVB_API void nvb_sample_cost(const nvb_sample *sample, struct nvb_sample_cost *cost);

/**
 * The name of the n-th bit of NVB_METRIC_THROTTLE_REASONS ("power cap"), or NULL where the bit means nothing
 * we know. "idle" (bit 0) is no throttling. Source: nvmlClocksEventReasons.
 */
NVB_API const char *nvb_throttle_reason_name(unsigned bit);

#ifdef __cplusplus
}
#endif
#endif
