/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NVB_INVENTORY_NVML_ABI_H
#define NVB_INVENTORY_NVML_ABI_H

#include <assert.h>
#include <stdint.h>

/*
 * The binary interface of libnvidia-ml.so.1 as far as this project calls it (inventory, sampler) or provides
 * it (the simulator): our own names for the values and layouts that the library's public interface fixes.
 * Source: NVIDIA's published NVML API reference, checked against the headers of CUDA 11.8 and 12.4. Layouts
 * never change once released; a newer one gets a new function (_v2, _v3) or a `version` member, whose value
 * holds the size of the structure and a number (nvml_version).
 *
 * In the library's naming, a handle is an opaque pointer, and "unsigned int" and "unsigned long long" are
 * what stands here as uint32_t and uint64_t.
 */

typedef struct nvml_device_handle *nvml_device;
typedef struct nvml_gi_handle *nvml_gpu_instance;
typedef struct nvml_ci_handle *nvml_compute_instance;
typedef struct nvml_event_set_handle *nvml_event_set;

/* nvmlReturn_t */
typedef enum {
	NVML_OK = 0,
	NVML_UNINITIALIZED = 1,
	NVML_INVALID_ARGUMENT = 2,
	NVML_NOT_SUPPORTED = 3,
	NVML_NO_PERMISSION = 4,
	NVML_ALREADY_INITIALIZED = 5,
	NVML_NOT_FOUND = 6,
	NVML_INSUFFICIENT_SIZE = 7,
	NVML_INSUFFICIENT_POWER = 8,
	NVML_DRIVER_NOT_LOADED = 9,
	NVML_TIMEOUT = 10,
	NVML_IRQ_ISSUE = 11,
	NVML_LIBRARY_NOT_FOUND = 12,
	NVML_FUNCTION_NOT_FOUND = 13,
	NVML_CORRUPTED_INFOROM = 14,
	NVML_GPU_IS_LOST = 15,
	NVML_RESET_REQUIRED = 16,
	NVML_OPERATING_SYSTEM = 17,
	NVML_LIB_RM_VERSION_MISMATCH = 18, /* library and kernel module are of different versions */
	NVML_IN_USE = 19,
	NVML_MEMORY = 20,
	NVML_NO_DATA = 21,
	NVML_VGPU_ECC_NOT_SUPPORTED = 22,
	NVML_INSUFFICIENT_RESOURCES = 23,
	NVML_FREQ_NOT_SUPPORTED = 24,
	NVML_ARGUMENT_VERSION_MISMATCH = 25,
	NVML_DEPRECATED = 26,
	NVML_NOT_READY = 27,
	NVML_GPU_NOT_FOUND = 28,
	NVML_INVALID_STATE = 29,
	NVML_UNKNOWN = 999,
} nvml_return;

/* The value a versioned structure starts with: its size, and its number in the upper byte. */
#define nvml_version(type, number) ((uint32_t)sizeof(type) | (uint32_t)(number) << 24)

/* Sizes of string buffers, with their NUL. */
#define NVML_UUID_SIZE	  96 /* V2; 80 was the first */
#define NVML_NAME_SIZE	  96 /* V2; 64 was the first */
#define NVML_VERSION_SIZE 80 /* driver, library */
#define NVML_SERIAL_SIZE  30
#define NVML_VBIOS_SIZE	  32
#define NVML_BUS_ID_SIZE  32

/* A value that the driver cannot tell, where it is not an error (memory of a process on Windows). */
#define NVML_VALUE_NOT_AVAILABLE UINT64_MAX
#define NVML_NO_INSTANCE	 UINT32_MAX /* "no GPU instance" in process and event records */

#define NVML_INIT_NO_GPUS   1u
#define NVML_INIT_NO_ATTACH 2u

