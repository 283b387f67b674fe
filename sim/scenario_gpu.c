/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/scenario_gpu.h"

#include <stddef.h>
#include <stdio.h>

#include "base/str.h"

#define NVIDIA 0x10deu

enum unit { PLAIN, MIB, KIB, WATT, TEXT };

/* The keys whose value goes into struct sim_gpu as it stands, times its unit. */
static const struct field {
	const char *key;
	enum unit unit;
	size_t offset, size;
} fields[] = {
#define FIELD(key, unit, member)                                                                   \
	{                                                                                          \
		key, unit, offsetof(struct sim_gpu, member), sizeof(((struct sim_gpu *)0)->member) \
	}
	FIELD("name", TEXT, name),
	FIELD("vbios", TEXT, vbios),
	FIELD("part_number", TEXT, part_number),
	FIELD("sms", PLAIN, sm_count),
	FIELD("cores", PLAIN, core_count),
	FIELD("l2_kib", KIB, l2_bytes),
	FIELD("copy_engines", PLAIN, copy_engines),
	FIELD("encoders", PLAIN, encoders),
	FIELD("decoders", PLAIN, decoders),
	FIELD("jpegs", PLAIN, jpegs),
	FIELD("ofas", PLAIN, ofas),
	FIELD("open_delay_us", PLAIN, open_delay_us),
	FIELD("call_delay_us", PLAIN, call_delay_us),
	FIELD("pcie_tx_kbps", PLAIN, pcie.tx_kbps),
	FIELD("pcie_rx_kbps", PLAIN, pcie.rx_kbps),
	FIELD("nvlink_tx_kbps", PLAIN, traffic.tx_kbps),
	FIELD("nvlink_rx_kbps", PLAIN, traffic.rx_kbps),
	FIELD("memory_mib", MIB, memory.total),
	FIELD("reserved_mib", MIB, memory.reserved),
	FIELD("bar1_mib", MIB, memory.bar1_total),
	FIELD("bus_width", PLAIN, memory.bus_width),
	FIELD("power_w", WATT, power.limit_default),
	FIELD("power_min_w", WATT, power.limit_min),
	FIELD("power_max_w", WATT, power.limit_max),
	FIELD("idle_w", WATT, power.draw),
	FIELD("idle_state", PLAIN, power.state),
	FIELD("idle_graphics_mhz", PLAIN, clocks.now[SIM_CLOCK_GRAPHICS]),
	FIELD("idle_memory_mhz", PLAIN, clocks.now[SIM_CLOCK_MEM]),
	FIELD("idle_video_mhz", PLAIN, clocks.now[SIM_CLOCK_VIDEO]),
	FIELD("graphics_mhz", PLAIN, clocks.max[SIM_CLOCK_GRAPHICS]),
	FIELD("memory_mhz", PLAIN, clocks.max[SIM_CLOCK_MEM]),
	FIELD("video_mhz", PLAIN, clocks.max[SIM_CLOCK_VIDEO]),
	FIELD("application_graphics_mhz", PLAIN, clocks.application[SIM_CLOCK_GRAPHICS]),
	FIELD("temperature", PLAIN, thermal.gpu),
	FIELD("memory_temperature", PLAIN, thermal.memory),
	FIELD("shutdown_c", PLAIN, thermal.shutdown),
	FIELD("slowdown_c", PLAIN, thermal.slowdown),
	FIELD("max_c", PLAIN, thermal.gpu_max),
	FIELD("memory_max_c", PLAIN, thermal.memory_max),
	FIELD("fans", PLAIN, thermal.fan_count),
	FIELD("pcie_gen", PLAIN, pcie.gen_max),
	FIELD("pcie_width", PLAIN, pcie.width_max),
	FIELD("idle_pcie_gen", PLAIN, pcie.gen),
	FIELD("nvlinks", PLAIN, link_count),
	FIELD("clique", PLAIN, clique_id),
#undef FIELD
};

