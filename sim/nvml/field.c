/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/nvml/library.h"

/*
 * nvmlDeviceGetFieldValues: a table of field, what the card must be able to do, the type it answers in, and
 * how the number is had. A field that is not here, or that the card has not, answers NOT_SUPPORTED for
 * itself; the call succeeds.
 */
typedef uint64_t (*field_fn)(const struct sim_gpu *gpu, uint32_t scope, uint64_t now);

struct field {
	uint32_t id, need, type;
	field_fn value;
};

#define MEMBER(name, member)                                                          \
	static uint64_t name(const struct sim_gpu *gpu, uint32_t scope, uint64_t now) \
	{                                                                             \
		(void)scope, (void)now;                                               \
		return gpu->member;                                                   \
	}

MEMBER(ecc_mode, ecc.mode)
MEMBER(ecc_pending, ecc.pending)
MEMBER(ecc_sbe_volatile, ecc.corrected[0])
MEMBER(ecc_sbe_aggregate, ecc.corrected[1])
MEMBER(ecc_dbe_volatile, ecc.uncorrected[0])
MEMBER(ecc_dbe_aggregate, ecc.uncorrected[1])
MEMBER(retired_pending, ecc.retired_pages_pending)
MEMBER(remapped_corrected, ecc.remapped_corrected)
MEMBER(remapped_uncorrected, ecc.remapped_uncorrected)
MEMBER(remap_pending, ecc.remap_pending)
MEMBER(remap_failed, ecc.remap_failed)
MEMBER(memory_temperature, thermal.memory)
MEMBER(draw, power.draw)
MEMBER(limit, power.limit)
MEMBER(limit_min, power.limit_min)
MEMBER(limit_max, power.limit_max)
MEMBER(limit_default, power.limit_default)
MEMBER(link_count, link_count)
MEMBER(replays, pcie.replay_counter)

static uint64_t energy(const struct sim_gpu *gpu, uint32_t scope, uint64_t now)
{
	(void)scope;
	return sim_energy(&gpu->power, now);
}

#define COUNTED(name, from, bytes, kbps)                                                        \
	static uint64_t name(const struct sim_gpu *gpu, uint32_t scope, uint64_t now)           \
	{                                                                                       \
		(void)scope;                                                                    \
		return sim_counted(gpu->from.bytes, gpu->from.counted_at, gpu->from.kbps, now); \
	}

COUNTED(pcie_tx, pcie, tx_bytes, tx_kbps)
COUNTED(pcie_rx, pcie, rx_bytes, rx_kbps)
COUNTED(links_tx, traffic, tx_bytes, tx_kbps)
COUNTED(links_rx, traffic, rx_bytes, rx_kbps)

#define ALL_LINKS UINT32_MAX

/* In KiB, of one link or of all; links share evenly. */
static uint64_t link_tx(const struct sim_gpu *gpu, uint32_t scope, uint64_t now)
{
	return links_tx(gpu, scope, now) / 1024 / (scope == ALL_LINKS ? 1 : gpu->link_count);
}

static uint64_t link_rx(const struct sim_gpu *gpu, uint32_t scope, uint64_t now)
{
	return links_rx(gpu, scope, now) / 1024 / (scope == ALL_LINKS ? 1 : gpu->link_count);
}

/* Fields of one link: `scope` is its number. */
#define LINK_MEMBER(name, member)                                                     \
	static uint64_t name(const struct sim_gpu *gpu, uint32_t scope, uint64_t now) \
	{                                                                             \
		(void)now;                                                            \
		return gpu->link[scope].member;                                       \
	}

LINK_MEMBER(link_speed, speed_mbps)
LINK_MEMBER(link_state, active)
LINK_MEMBER(link_version, version)
LINK_MEMBER(link_replay, errors[0])
LINK_MEMBER(link_recovery, errors[1])
LINK_MEMBER(link_crc, errors[2])