enum { NVML_CLOCK_GRAPHICS, NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_CLOCK_VIDEO, NVML_CLOCK_COUNT };
enum { NVML_CLOCK_ID_CURRENT, NVML_CLOCK_ID_APP_TARGET, NVML_CLOCK_ID_APP_DEFAULT, NVML_CLOCK_ID_BOOST_MAX };
enum {
	NVML_THRESHOLD_SHUTDOWN,
	NVML_THRESHOLD_SLOWDOWN,
	NVML_THRESHOLD_MEM_MAX,
	NVML_THRESHOLD_GPU_MAX,
	NVML_THRESHOLD_ACOUSTIC_MIN,
	NVML_THRESHOLD_ACOUSTIC_CURR,
	NVML_THRESHOLD_ACOUSTIC_MAX,
};
enum {
	NVML_COMPUTE_DEFAULT,
	NVML_COMPUTE_EXCLUSIVE_THREAD,
	NVML_COMPUTE_PROHIBITED,
	NVML_COMPUTE_EXCLUSIVE_PROCESS
};
enum { NVML_PCIE_TX, NVML_PCIE_RX };
enum {
	NVML_ARCH_KEPLER = 2,
	NVML_ARCH_MAXWELL = 3,
	NVML_ARCH_PASCAL = 4,
	NVML_ARCH_VOLTA = 5,
	NVML_ARCH_TURING = 6,
	NVML_ARCH_AMPERE = 7,
	NVML_ARCH_ADA = 8,
	NVML_ARCH_HOPPER = 9,
	NVML_ARCH_BLACKWELL = 10,
};
enum {
	NVML_BRAND_UNKNOWN = 0,
	NVML_BRAND_QUADRO = 1,
	NVML_BRAND_TESLA = 2,
	NVML_BRAND_GEFORCE = 5,
	NVML_BRAND_TITAN = 6,
	NVML_BRAND_QUADRO_RTX = 12,
	NVML_BRAND_NVIDIA_RTX = 13,
	NVML_BRAND_NVIDIA = 14, /* data centre cards since Ampere */
	NVML_BRAND_GEFORCE_RTX = 15,
};
enum { /* nvmlGpuTopologyLevel_t */
	NVML_TOPOLOGY_INTERNAL = 0,
	NVML_TOPOLOGY_SINGLE = 10,
	NVML_TOPOLOGY_MULTIPLE = 20,
	NVML_TOPOLOGY_HOSTBRIDGE = 30,
	NVML_TOPOLOGY_NODE = 40,
	NVML_TOPOLOGY_SYSTEM = 50,
};

typedef struct {
	char bus_id[16]; /* "0000:0A:00.0" */
	uint32_t domain, bus, device, device_id, subsystem_id, reserved[4];
} nvml_pci_info_v2;

typedef struct {
	char bus_id_legacy[16];
	uint32_t domain, bus, device, device_id, subsystem_id;
	char bus_id[32]; /* "00000000:0A:00.0" */
} nvml_pci_info;
static_assert(sizeof(nvml_pci_info) == 68, "nvmlPciInfo_t");

typedef struct {
	uint32_t version, domain, bus, device, device_id, subsystem_id, base_class, sub_class;
	char bus_id[32];
} nvml_pci_info_ext;
static_assert(sizeof(nvml_pci_info_ext) == 64, "nvmlPciInfoExt_v1_t");

typedef struct {
	uint64_t total, free, used; /* bytes; used includes what the driver reserves */
} nvml_memory;

typedef struct {
	uint32_t version;
	uint64_t total, reserved, free, used;
} nvml_memory_v2;
static_assert(sizeof(nvml_memory_v2) == 40, "nvmlMemory_v2_t");

typedef struct {
	uint64_t total, free, used;
} nvml_bar1_memory;

typedef struct {
	uint32_t gpu, memory; /* percent */
} nvml_utilization;

typedef struct {
	uint32_t pid;
	uint64_t memory;
} nvml_process_info_v1;
static_assert(sizeof(nvml_process_info_v1) == 16, "nvmlProcessInfo_v1_t");

typedef struct { /* v2 and v3 */
	uint32_t pid;
	uint64_t memory;
	uint32_t gi, ci;
} nvml_process_info;
static_assert(sizeof(nvml_process_info) == 24, "nvmlProcessInfo_t");

typedef struct {
	uint32_t pid;
	uint64_t memory;
	uint32_t gi, ci;
	uint64_t protected_memory;
} nvml_process_detail;
static_assert(sizeof(nvml_process_detail) == 32, "nvmlProcessDetail_v1_t");

typedef struct {
	uint32_t version, mode, count;
	nvml_process_detail *processes;
} nvml_process_detail_list;

typedef struct {
	uint32_t pid;
	uint64_t time; /* us */
	uint32_t sm, memory, encoder, decoder;
} nvml_process_utilization;
static_assert(sizeof(nvml_process_utilization) == 32, "nvmlProcessUtilizationSample_t");

typedef struct {
	uint32_t sm_count, copy_engines, decoders, encoders, jpegs, ofas, gi_slices, ci_slices;
	uint64_t memory_mb;
} nvml_device_attributes;
static_assert(sizeof(nvml_device_attributes) == 40, "nvmlDeviceAttributes_t");

typedef struct {
	uint32_t start, size;
} nvml_placement;

typedef struct {
	uint32_t id, p2p, slices, instances, sm_count, copy_engines, decoders, encoders, jpegs, ofas;
	uint64_t memory_mb;
} nvml_gi_profile;
static_assert(sizeof(nvml_gi_profile) == 48, "nvmlGpuInstanceProfileInfo_t");