static const char *const other_keys[] = {"count", "brand", "architecture", "compute_capability", "device",
	"subsystem", "class", "addresses", "numa", "cpus", "features", "mig_family", "mig", "mig_mode",
	"nvlink_version", "nvlink_mbps", "nvlink_remote", "drm"};

/* nvmlBrandType_t, nvmlDeviceArchitecture_t (NVML API reference, "Device Enums"). */
static const struct nvb_choice brands[] = {{"quadro", 1}, {"tesla", 2}, {"geforce", 5}, {"titan", 6},
	{"quadro-rtx", 12}, {"nvidia-rtx", 13}, {"nvidia", 14}, {"geforce-rtx", 15}, {NULL}};
static const struct nvb_choice architectures[] = {{"pascal", 4}, {"volta", 5}, {"turing", 6}, {"ampere", 7},
	{"ada", 8}, {"hopper", 9}, {"blackwell", 10}, {NULL}};
static const struct nvb_choice classes[] = {{"vga", 0x030000}, {"3d", 0x030200}, {NULL}};
static const struct nvb_choice remotes[] = {{"gpu", 0}, {"switch", 2}, {NULL}};
static const struct nvb_choice families[] = {{"none", SIM_MIG_NONE}, {"a30-24", SIM_MIG_A30_24},
	{"a100-40", SIM_MIG_A100_40}, {"a100-80", SIM_MIG_A100_80}, {"h100-80", SIM_MIG_H100_80},
	{"h100-96", SIM_MIG_H100_96}, {"h200-141", SIM_MIG_H200_141}, {"b200-180", SIM_MIG_B200_180},
	{"gb200-186", SIM_MIG_GB200_186}, {NULL}};
static const struct nvb_choice features[] = {{"fan", SIM_HAS_FAN}, {"ecc", SIM_HAS_ECC}, {"mig", SIM_HAS_MIG},
	{"nvlink", SIM_HAS_NVLINK}, {"display", SIM_HAS_DISPLAY}, {"power-limit", SIM_HAS_POWER_LIMIT},
	{"energy", SIM_HAS_ENERGY}, {"memory-temperature", SIM_HAS_MEM_TEMP},
	{"locked-clocks", SIM_HAS_LOCKED_CLOCKS}, {"row-remap", SIM_HAS_ROW_REMAP},
	{"instant-power", SIM_HAS_INSTANT_POWER}, {"pcie-counters", SIM_HAS_PCIE_COUNTERS},
	{"fabric", SIM_HAS_FABRIC}, {"confidential-compute", SIM_HAS_CONF_COMPUTE}, {NULL}};

bool sim_parse_pci(const char *address, struct sim_pci *pci)
{
	unsigned domain, bus, device, function;
	int end = 0;

	if (sscanf(address, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) != 4 ||
		address[end] || device > 31 || function > 7)
		return false;
	pci->domain = domain;
	pci->bus = bus;
	pci->device = device;
	pci->function = function;
	return true;
}

bool sim_parse_cpus(const char *list, sim_u64 *set, size_t bits)
{
	while (*list) {
		unsigned first, last;
		int end = 0;

		if (sscanf(list, "%u-%u%n", &first, &last, &end) != 2) {
			if (sscanf(list, "%u%n", &first, &end) != 1)
				return false;
			last = first;
		}
		if (last < first || last >= bits)
			return false;
		for (unsigned cpu = first; cpu <= last; cpu++)
			set[cpu / 64] |= UINT64_C(1) << (cpu % 64);
		list += end;
		if (*list == ',')
			list++;
		else if (*list)
			return false;
	}
	return true;
}

