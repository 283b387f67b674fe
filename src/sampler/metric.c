/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "nvbind/sampler.h"

/* What there is to measure, and the words for it: tables, and nothing else. */

/* Name, what it is, unit, whether it is a counter, whether MIG devices have it. */
static const struct nvb_metric_info metrics[NVB_METRIC_COUNT] = {
	[NVB_METRIC_UTILIZATION] = {"utilization", "share of the time in which a kernel ran", NVB_UNIT_RATIO,
		0, 0},
	[NVB_METRIC_MEMORY_UTILIZATION] = {"memory_utilization",
		"share of the time in which memory was read or written", NVB_UNIT_RATIO, 0, 0},
	[NVB_METRIC_ENCODER_UTILIZATION] = {"encoder_utilization",
		"share of the time in which video was encoded", NVB_UNIT_RATIO, 0, 0},
	[NVB_METRIC_DECODER_UTILIZATION] = {"decoder_utilization",
		"share of the time in which video was decoded", NVB_UNIT_RATIO, 0, 0},
	[NVB_METRIC_MEMORY_TOTAL] = {"memory_total", "memory of the device", NVB_UNIT_BYTES, 0, 1},
	[NVB_METRIC_MEMORY_USED] = {"memory_used", "memory that processes have", NVB_UNIT_BYTES, 0, 1},
	[NVB_METRIC_MEMORY_FREE] = {"memory_free", "memory that can be had", NVB_UNIT_BYTES, 0, 1},
	[NVB_METRIC_MEMORY_RESERVED] = {"memory_reserved", "memory that the driver keeps for itself",
		NVB_UNIT_BYTES, 0, 1},
	[NVB_METRIC_POWER] = {"power", "power drawn now", NVB_UNIT_WATTS, 0, 0},
	[NVB_METRIC_POWER_LIMIT] = {"power_limit", "limit on power that is in force", NVB_UNIT_WATTS, 0, 0},
	[NVB_METRIC_ENERGY] = {"energy", "energy used since the driver was loaded", NVB_UNIT_JOULES, 1, 0},
	[NVB_METRIC_TEMPERATURE] = {"temperature", "temperature of the chip", NVB_UNIT_CELSIUS, 0, 0},
	[NVB_METRIC_MEMORY_TEMPERATURE] = {"memory_temperature", "temperature of the memory",
		NVB_UNIT_CELSIUS, 0, 0},
	[NVB_METRIC_FAN_SPEED] = {"fan_speed", "speed of the first fan, share of its maximum", NVB_UNIT_RATIO,
		0, 0},
	[NVB_METRIC_GRAPHICS_CLOCK] = {"graphics_clock", "graphics clock", NVB_UNIT_HERTZ, 0, 0},
	[NVB_METRIC_SM_CLOCK] = {"sm_clock", "clock of the multiprocessors", NVB_UNIT_HERTZ, 0, 0},
	[NVB_METRIC_MEMORY_CLOCK] = {"memory_clock", "memory clock", NVB_UNIT_HERTZ, 0, 0},
	[NVB_METRIC_VIDEO_CLOCK] = {"video_clock", "clock of video engines", NVB_UNIT_HERTZ, 0, 0},
	[NVB_METRIC_PERFORMANCE_STATE] = {"performance_state", "performance state, 0 the fastest",
		NVB_UNIT_NONE, 0, 0},
	[NVB_METRIC_THROTTLE_REASONS] = {"throttle_reasons", "why clocks are not higher, bits", NVB_UNIT_NONE,
		0, 0},
	[NVB_METRIC_PCIE_TX_BYTES] = {"pcie_tx_bytes", "bytes sent over PCIe since the driver was loaded",
		NVB_UNIT_BYTES, 1, 0},
	[NVB_METRIC_PCIE_RX_BYTES] = {"pcie_rx_bytes", "bytes received over PCIe since the driver was loaded",
		NVB_UNIT_BYTES, 1, 0},
	[NVB_METRIC_PCIE_TX_RATE] = {"pcie_tx_rate", "bytes per second sent over PCIe",
		NVB_UNIT_BYTES_PER_SECOND, 0, 0},
	[NVB_METRIC_PCIE_RX_RATE] = {"pcie_rx_rate", "bytes per second received over PCIe",
		NVB_UNIT_BYTES_PER_SECOND, 0, 0},
	[NVB_METRIC_PCIE_GENERATION] = {"pcie_generation", "generation of the PCIe link now", NVB_UNIT_NONE,
		0, 0},
	[NVB_METRIC_PCIE_WIDTH] = {"pcie_width", "lanes of the PCIe link now", NVB_UNIT_NONE, 0, 0},
	[NVB_METRIC_PCIE_REPLAYS] = {"pcie_replays", "PCIe packets sent again", NVB_UNIT_NONE, 1, 0},
	[NVB_METRIC_NVLINK_TX_BYTES] = {"nvlink_tx_bytes", "bytes sent over all NVLinks", NVB_UNIT_BYTES, 1,
		0},
	[NVB_METRIC_NVLINK_RX_BYTES] = {"nvlink_rx_bytes", "bytes received over all NVLinks", NVB_UNIT_BYTES,
		1, 0},
	[NVB_METRIC_NVLINK_TX_RATE] = {"nvlink_tx_rate", "bytes per second sent over all NVLinks",
		NVB_UNIT_BYTES_PER_SECOND, 0, 0},
	[NVB_METRIC_NVLINK_RX_RATE] = {"nvlink_rx_rate", "bytes per second received over all NVLinks",
		NVB_UNIT_BYTES_PER_SECOND, 0, 0},
	[NVB_METRIC_NVLINK_ACTIVE] = {"nvlink_active", "NVLinks that are up", NVB_UNIT_NONE, 0, 0},
	[NVB_METRIC_ECC_CORRECTED] = {"ecc_corrected", "memory errors corrected since the driver was loaded",
		NVB_UNIT_NONE, 1, 0},
	[NVB_METRIC_ECC_UNCORRECTED] = {"ecc_uncorrected",
		"memory errors not corrected since the driver was loaded", NVB_UNIT_NONE, 1, 0},
	[NVB_METRIC_ROW_REMAP_PENDING] = {"row_remap_pending",
		"1: a row of memory is replaced at the next reset", NVB_UNIT_NONE, 0, 0},
	[NVB_METRIC_ROW_REMAP_FAILED] = {"row_remap_failed", "1: no spare row was left for a bad one",
		NVB_UNIT_NONE, 0, 0},
	[NVB_METRIC_XID_ERRORS] = {"xid_errors", "errors that the driver reported since measuring began",
		NVB_UNIT_NONE, 1, 0},
	[NVB_METRIC_LAST_XID] = {"last_xid", "number of the last error that the driver reported",
		NVB_UNIT_NONE, 0, 0},
};

