/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <string.h>

#include "sim/smi/smi.h"

/* What can be asked about a GPU. Names, units and spellings are nvidia-smi's (--help-query-gpu of 550). */

#define GETTER(name) \
	static void name(const struct smi *smi, const struct gpu *gpu, uint32_t argument, struct value *value)

__attribute__((format(printf, 2, 3))) static void put(struct value *value, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(value->text, sizeof(value->text), format, arguments);
	va_end(arguments);
}

/* Functions of one number, chosen by the field's argument. */
enum number {
	MINOR,
	INDEX,
	DISPLAY_MODE,
	DISPLAY_ACTIVE,
	PERSISTENCE,
	PERF_STATE,
	FAN,
	POWER,
	POWER_LIMIT,
	POWER_ENFORCED,
	POWER_DEFAULT,
	GEN,
	WIDTH,
	GEN_MAX,
	WIDTH_MAX,
	NUMBER_COUNT
};

static nvml_return number_of(const struct smi *smi, nvml_device device, uint32_t which, uint32_t *out)
{
	const struct nvml *nvml = &smi->nvml;
	nvml_return (*const functions[NUMBER_COUNT])(nvml_device, uint32_t *) = {
		[MINOR] = nvml->nvmlDeviceGetMinorNumber,
		[INDEX] = nvml->nvmlDeviceGetIndex,
		[DISPLAY_MODE] = nvml->nvmlDeviceGetDisplayMode,
		[DISPLAY_ACTIVE] = nvml->nvmlDeviceGetDisplayActive,
		[PERSISTENCE] = nvml->nvmlDeviceGetPersistenceMode,
		[PERF_STATE] = nvml->nvmlDeviceGetPerformanceState,
		[FAN] = nvml->nvmlDeviceGetFanSpeed,
		[POWER] = nvml->nvmlDeviceGetPowerUsage,
		[POWER_LIMIT] = nvml->nvmlDeviceGetPowerManagementLimit,
		[POWER_ENFORCED] = nvml->nvmlDeviceGetEnforcedPowerLimit,
		[POWER_DEFAULT] = nvml->nvmlDeviceGetPowerManagementDefaultLimit,
		[GEN] = nvml->nvmlDeviceGetCurrPcieLinkGeneration,
		[WIDTH] = nvml->nvmlDeviceGetCurrPcieLinkWidth,
		[GEN_MAX] = nvml->nvmlDeviceGetMaxPcieLinkGeneration,
		[WIDTH_MAX] = nvml->nvmlDeviceGetMaxPcieLinkWidth,
	};

	return functions[which] ? functions[which](device, out) : NVML_FUNCTION_NOT_FOUND;
}

GETTER(get_number)
{
	uint32_t number = 0;

	value->result = number_of(smi, gpu->device, argument, &number);
	put(value, "%u", number);
}

GETTER(get_switch)
{
	uint32_t on = 0;

	value->result = number_of(smi, gpu->device, argument, &on);
	put(value, "%s", on ? "Enabled" : "Disabled");
}

GETTER(get_milliwatts)
{
	uint32_t mw = 0;

	value->result = number_of(smi, gpu->device, argument, &mw);
	put(value, "%u.%02u", mw / 1000, mw % 1000 / 10);
}

GETTER(get_pstate)
{
	uint32_t state = 0;

	value->result = number_of(smi, gpu->device, argument, &state);
	put(value, "P%u", state);
}

enum text { NAME, UUID, SERIAL, VBIOS, PART, GSP, DRIVER };

GETTER(get_text)
{
	const struct nvml *nvml = &smi->nvml;
	uint32_t size = NVML_NAME_SIZE;

	switch (argument) {
	case NAME:
		value->result = NVML(nvml, nvmlDeviceGetName, gpu->device, value->text, size);
		break;
	case UUID:
		value->result = NVML(nvml, nvmlDeviceGetUUID, gpu->device, value->text, size);
		break;
	case SERIAL:
		value->result = NVML(nvml, nvmlDeviceGetSerial, gpu->device, value->text, size);
		break;
	case VBIOS:
		value->result = NVML(nvml, nvmlDeviceGetVbiosVersion, gpu->device, value->text, size);
		break;
	case PART:
		value->result = NVML(nvml, nvmlDeviceGetBoardPartNumber, gpu->device, value->text, size);
		break;
	case GSP:
		value->result = NVML(nvml, nvmlDeviceGetGspFirmwareVersion, gpu->device, value->text);
		break;
	default:
		value->result = NVML(nvml, nvmlSystemGetDriverVersion, value->text, size);
	}
}

