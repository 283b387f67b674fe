/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter/family.h"

#include "base/mem.h"

/* The names are what dashboards and alerts are written against: they stay. A name ends in its unit, as
 * OpenMetrics wants it. */
#define GAUGE(metric, name, unit)                                                     \
	{                                                                             \
		NVB_METRIC_##metric, "nvbind_gpu_" name, NULL, unit, NVB_FAMILY_GAUGE \
	}
#define COUNTER(metric, name, unit)                                                     \
	{                                                                               \
		NVB_METRIC_##metric, "nvbind_gpu_" name, NULL, unit, NVB_FAMILY_COUNTER \
	}
#define MIG_TOO(metric, name, unit)                                                                 \
	{                                                                                           \
		NVB_METRIC_##metric, "nvbind_gpu_" name, "nvbind_mig_" name, unit, NVB_FAMILY_GAUGE \
	}

const struct nvb_metric_family nvb_metric_families[] = {
	GAUGE(UTILIZATION, "utilization_ratio", "ratio"),
	GAUGE(MEMORY_UTILIZATION, "memory_utilization_ratio", "ratio"),
	GAUGE(ENCODER_UTILIZATION, "encoder_utilization_ratio", "ratio"),
	GAUGE(DECODER_UTILIZATION, "decoder_utilization_ratio", "ratio"),
	MIG_TOO(MEMORY_TOTAL, "memory_total_bytes", "bytes"),
	MIG_TOO(MEMORY_USED, "memory_used_bytes", "bytes"),
	MIG_TOO(MEMORY_FREE, "memory_free_bytes", "bytes"),
	MIG_TOO(MEMORY_RESERVED, "memory_reserved_bytes", "bytes"),
	GAUGE(POWER, "power_watts", "watts"),
	GAUGE(POWER_LIMIT, "power_limit_watts", "watts"),
	COUNTER(ENERGY, "energy_joules", "joules"),
	GAUGE(TEMPERATURE, "temperature_celsius", "celsius"),
	GAUGE(MEMORY_TEMPERATURE, "memory_temperature_celsius", "celsius"),
	GAUGE(FAN_SPEED, "fan_speed_ratio", "ratio"),
	GAUGE(GRAPHICS_CLOCK, "graphics_clock_hertz", "hertz"),
	GAUGE(SM_CLOCK, "sm_clock_hertz", "hertz"),
	GAUGE(MEMORY_CLOCK, "memory_clock_hertz", "hertz"),
	GAUGE(VIDEO_CLOCK, "video_clock_hertz", "hertz"),
	GAUGE(PERFORMANCE_STATE, "performance_state", NULL),
	COUNTER(PCIE_TX_BYTES, "pcie_tx_bytes", "bytes"),
	COUNTER(PCIE_RX_BYTES, "pcie_rx_bytes", "bytes"),
	GAUGE(PCIE_GENERATION, "pcie_link_generation", NULL),
	GAUGE(PCIE_WIDTH, "pcie_link_width_lanes", "lanes"),
	COUNTER(PCIE_REPLAYS, "pcie_replays", NULL),
	COUNTER(NVLINK_TX_BYTES, "nvlink_tx_bytes", "bytes"),
	COUNTER(NVLINK_RX_BYTES, "nvlink_rx_bytes", "bytes"),
	GAUGE(NVLINK_ACTIVE, "nvlink_active_links", "links"),
	COUNTER(ECC_CORRECTED, "ecc_corrected_errors", NULL),
	COUNTER(ECC_UNCORRECTED, "ecc_uncorrected_errors", NULL),
	GAUGE(ROW_REMAP_PENDING, "row_remap_pending", NULL),
	GAUGE(ROW_REMAP_FAILED, "row_remap_failed", NULL),
	COUNTER(XID_ERRORS, "xid_errors", NULL),
	GAUGE(LAST_XID, "last_xid", NULL),
};
const size_t nvb_metric_family_count = NVB_ELEMENTS(nvb_metric_families);