typedef struct {
	uint32_t version, id, p2p, slices, instances, sm_count, copy_engines, decoders, encoders, jpegs, ofas;
	uint64_t memory_mb;
	char name[NVML_NAME_SIZE];
} nvml_gi_profile_v2;
static_assert(sizeof(nvml_gi_profile_v2) == 152, "nvmlGpuInstanceProfileInfo_v2_t");

typedef struct {
	uint32_t version, id, slices, instances, sm_count, copy_engines, decoders, encoders, jpegs, ofas;
	uint64_t memory_mb;
	char name[NVML_NAME_SIZE];
	uint32_t capabilities; /* bit 0: peer to peer, bit 1: graphics */
} nvml_gi_profile_v3;
static_assert(sizeof(nvml_gi_profile_v3) == 152, "nvmlGpuInstanceProfileInfo_v3_t");

typedef struct {
	nvml_device device;
	uint32_t id, profile_id;
	nvml_placement placement;
} nvml_gi_info;

typedef struct {
	uint32_t id, slices, instances, sm_count, copy_engines, decoders, encoders, jpegs, ofas;
} nvml_ci_profile;

typedef struct {
	uint32_t version, id, slices, instances, sm_count, copy_engines, decoders, encoders, jpegs, ofas;
	char name[NVML_NAME_SIZE];
} nvml_ci_profile_v2;

typedef struct {
	uint32_t version, id, slices, instances, sm_count, copy_engines, decoders, encoders, jpegs, ofas;
	char name[NVML_NAME_SIZE];
	uint32_t capabilities;
} nvml_ci_profile_v3;

typedef struct {
	nvml_device device;
	nvml_gpu_instance gpu_instance;
	uint32_t id, profile_id;
	nvml_placement placement;
} nvml_ci_info;

/* Profile numbers (the `profile` argument, not the id that nvidia-smi shows). */
enum {
	NVML_PROFILE_1_SLICE = 0,
	NVML_PROFILE_2_SLICE = 1,
	NVML_PROFILE_3_SLICE = 2,
	NVML_PROFILE_4_SLICE = 3,
	NVML_PROFILE_7_SLICE = 4,
	NVML_PROFILE_8_SLICE = 5,
	NVML_PROFILE_6_SLICE = 6,
	NVML_PROFILE_1_SLICE_REV1 = 7, /* with media engines (+me) */
	NVML_PROFILE_2_SLICE_REV1 = 8,
	NVML_PROFILE_1_SLICE_REV2 = 9, /* twice the memory */
	NVML_GI_PROFILE_COUNT = 10,
	NVML_CI_PROFILE_COUNT = 8,
};

#define NVML_EVENT_ECC_SINGLE	UINT64_C(1)
#define NVML_EVENT_ECC_DOUBLE	UINT64_C(2)
#define NVML_EVENT_PSTATE	UINT64_C(4)
#define NVML_EVENT_XID		UINT64_C(8)
#define NVML_EVENT_CLOCK	UINT64_C(16)
#define NVML_EVENT_POWER_SOURCE UINT64_C(0x80)
#define NVML_EVENT_MIG_CONFIG	UINT64_C(0x100)

typedef struct { /* the first version ends behind `data` */
	nvml_device device;
	uint64_t type, data;
	uint32_t gi, ci;
} nvml_event_data;

typedef union {
	double d;
	int32_t si;
	uint32_t ui;
	unsigned long ul;
	uint64_t ull;
	int64_t sll;
} nvml_value;

enum {
	NVML_VALUE_DOUBLE,
	NVML_VALUE_UINT,
	NVML_VALUE_ULONG,
	NVML_VALUE_ULLONG,
	NVML_VALUE_SLLONG,
	NVML_VALUE_INT
};

typedef struct {
	uint32_t field, scope;
	int64_t time;	 /* us since 1970 */
	int64_t latency; /* us */
	uint32_t type;	 /* NVML_VALUE_* */
	nvml_return result;
	nvml_value value;
} nvml_field_value;
static_assert(sizeof(nvml_field_value) == 40, "nvmlFieldValue_t");