static const char *const units[] = {
	[NVB_UNIT_NONE] = "",
	[NVB_UNIT_RATIO] = "ratio",
	[NVB_UNIT_BYTES] = "bytes",
	[NVB_UNIT_BYTES_PER_SECOND] = "bytes_per_second",
	[NVB_UNIT_WATTS] = "watts",
	[NVB_UNIT_JOULES] = "joules",
	[NVB_UNIT_CELSIUS] = "celsius",
	[NVB_UNIT_HERTZ] = "hertz",
};

static const char *const states[] = {
	[NVB_SAMPLE_FINE] = "fine",
	[NVB_SAMPLE_WAITING] = "waiting",
	[NVB_SAMPLE_SLOW] = "slow",
	[NVB_SAMPLE_ERROR] = "error",
	[NVB_SAMPLE_LOST] = "lost",
	[NVB_SAMPLE_GONE] = "gone",
};

static const char *const owners[] = {
	[NVB_OWNER_HOST] = "host",
	[NVB_OWNER_CAPSULE] = "capsule",
	[NVB_OWNER_DOCKER] = "docker",
	[NVB_OWNER_PODMAN] = "podman",
	[NVB_OWNER_CONTAINERD] = "containerd",
	[NVB_OWNER_CRIO] = "crio",
	[NVB_OWNER_POD] = "pod",
	[NVB_OWNER_SLURM] = "slurm",
	[NVB_OWNER_CONTAINER] = "container",
	[NVB_OWNER_UNKNOWN] = "unknown",
};

/* nvmlClocksEventReasons: bit n is 1 << n. */
static const char *const throttle_reasons[] = {
	"idle",
	"application clocks",
	"power cap",
	"hardware slowdown",
	"sync boost",
	"thermal (software)",
	"thermal (hardware)",
	"power brake",
	"display clocks",
};

const struct nvb_metric_info *nvb_metric_info(enum nvb_metric metric)
{
	return (unsigned)metric < NVB_METRIC_COUNT ? &metrics[metric] : NULL;
}

/* The word of a number that may come from a later release. */
static const char *word(const char *const *words, size_t count, unsigned n)
{
	return n < count ? words[n] : "unknown";
}

const char *nvb_unit_name(enum nvb_unit unit)
{
	return (unsigned)unit < NVB_ELEMENTS(units) ? units[unit] : "";
}

const char *nvb_sample_state_name(enum nvb_sample_state state)
{
	return word(states, NVB_ELEMENTS(states), state);
}

const char *nvb_owner_name(enum nvb_owner owner)
{
	return word(owners, NVB_ELEMENTS(owners), owner);
}

const char *nvb_throttle_reason_name(unsigned bit)
{
	return bit < NVB_ELEMENTS(throttle_reasons) ? throttle_reasons[bit] : NULL;
}