#define OF_LINK	 UINT32_C(0x80000000) /* beside the features: scope must be a link */
#define OF_LINKS UINT32_C(0x40000000) /* a link, or all of them */

static const struct field fields[] = {
	{NVML_FIELD_ECC_CURRENT, SIM_HAS_ECC, NVML_VALUE_UINT, ecc_mode},
	{NVML_FIELD_ECC_PENDING, SIM_HAS_ECC, NVML_VALUE_UINT, ecc_pending},
	{NVML_FIELD_ECC_SBE_VOLATILE, SIM_HAS_ECC, NVML_VALUE_ULLONG, ecc_sbe_volatile},
	{NVML_FIELD_ECC_DBE_VOLATILE, SIM_HAS_ECC, NVML_VALUE_ULLONG, ecc_dbe_volatile},
	{NVML_FIELD_ECC_SBE_AGGREGATE, SIM_HAS_ECC, NVML_VALUE_ULLONG, ecc_sbe_aggregate},
	{NVML_FIELD_ECC_DBE_AGGREGATE, SIM_HAS_ECC, NVML_VALUE_ULLONG, ecc_dbe_aggregate},
	{NVML_FIELD_RETIRED_PENDING, SIM_HAS_ECC, NVML_VALUE_UINT, retired_pending},
	{NVML_FIELD_MEMORY_TEMPERATURE, SIM_HAS_MEM_TEMP, NVML_VALUE_UINT, memory_temperature},
	{NVML_FIELD_TOTAL_ENERGY, SIM_HAS_ENERGY, NVML_VALUE_ULLONG, energy},
	{NVML_FIELD_NVLINK_COUNT, SIM_HAS_NVLINK, NVML_VALUE_UINT, link_count},
	{NVML_FIELD_NVLINK_TX_DATA, SIM_HAS_NVLINK | OF_LINKS, NVML_VALUE_ULLONG, link_tx},
	{NVML_FIELD_NVLINK_RX_DATA, SIM_HAS_NVLINK | OF_LINKS, NVML_VALUE_ULLONG, link_rx},
	{NVML_FIELD_NVLINK_TX_RAW, SIM_HAS_NVLINK | OF_LINKS, NVML_VALUE_ULLONG, link_tx},
	{NVML_FIELD_NVLINK_RX_RAW, SIM_HAS_NVLINK | OF_LINKS, NVML_VALUE_ULLONG, link_rx},
	{NVML_FIELD_NVLINK_SPEED, SIM_HAS_NVLINK | OF_LINK, NVML_VALUE_UINT, link_speed},
	{NVML_FIELD_PCIE_REPLAY, 0, NVML_VALUE_UINT, replays},
	{NVML_FIELD_REMAPPED_CORRECTABLE, SIM_HAS_ROW_REMAP, NVML_VALUE_UINT, remapped_corrected},
	{NVML_FIELD_REMAPPED_UNCORRECTABLE, SIM_HAS_ROW_REMAP, NVML_VALUE_UINT, remapped_uncorrected},
	{NVML_FIELD_REMAPPED_PENDING, SIM_HAS_ROW_REMAP, NVML_VALUE_UINT, remap_pending},
	{NVML_FIELD_REMAPPED_FAILURE, SIM_HAS_ROW_REMAP, NVML_VALUE_UINT, remap_failed},
	{NVML_FIELD_NVLINK_ERROR_REPLAY, SIM_HAS_NVLINK | OF_LINK, NVML_VALUE_ULLONG, link_replay},
	{NVML_FIELD_NVLINK_ERROR_RECOVERY, SIM_HAS_NVLINK | OF_LINK, NVML_VALUE_ULLONG, link_recovery},
	{NVML_FIELD_NVLINK_ERROR_CRC, SIM_HAS_NVLINK | OF_LINK, NVML_VALUE_ULLONG, link_crc},
	{NVML_FIELD_NVLINK_GET_SPEED, SIM_HAS_NVLINK | OF_LINK, NVML_VALUE_UINT, link_speed},
	{NVML_FIELD_NVLINK_GET_STATE, SIM_HAS_NVLINK | OF_LINK, NVML_VALUE_UINT, link_state},
	{NVML_FIELD_NVLINK_GET_VERSION, SIM_HAS_NVLINK | OF_LINK, NVML_VALUE_UINT, link_version},
	{NVML_FIELD_POWER_AVERAGE, 0, NVML_VALUE_UINT, draw},
	{NVML_FIELD_POWER_INSTANT, SIM_HAS_INSTANT_POWER, NVML_VALUE_UINT, draw},
	{NVML_FIELD_POWER_MIN_LIMIT, SIM_HAS_POWER_LIMIT, NVML_VALUE_UINT, limit_min},
	{NVML_FIELD_POWER_MAX_LIMIT, SIM_HAS_POWER_LIMIT, NVML_VALUE_UINT, limit_max},
	{NVML_FIELD_POWER_DEFAULT_LIMIT, SIM_HAS_POWER_LIMIT, NVML_VALUE_UINT, limit_default},
	{NVML_FIELD_POWER_CURRENT_LIMIT, SIM_HAS_POWER_LIMIT, NVML_VALUE_UINT, limit},
	{NVML_FIELD_POWER_REQUESTED_LIMIT, SIM_HAS_POWER_LIMIT, NVML_VALUE_UINT, limit},
	{NVML_FIELD_ENERGY, SIM_HAS_ENERGY, NVML_VALUE_ULLONG, energy},
	{NVML_FIELD_PCIE_TX_BYTES, SIM_HAS_PCIE_COUNTERS, NVML_VALUE_ULLONG, pcie_tx},
	{NVML_FIELD_PCIE_RX_BYTES, SIM_HAS_PCIE_COUNTERS, NVML_VALUE_ULLONG, pcie_rx},
};