/* Field identifiers (NVML_FI_DEV_*). */
enum {
	NVML_FIELD_ECC_CURRENT = 1,
	NVML_FIELD_ECC_PENDING = 2,
	NVML_FIELD_ECC_SBE_VOLATILE = 3,
	NVML_FIELD_ECC_DBE_VOLATILE = 4,
	NVML_FIELD_ECC_SBE_AGGREGATE = 5,
	NVML_FIELD_ECC_DBE_AGGREGATE = 6,
	NVML_FIELD_RETIRED_PENDING = 31,
	NVML_FIELD_MEMORY_TEMPERATURE = 82,
	NVML_FIELD_TOTAL_ENERGY = 83, /* mJ */
	NVML_FIELD_NVLINK_SPEED = 90, /* MB/s, all links alike */
	NVML_FIELD_NVLINK_COUNT = 91,
	NVML_FIELD_PCIE_REPLAY = 94,
	NVML_FIELD_NVLINK_TX_DATA = 138, /* KiB */
	NVML_FIELD_NVLINK_RX_DATA = 139,
	NVML_FIELD_NVLINK_TX_RAW = 140,
	NVML_FIELD_NVLINK_RX_RAW = 141,
	NVML_FIELD_REMAPPED_CORRECTABLE = 142,
	NVML_FIELD_REMAPPED_UNCORRECTABLE = 143,
	NVML_FIELD_REMAPPED_PENDING = 144,
	NVML_FIELD_REMAPPED_FAILURE = 145,
	NVML_FIELD_NVLINK_ERROR_REPLAY = 161,
	NVML_FIELD_NVLINK_ERROR_RECOVERY = 162,
	NVML_FIELD_NVLINK_ERROR_CRC = 163,
	NVML_FIELD_NVLINK_GET_SPEED = 164,
	NVML_FIELD_NVLINK_GET_STATE = 165,
	NVML_FIELD_NVLINK_GET_VERSION = 166,
	NVML_FIELD_C2C_LINK_COUNT = 170,
	NVML_FIELD_RESETLESS_MIG = 184,
	NVML_FIELD_POWER_AVERAGE = 185, /* mW over a second */
	NVML_FIELD_POWER_INSTANT = 186,
	NVML_FIELD_POWER_MIN_LIMIT = 187,
	NVML_FIELD_POWER_MAX_LIMIT = 188,
	NVML_FIELD_POWER_DEFAULT_LIMIT = 189,
	NVML_FIELD_POWER_CURRENT_LIMIT = 190,
	NVML_FIELD_ENERGY = 191,
	NVML_FIELD_POWER_REQUESTED_LIMIT = 192,
	NVML_FIELD_PCIE_TX_BYTES = 197, /* counters since the driver was loaded */
	NVML_FIELD_PCIE_RX_BYTES = 198,
};

/* nvmlSamplingType_t */
enum {
	NVML_SAMPLES_POWER,
	NVML_SAMPLES_GPU_UTILIZATION,
	NVML_SAMPLES_MEMORY_UTILIZATION,
	NVML_SAMPLES_ENCODER,
	NVML_SAMPLES_DECODER,
	NVML_SAMPLES_SM_CLOCK,
	NVML_SAMPLES_MEMORY_CLOCK,
	NVML_SAMPLES_MODULE_POWER,
	NVML_SAMPLES_JPEG,
	NVML_SAMPLES_OFA,
};

typedef struct {
	uint64_t time; /* us since 1970 */
	nvml_value value;
} nvml_sample;

typedef struct {
	uint64_t reference_time, violation_time;
} nvml_violation_time;

typedef struct {
	uint64_t l1_cache, l2_cache, device_memory, register_file;
} nvml_ecc_counts;

typedef struct {
	uint32_t max, high, partial, low, none;
} nvml_row_remapper_histogram;

typedef struct {
	uint32_t version;
	uint64_t aggregate_parity, aggregate_secded, aggregate_corrected;
	uint64_t volatile_parity, volatile_secded, volatile_corrected;
	uint64_t bucket_l2, bucket_sm, bucket_pcie, bucket_mcu, bucket_other;
	uint32_t threshold_exceeded;
} nvml_sram_ecc;

typedef struct {
	uint8_t cluster[16];
	nvml_return status;
	uint32_t clique;
	uint8_t state; /* 0 not supported, 1 not started, 2 in progress, 3 completed */
} nvml_fabric_info;

typedef struct {
	uint32_t version;
	uint8_t cluster[16];
	nvml_return status;
	uint32_t clique;
	uint8_t state;
	uint32_t health;
} nvml_fabric_info_v2;
static_assert(sizeof(nvml_fabric_info_v2) == 36, "nvmlGpuFabricInfo_v2_t");

typedef struct {
	uint64_t protected_kib, unprotected_kib;
} nvml_cc_memory;

typedef struct {
	nvml_pci_info pci;
	char uuid[80];
} nvml_excluded_device;

typedef struct {
	uint32_t version, scope, mw; /* scope 0: the GPU, 1: module */
} nvml_power_value;

#endif