static int read_field(const struct nvb_toml *doc, const struct nvb_toml_value *table,
	const struct field *field, void *gpu, nvb_error **err)
{
	static const int64_t factors[] = {[PLAIN] = 1, [MIB] = 1 << 20, [KIB] = 1 << 10, [WATT] = 1000};
	const struct nvb_toml_value *v = nvb_toml_get(table, field->key);
	char *to = (char *)gpu + field->offset;
	const char *text;
	int64_t number;
	int rc;

	if (!v)
		return 0;
	if (field->unit == TEXT) {
		rc = nvb_toml_string(doc, v, &text, err);
		if (rc < 0)
			return rc;
		if ((size_t)snprintf(to, field->size, "%s", text) >= field->size)
			return nvb_toml_fail(doc, v, err, "at most %zu characters", field->size - 1);
		return 0;
	}
	rc = nvb_toml_int(
		doc, v, 0, field->size == 8 ? INT32_MAX : UINT32_MAX / factors[field->unit], &number, err);
	if (rc < 0)
		return rc;
	number *= factors[field->unit];
	if (field->size == 8)
		*(sim_u64 *)(void *)to = (uint64_t)number;
	else
		*(uint32_t *)(void *)to = (uint32_t)number;
	return 0;
}

static int read_choice(const struct nvb_toml *doc, const struct nvb_toml_value *table, const char *key,
	const struct nvb_choice *choices, uint32_t *out, nvb_error **err)
{
	int value = (int)*out;
	int rc = nvb_toml_get_choice(doc, table, key, choices, &value, err);

	*out = (uint32_t)value;
	return rc;
}

static int read_features(
	const struct nvb_toml *doc, const struct nvb_toml_value *table, struct sim_gpu *gpu, nvb_error **err)
{
	const struct nvb_toml_value *list;
	int rc = nvb_toml_get_array(doc, table, "features", &list, err);

	if (rc < 0)
		return rc;
	nvb_toml_foreach(v, list)
	{
		int feature;

		rc = nvb_toml_choice(doc, v, features, &feature, err);
		if (rc < 0)
			return rc;
		gpu->features |= (uint32_t)feature;
	}
	return 0;
}

static int read_capability(
	const struct nvb_toml *doc, const struct nvb_toml_value *table, struct sim_gpu *gpu, nvb_error **err)
{
	const char *text = "0.0";
	int end = 0;
	int rc = nvb_toml_get_string(doc, table, "compute_capability", &text, err);

	if (rc < 0)
		return rc;
	if (sscanf(text, "%u.%u%n", &gpu->cc_major, &gpu->cc_minor, &end) != 2 || text[end])
		return nvb_toml_fail(doc, nvb_toml_get(table, "compute_capability"), err,
			"a compute capability looks like \"9.0\"");
	return 0;
}

static const struct nvb_toml_value *element(
	const struct nvb_toml_value *table, const char *key, uint32_t index)
{
	nvb_toml_foreach(v, nvb_toml_get(table, key))
	{
		if (index-- == 0)
			return v;
	}
	return NULL;
}

/* The listed address; beyond the list one PCI domain for every eight GPUs more. */
static int read_address(const struct nvb_toml *doc, const struct nvb_toml_value *table, uint32_t index,
	uint32_t nth, struct sim_gpu *gpu, nvb_error **err)
{
	const struct nvb_toml_value *v = element(table, "addresses", nth);
	int64_t device = 0, subsystem = 0;
	const char *address;
	int rc;

	gpu->pci.domain = 0x10 + index / 8;
	gpu->pci.bus = 1 + index % 8 * 0x10;
	if (v) {
		rc = nvb_toml_string(doc, v, &address, err);
		if (rc < 0)
			return rc;
		if (!sim_parse_pci(address, &gpu->pci))
			return nvb_toml_fail(doc, v, err, "a PCI address looks like \"0000:1b:00.0\"");
	}
	rc = nvb_toml_get_int(doc, table, "device", 0, 0xffff, &device, err);
	if (rc == 0)
		rc = nvb_toml_get_int(doc, table, "subsystem", 0, 0xffffffff, &subsystem, err);
	gpu->pci.device_id = (uint32_t)device << 16 | NVIDIA;
	gpu->pci.subsystem_id = (uint32_t)subsystem;
	return rc;
}

/* NUMA nodes and their CPUs: `numa` has a node for each GPU (the last one repeats), `cpus` a list per node.
 */