GETTER(get_count)
{
	(void)gpu, (void)argument;
	value->result = NVML_OK;
	put(value, "%u", smi->attached);
}

enum pci { BUS_ID, DOMAIN, BUS, DEVICE, DEVICE_ID, SUBSYSTEM };

GETTER(get_pci)
{
	nvml_pci_info pci = {0};

	value->result = NVML(&smi->nvml, nvmlDeviceGetPciInfo_v3, gpu->device, &pci);
	switch (argument) {
	case BUS_ID:
		put(value, "%.32s", pci.bus_id);
		break;
	case DOMAIN:
		put(value, "0x%04X", pci.domain);
		break;
	case BUS:
		put(value, "0x%02X", pci.bus);
		break;
	case DEVICE:
		put(value, "0x%02X", pci.device);
		break;
	default:
		put(value, "0x%08X", argument == DEVICE_ID ? pci.device_id : pci.subsystem_id);
	}
}

enum memory { TOTAL, RESERVED, USED, FREE };

GETTER(get_memory)
{
	nvml_memory_v2 memory = {.version = nvml_version(nvml_memory_v2, 2)};

	value->result = NVML(&smi->nvml, nvmlDeviceGetMemoryInfo_v2, gpu->device, &memory);
	const uint64_t bytes[] = {memory.total, memory.reserved, memory.used, memory.free};
	put(value, "%llu", (unsigned long long)bytes[argument] >> 20);
}

GETTER(get_bar1)
{
	nvml_bar1_memory memory = {0};

	value->result = NVML(&smi->nvml, nvmlDeviceGetBAR1MemoryInfo, gpu->device, &memory);
	const uint64_t bytes[] = {memory.total, 0, memory.used, memory.free};
	put(value, "%llu", (unsigned long long)bytes[argument] >> 20);
}

enum utilisation { UTIL_GPU, UTIL_MEMORY, UTIL_ENCODER, UTIL_DECODER };

GETTER(get_utilisation)
{
	nvml_utilization rates = {0};
	uint32_t engine = 0, period;

	if (argument == UTIL_ENCODER)
		value->result =
			NVML(&smi->nvml, nvmlDeviceGetEncoderUtilization, gpu->device, &engine, &period);
	else if (argument == UTIL_DECODER)
		value->result =
			NVML(&smi->nvml, nvmlDeviceGetDecoderUtilization, gpu->device, &engine, &period);
	else
		value->result = NVML(&smi->nvml, nvmlDeviceGetUtilizationRates, gpu->device, &rates);
	put(value, "%u", argument == UTIL_GPU ? rates.gpu : argument == UTIL_MEMORY ? rates.memory : engine);
}

GETTER(get_temperature)
{
	uint32_t celsius = 0;

	(void)argument;
	value->result = NVML(&smi->nvml, nvmlDeviceGetTemperature, gpu->device, 0, &celsius);
	put(value, "%u", celsius);
}

GETTER(get_threshold)
{
	uint32_t celsius = 0;

	value->result = NVML(&smi->nvml, nvmlDeviceGetTemperatureThreshold, gpu->device, argument, &celsius);
	put(value, "%u", celsius);
}

static nvml_return field_number(const struct smi *smi, nvml_device device, uint32_t id, nvml_field_value *out)
{
	*out = (nvml_field_value){.field = id};
	nvml_return rc = NVML(&smi->nvml, nvmlDeviceGetFieldValues, device, 1, out);
	return rc == NVML_OK ? out->result : rc;
}