static const struct field *find_field(uint32_t id)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].id == id)
			return &fields[i];
	return NULL;
}

static void read_field(const struct sim_gpu *gpu, uint64_t now, nvml_field_value *value)
{
	const struct field *field = find_field(value->field);
	uint32_t need = field ? field->need & ~(OF_LINK | OF_LINKS) : 0;
	bool any = field && field->need & OF_LINKS && value->scope == ALL_LINKS;

	value->time = (int64_t)(now / 1000);
	value->latency = 0;
	value->value = (nvml_value){.ull = 0};
	value->type = field ? field->type : NVML_VALUE_UINT;
	value->result = NVML_OK;
	if (!field || (gpu->features & need) != need)
		value->result = NVML_NOT_SUPPORTED;
	else if (field->need & (OF_LINK | OF_LINKS) && !any && value->scope >= gpu->link_count)
		value->result = value->scope < SIM_LINK_MAX ? NVML_NOT_SUPPORTED : NVML_INVALID_ARGUMENT;
	else if (field->type == NVML_VALUE_UINT)
		value->value.ui = (uint32_t)field->value(gpu, value->scope, now);
	else
		value->value.ull = field->value(gpu, value->scope, now);
}

API(nvmlDeviceGetFieldValues, nvml_device device, int count, nvml_field_value *values)
{
	ENTER(device, FOR_GPU, values && count > 0);
	if (gpu.link_count > SIM_LINK_MAX)
		gpu.link_count = SIM_LINK_MAX;
	uint64_t now = sim_now();
	for (int i = 0; i < count; i++)
		read_field(&gpu, now, &values[i]);
	return NVML_OK;
}

/* The counters that can be cleared are not among those kept here. */
API(nvmlDeviceClearFieldValues, nvml_device device, int count, nvml_field_value *values)
{
	ENTER(device, FOR_GPU, values && count > 0);
	for (int i = 0; i < count; i++)
		values[i].result = NVML_NOT_SUPPORTED;
	return NVML_OK;
}