static int read_locality(const struct nvb_toml *doc, const struct nvb_toml_value *table, uint32_t nth,
	struct sim_gpu *gpu, nvb_error **err)
{
	const struct nvb_toml_value *nodes = nvb_toml_get(table, "numa");
	const struct nvb_toml_value *v = element(table, "numa", nth), *cpus;
	const char *list;
	int64_t node = -1;
	int rc = 0;

	if (!v && nodes && nodes->type == NVB_TOML_ARRAY)
		v = nodes->items.last;
	if (v)
		rc = nvb_toml_int(doc, v, -1, 1023, &node, err);
	if (rc < 0)
		return rc;
	gpu->numa_node = (int32_t)node;
	cpus = element(table, "cpus", node < 0 ? 0 : (uint32_t)node);
	if (!cpus)
		return 0;
	rc = nvb_toml_string(doc, cpus, &list, err);
	if (rc == 0 && !sim_parse_cpus(list, gpu->cpu_set, sizeof(gpu->cpu_set) * 8))
		return nvb_toml_fail(doc, cpus, err,
			"a list of CPUs looks like \"0-55,112-167\", numbers below %zu",
			sizeof(gpu->cpu_set) * 8);
	return rc;
}

static int read_links(
	const struct nvb_toml *doc, const struct nvb_toml_value *table, struct sim_gpu *gpu, nvb_error **err)
{
	int64_t version = 0, speed = 0;
	uint32_t remote = 2;
	int rc = nvb_toml_get_int(doc, table, "nvlink_version", 0, 7, &version, err);

	if (rc == 0)
		rc = nvb_toml_get_int(doc, table, "nvlink_mbps", 0, 1000000, &speed, err);
	if (rc == 0)
		rc = read_choice(doc, table, "nvlink_remote", remotes, &remote, err);
	if (rc == 0 && gpu->link_count > SIM_LINK_MAX)
		return nvb_toml_fail(
			doc, nvb_toml_get(table, "nvlinks"), err, "at most %d links", SIM_LINK_MAX);
	for (uint32_t i = 0; rc == 0 && i < gpu->link_count; i++)
		gpu->link[i] = (struct sim_link){.active = 1,
			.version = (uint32_t)version,
			.remote_type = remote,
			.speed_mbps = (uint32_t)speed};
	return rc;
}

/* SplitMix64 (Steele, Lea, Flood 2014): numbers that look like chance and come again with the same seed. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void identify(struct sim_gpu *gpu, uint32_t index, uint64_t seed)
{
	uint64_t state = seed ^ ((uint64_t)(index + 1) << 40);
	uint64_t a = next_random(&state), b = next_random(&state);

	snprintf(gpu->uuid, sizeof(gpu->uuid), "GPU-%08x-%04x-%04x-%04x-%012llx", (uint32_t)(a >> 32),
		(uint32_t)(a >> 16) & 0xffff, (uint32_t)a & 0xffff, (uint32_t)(b >> 48),
		(unsigned long long)(b & UINT64_C(0xffffffffffff)));
	snprintf(gpu->serial, sizeof(gpu->serial), "%013llu",
		(unsigned long long)(next_random(&state) % UINT64_C(2000000000000)));
}

/* What follows from the rest: a card that idles. */
static void derive(const struct sim_scenario *scenario, struct sim_gpu *gpu)
{
	gpu->power.limit = gpu->power.limit_default;
	gpu->power.energy_at = sim_now();
	gpu->clocks.max[SIM_CLOCK_SM] = gpu->clocks.max[SIM_CLOCK_GRAPHICS];
	gpu->clocks.now[SIM_CLOCK_SM] = gpu->clocks.now[SIM_CLOCK_GRAPHICS];
	if (gpu->clocks.application[SIM_CLOCK_GRAPHICS]) {
		gpu->clocks.application[SIM_CLOCK_SM] = gpu->clocks.application[SIM_CLOCK_GRAPHICS];
		gpu->clocks.application[SIM_CLOCK_MEM] = gpu->clocks.max[SIM_CLOCK_MEM];
		memcpy(gpu->clocks.application_default, gpu->clocks.application,
			sizeof(gpu->clocks.application_default));
	}
	gpu->clocks.throttle_reasons = 1; /* nvmlClocksEventReasonGpuIdle */
	gpu->pcie.gen_max_device = gpu->pcie.gen_max;
	gpu->pcie.width = gpu->pcie.width_max;
	gpu->pcie.counted_at = gpu->traffic.counted_at = gpu->power.energy_at;
	gpu->ecc.mode = gpu->ecc.pending = !!(gpu->features & SIM_HAS_ECC);
	gpu->display_connected = gpu->display_active = !!(gpu->features & SIM_HAS_DISPLAY);
	gpu->persistence = scenario->persistence;
	gpu->memory.bar1_used = 2 << 20;
	gpu->fabric_state = gpu->features & SIM_HAS_FABRIC ? 3 : 0; /* NVML_GPU_FABRIC_STATE_COMPLETED */
	/* GSP firmware came with Turing; since 510 it runs by default from there on. */
	if (gpu->architecture >= 6 && scenario->module <= SIM_MODULE_PROPRIETARY && !scenario->wsl &&
		scenario->module_version && sim_branch(scenario->module_version) >= 510)
		snprintf(gpu->gsp_version, sizeof(gpu->gsp_version), "%s", scenario->module_version);
}