GETTER(get_field)
{
	nvml_field_value number;

	value->result = field_number(smi, gpu->device, argument, &number);
	put(value, "%llu",
		(unsigned long long)(number.type == NVML_VALUE_UINT ? number.value.ui : number.value.ull));
}

GETTER(get_field_watts)
{
	nvml_field_value number;

	value->result = field_number(smi, gpu->device, argument, &number);
	put(value, "%u.%02u", number.value.ui / 1000, number.value.ui % 1000 / 10);
}

GETTER(get_limit)
{
	uint32_t limits[2] = {0};

	value->result = NVML(&smi->nvml, nvmlDeviceGetPowerManagementLimitConstraints, gpu->device,
		&limits[0], &limits[1]);
	put(value, "%u.%02u", limits[argument] / 1000, limits[argument] % 1000 / 10);
}

GETTER(get_clock)
{
	uint32_t mhz = 0;

	value->result = NVML(&smi->nvml, nvmlDeviceGetClockInfo, gpu->device, argument, &mhz);
	put(value, "%u", mhz);
}

GETTER(get_max_clock)
{
	uint32_t mhz = 0;

	value->result = NVML(&smi->nvml, nvmlDeviceGetMaxClockInfo, gpu->device, argument, &mhz);
	put(value, "%u", mhz);
}

GETTER(get_app_clock)
{
	uint32_t mhz = 0;

	value->result = NVML(&smi->nvml, nvmlDeviceGetApplicationsClock, gpu->device, argument, &mhz);
	put(value, "%u", mhz);
}

GETTER(get_ecc_mode)
{
	uint32_t modes[2] = {0};

	value->result = NVML(&smi->nvml, nvmlDeviceGetEccMode, gpu->device, &modes[0], &modes[1]);
	put(value, "%s", modes[argument] ? "Enabled" : "Disabled");
}

GETTER(get_mig_mode)
{
	uint32_t modes[2] = {0};

	value->result = NVML(&smi->nvml, nvmlDeviceGetMigMode, gpu->device, &modes[0], &modes[1]);
	put(value, "%s", modes[argument] ? "Enabled" : "Disabled");
}

#define UNCORRECTED 1u
#define AGGREGATE   2u

GETTER(get_ecc_errors)
{
	uint64_t errors = 0;

	value->result = NVML(&smi->nvml, nvmlDeviceGetTotalEccErrors, gpu->device, argument & UNCORRECTED,
		argument & AGGREGATE ? 1u : 0u, &errors);
	put(value, "%llu", (unsigned long long)errors);
}

GETTER(get_compute_mode)
{
	static const char *const modes[] = {"Default", "Exclusive_Thread", "Prohibited", "Exclusive_Process"};
	uint32_t mode = 0;

	(void)argument;
	value->result = NVML(&smi->nvml, nvmlDeviceGetComputeMode, gpu->device, &mode);
	put(value, "%s", mode < sizeof(modes) / sizeof(modes[0]) ? modes[mode] : "Unknown");
}

GETTER(get_compute_cap)
{
	int major = 0, minor = 0;

	(void)argument;
	value->result = NVML(&smi->nvml, nvmlDeviceGetCudaComputeCapability, gpu->device, &major, &minor);
	put(value, "%d.%d", major, minor);
}

GETTER(get_architecture)
{
	static const char *const names[] = {[NVML_ARCH_KEPLER] = "Kepler",
		[NVML_ARCH_MAXWELL] = "Maxwell",
		[NVML_ARCH_PASCAL] = "Pascal",
		[NVML_ARCH_VOLTA] = "Volta",
		[NVML_ARCH_TURING] = "Turing",
		[NVML_ARCH_AMPERE] = "Ampere",
		[NVML_ARCH_ADA] = "Ada Lovelace",
		[NVML_ARCH_HOPPER] = "Hopper",
		[NVML_ARCH_BLACKWELL] = "Blackwell"};
	uint32_t architecture = 0;

	(void)argument;
	value->result = NVML(&smi->nvml, nvmlDeviceGetArchitecture, gpu->device, &architecture);
	bool known = architecture < sizeof(names) / sizeof(names[0]) && names[architecture];
	put(value, "%s", known ? names[architecture] : "Unknown");
}

GETTER(get_brand)
{
	static const char *const names[] = {[NVML_BRAND_QUADRO] = "Quadro",
		[NVML_BRAND_TESLA] = "Tesla",
		[NVML_BRAND_GEFORCE] = "GeForce",
		[NVML_BRAND_TITAN] = "Titan",
		[NVML_BRAND_QUADRO_RTX] = "Quadro RTX",
		[NVML_BRAND_NVIDIA_RTX] = "NVIDIA RTX",
		[NVML_BRAND_NVIDIA] = "NVIDIA",
		[NVML_BRAND_GEFORCE_RTX] = "GeForce RTX"};
	uint32_t brand = 0;

	(void)argument;
	value->result = NVML(&smi->nvml, nvmlDeviceGetBrand, gpu->device, &brand);
	put(value, "%s", brand < sizeof(names) / sizeof(names[0]) && names[brand] ? names[brand] : "Unknown");
}

static const struct field fields[] = {
	{"driver_version", NULL, NULL, get_text, DRIVER},
	{"count", NULL, NULL, get_count, 0},
	{"name", "gpu_name", NULL, get_text, NAME},
	{"serial", "gpu_serial", NULL, get_text, SERIAL},
	{"uuid", "gpu_uuid", NULL, get_text, UUID},
	{"vbios_version", NULL, NULL, get_text, VBIOS},
	{"gsp_version", NULL, NULL, get_text, GSP},
	{"board_part_number", NULL, NULL, get_text, PART},
	{"product_brand", NULL, NULL, get_brand, 0},
	{"architecture", NULL, NULL, get_architecture, 0},
	{"pci.bus_id", "gpu_bus_id", NULL, get_pci, BUS_ID},
	{"pci.domain", NULL, NULL, get_pci, DOMAIN},
	{"pci.bus", NULL, NULL, get_pci, BUS},
	{"pci.device", NULL, NULL, get_pci, DEVICE},
	{"pci.device_id", NULL, NULL, get_pci, DEVICE_ID},
	{"pci.sub_device_id", NULL, NULL, get_pci, SUBSYSTEM},
	{"pcie.link.gen.current", "pcie.link.gen.gpucurrent", NULL, get_number, GEN},
	{"pcie.link.gen.max", NULL, NULL, get_number, GEN_MAX},
	{"pcie.link.width.current", NULL, NULL, get_number, WIDTH},
	{"pcie.link.width.max", NULL, NULL, get_number, WIDTH_MAX},
	{"index", NULL, NULL, get_number, INDEX},
	{"minor_number", NULL, NULL, get_number, MINOR},
	{"display_mode", NULL, NULL, get_switch, DISPLAY_MODE},
	{"display_active", NULL, NULL, get_switch, DISPLAY_ACTIVE},
	{"persistence_mode", NULL, NULL, get_switch, PERSISTENCE},
	{"fan.speed", NULL, "%", get_number, FAN},
	{"pstate", NULL, NULL, get_pstate, PERF_STATE},
	{"memory.total", NULL, "MiB", get_memory, TOTAL},
	{"memory.reserved", NULL, "MiB", get_memory, RESERVED},
	{"memory.used", NULL, "MiB", get_memory, USED},
	{"memory.free", NULL, "MiB", get_memory, FREE},
	{"bar1.total", NULL, "MiB", get_bar1, TOTAL},
	{"bar1.used", NULL, "MiB", get_bar1, USED},
	{"bar1.free", NULL, "MiB", get_bar1, FREE},
	{"compute_mode", NULL, NULL, get_compute_mode, 0},
	{"compute_cap", NULL, NULL, get_compute_cap, 0},
	{"utilization.gpu", NULL, "%", get_utilisation, UTIL_GPU},
	{"utilization.memory", NULL, "%", get_utilisation, UTIL_MEMORY},
	{"utilization.encoder", NULL, "%", get_utilisation, UTIL_ENCODER},
	{"utilization.decoder", NULL, "%", get_utilisation, UTIL_DECODER},
	{"ecc.mode.current", NULL, NULL, get_ecc_mode, 0},
	{"ecc.mode.pending", NULL, NULL, get_ecc_mode, 1},
	{"ecc.errors.corrected.volatile.total", NULL, NULL, get_ecc_errors, 0},
	{"ecc.errors.uncorrected.volatile.total", NULL, NULL, get_ecc_errors, UNCORRECTED},
	{"ecc.errors.corrected.aggregate.total", NULL, NULL, get_ecc_errors, AGGREGATE},
	{"ecc.errors.uncorrected.aggregate.total", NULL, NULL, get_ecc_errors, AGGREGATE | UNCORRECTED},
	{"temperature.gpu", NULL, NULL, get_temperature, 0},
	{"temperature.memory", NULL, NULL, get_field, NVML_FIELD_MEMORY_TEMPERATURE},
	{"temperature.shutdown", NULL, NULL, get_threshold, NVML_THRESHOLD_SHUTDOWN},
	{"temperature.slowdown", NULL, NULL, get_threshold, NVML_THRESHOLD_SLOWDOWN},
	{"temperature.max", NULL, NULL, get_threshold, NVML_THRESHOLD_GPU_MAX},
	{"power.draw", "power.draw.average", "W", get_milliwatts, POWER},
	{"power.draw.instant", NULL, "W", get_field_watts, NVML_FIELD_POWER_INSTANT},
	{"power.limit", NULL, "W", get_milliwatts, POWER_LIMIT},
	{"enforced.power.limit", NULL, "W", get_milliwatts, POWER_ENFORCED},
	{"power.default_limit", NULL, "W", get_milliwatts, POWER_DEFAULT},
	{"power.min_limit", NULL, "W", get_limit, 0},
	{"power.max_limit", NULL, "W", get_limit, 1},
	{"clocks.current.graphics", "clocks.gr", "MHz", get_clock, NVML_CLOCK_GRAPHICS},
	{"clocks.current.sm", "clocks.sm", "MHz", get_clock, NVML_CLOCK_SM},
	{"clocks.current.memory", "clocks.mem", "MHz", get_clock, NVML_CLOCK_MEM},
	{"clocks.current.video", "clocks.video", "MHz", get_clock, NVML_CLOCK_VIDEO},
	{"clocks.applications.graphics", "clocks.applications.gr", "MHz", get_app_clock, NVML_CLOCK_GRAPHICS},
	{"clocks.applications.memory", "clocks.applications.mem", "MHz", get_app_clock, NVML_CLOCK_MEM},
	{"clocks.max.graphics", "clocks.max.gr", "MHz", get_max_clock, NVML_CLOCK_GRAPHICS},
	{"clocks.max.sm", NULL, "MHz", get_max_clock, NVML_CLOCK_SM},
	{"clocks.max.memory", "clocks.max.mem", "MHz", get_max_clock, NVML_CLOCK_MEM},
	{"mig.mode.current", NULL, NULL, get_mig_mode, 0},
	{"mig.mode.pending", NULL, NULL, get_mig_mode, 1},
};

static bool named(const char *name, const char *s, size_t length)
{
	return name && strncmp(name, s, length) == 0 && !name[length];
}

const struct field *smi_find_field(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (named(fields[i].name, name, length) || named(fields[i].alias, name, length))
			return &fields[i];
	return NULL;
}

void smi_list_fields(FILE *out)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].alias)
			fprintf(out, "\"%s\" or \"%s\"\n", fields[i].name, fields[i].alias);
		else
			fprintf(out, "\"%s\"\n", fields[i].name);
}

const char *smi_result_text(const struct smi *smi, nvml_return result)
{
	if (result == NVML_NOT_SUPPORTED || result == NVML_FUNCTION_NOT_FOUND)
		return "N/A";
	return smi->nvml.nvmlErrorString(result);
}

struct value smi_value(const struct smi *smi, const struct gpu *gpu, const char *name)
{
	const struct field *field = smi_find_field(name, strlen(name));
	struct value value = {.result = NVML_NOT_SUPPORTED};

	if (field)
		field->get(smi, gpu, field->argument, &value);
	return value;
}