static int check_keys(const struct nvb_toml *doc, const struct nvb_toml_value *table, nvb_error **err)
{
	const char *known[NVB_ELEMENTS(fields) + NVB_ELEMENTS(other_keys)];
	size_t n = 0;

	for (size_t i = 0; i < NVB_ELEMENTS(fields); i++)
		known[n++] = fields[i].key;
	for (size_t i = 0; i < NVB_ELEMENTS(other_keys); i++)
		known[n++] = other_keys[i];
	return nvb_toml_check_keys(doc, table, "[[gpu]]", known, n, err);
}

int sim_scenario_gpu(struct sim_scenario *scenario, const struct nvb_toml_value *table, uint32_t index,
	uint32_t nth, uint64_t seed, nvb_error **err)
{
	const struct nvb_toml *doc = &scenario->document;
	struct sim_gpu *gpu = &scenario->gpu[index];
	struct sim_gpu_host *host = &scenario->host[index];
	bool mig_mode = false;
	int rc = check_keys(doc, table, err);

	host->class = 0x030000;
	host->drm = scenario->dri;
	gpu->minor = index;
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(fields); i++)
		rc = read_field(doc, table, &fields[i], gpu, err);
	if (rc == 0)
		rc = read_choice(doc, table, "brand", brands, &gpu->brand, err);
	if (rc == 0)
		rc = read_choice(doc, table, "architecture", architectures, &gpu->architecture, err);
	if (rc == 0)
		rc = read_choice(doc, table, "class", classes, &host->class, err);
	if (rc == 0)
		rc = read_choice(doc, table, "mig_family", families, &gpu->mig.family, err);
	if (rc == 0)
		rc = nvb_toml_get_bool(doc, table, "mig_mode", &mig_mode, err);
	if (rc == 0)
		rc = nvb_toml_get_bool(doc, table, "drm", &host->drm, err);
	if (rc == 0)
		rc = read_features(doc, table, gpu, err);
	if (rc == 0)
		rc = read_capability(doc, table, gpu, err);
	if (rc == 0)
		rc = read_address(doc, table, index, nth, gpu, err);
	if (rc == 0)
		rc = read_locality(doc, table, nth, gpu, err);
	if (rc == 0)
		rc = read_links(doc, table, gpu, err);
	if (rc < 0)
		return rc;
	gpu->mig.mode = gpu->mig.pending = mig_mode;
	identify(gpu, index, seed);
	derive(scenario, gpu);
	return 0;
}
