/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "sim/smi/smi.h"

/*
 * -q and -q -x: one tree for both, the text's labels beside the tags of nvsmi_device_v12.dtd. A line without
 * a field opens a section; it ends where a line of the same depth or less comes.
 */
static const struct line {
	int depth;
	const char *label, *tag, *field;
} report[] = {
	{0, "Product Name", "product_name", "name"},
	{0, "Product Brand", "product_brand", "product_brand"},
	{0, "Product Architecture", "product_architecture", "architecture"},
	{0, "Display Mode", "display_mode", "display_mode"},
	{0, "Display Active", "display_active", "display_active"},
	{0, "Persistence Mode", "persistence_mode", "persistence_mode"},
	{0, "MIG Mode", "mig_mode", NULL},
	{1, "Current", "current_mig", "mig.mode.current"},
	{1, "Pending", "pending_mig", "mig.mode.pending"},
	{0, "Serial Number", "serial", "serial"},
	{0, "GPU UUID", "uuid", "uuid"},
	{0, "Minor Number", "minor_number", "minor_number"},
	{0, "VBIOS Version", "vbios_version", "vbios_version"},
	{0, "Board Part Number", "board_part_number", "board_part_number"},
	{0, "GSP Firmware Version", "gsp_firmware_version", "gsp_version"},
	{0, "PCI", "pci", NULL},
	{1, "Bus", "pci_bus", "pci.bus"},
	{1, "Device", "pci_device", "pci.device"},
	{1, "Domain", "pci_domain", "pci.domain"},
	{1, "Device Id", "pci_device_id", "pci.device_id"},
	{1, "Bus Id", "pci_bus_id", "pci.bus_id"},
	{1, "Sub System Id", "pci_sub_system_id", "pci.sub_device_id"},
	{1, "GPU Link Info", "pci_gpu_link_info", NULL},
	{2, "PCIe Generation", "pcie_gen", NULL},
	{3, "Max", "max_link_gen", "pcie.link.gen.max"},
	{3, "Current", "current_link_gen", "pcie.link.gen.current"},
	{2, "Link Width", "link_widths", NULL},
	{3, "Max", "max_link_width", "pcie.link.width.max"},
	{3, "Current", "current_link_width", "pcie.link.width.current"},
	{0, "Fan Speed", "fan_speed", "fan.speed"},
	{0, "Performance State", "performance_state", "pstate"},
	{0, "FB Memory Usage", "fb_memory_usage", NULL},
	{1, "Total", "total", "memory.total"},
	{1, "Reserved", "reserved", "memory.reserved"},
	{1, "Used", "used", "memory.used"},
	{1, "Free", "free", "memory.free"},
	{0, "BAR1 Memory Usage", "bar1_memory_usage", NULL},
	{1, "Total", "total", "bar1.total"},
	{1, "Used", "used", "bar1.used"},
	{1, "Free", "free", "bar1.free"},
	{0, "Compute Mode", "compute_mode", "compute_mode"},
	{0, "Utilization", "utilization", NULL},
	{1, "Gpu", "gpu_util", "utilization.gpu"},
	{1, "Memory", "memory_util", "utilization.memory"},
	{1, "Encoder", "encoder_util", "utilization.encoder"},
	{1, "Decoder", "decoder_util", "utilization.decoder"},
	{0, "ECC Mode", "ecc_mode", NULL},
	{1, "Current", "current_ecc", "ecc.mode.current"},
	{1, "Pending", "pending_ecc", "ecc.mode.pending"},
	{0, "ECC Errors", "ecc_errors", NULL},
	{1, "Volatile", "volatile", NULL},
	{2, "DRAM Correctable", "dram_correctable", "ecc.errors.corrected.volatile.total"},
	{2, "DRAM Uncorrectable", "dram_uncorrectable", "ecc.errors.uncorrected.volatile.total"},
	{1, "Aggregate", "aggregate", NULL},
	{2, "DRAM Correctable", "dram_correctable", "ecc.errors.corrected.aggregate.total"},
	{2, "DRAM Uncorrectable", "dram_uncorrectable", "ecc.errors.uncorrected.aggregate.total"},
	{0, "Temperature", "temperature", NULL},
	{1, "GPU Current Temp", "gpu_temp", "temperature.gpu"},
	{1, "GPU Shutdown Temp", "gpu_temp_max_threshold", "temperature.shutdown"},
	{1, "GPU Slowdown Temp", "gpu_temp_slow_threshold", "temperature.slowdown"},
	{1, "GPU Max Operating Temp", "gpu_temp_max_gpu_threshold", "temperature.max"},
	{1, "Memory Current Temp", "memory_temp", "temperature.memory"},
	{0, "GPU Power Readings", "gpu_power_readings", NULL},
	{1, "Power Draw", "power_draw", "power.draw"},
	{1, "Current Power Limit", "current_power_limit", "enforced.power.limit"},
	{1, "Requested Power Limit", "requested_power_limit", "power.limit"},
	{1, "Default Power Limit", "default_power_limit", "power.default_limit"},
	{1, "Min Power Limit", "min_power_limit", "power.min_limit"},
	{1, "Max Power Limit", "max_power_limit", "power.max_limit"},
	{0, "Clocks", "clocks", NULL},
	{1, "Graphics", "graphics_clock", "clocks.gr"},
	{1, "SM", "sm_clock", "clocks.sm"},
	{1, "Memory", "mem_clock", "clocks.mem"},
	{1, "Video", "video_clock", "clocks.video"},
	{0, "Applications Clocks", "applications_clocks", NULL},
	{1, "Graphics", "graphics_clock", "clocks.applications.gr"},
	{1, "Memory", "mem_clock", "clocks.applications.mem"},
	{0, "Max Clocks", "max_clocks", NULL},
	{1, "Graphics", "graphics_clock", "clocks.max.gr"},
	{1, "SM", "sm_clock", "clocks.max.sm"},
	{1, "Memory", "mem_clock", "clocks.max.mem"},
};

enum { LINES = sizeof(report) / sizeof(report[0]), DEPTH_MAX = 8 };

/* Units that --query-gpu leaves out and the report shows. */
static const char *unit_of(const char *name)
{
	const struct field *field = smi_find_field(name, strlen(name));

	if (strncmp(name, "temperature.", 12) == 0)
		return " C";
	if (strncmp(name, "pcie.link.width", 15) == 0)
		return "x";
	return field && field->unit ? field->unit : "";
}

static void answer(const struct smi *smi, const struct gpu *gpu, const char *name, char *out, size_t size)
{
	struct value value = smi_value(smi, gpu, name);
	const char *unit = unit_of(name);

	if (value.result != NVML_OK)
		snprintf(out, size, "%s", smi_result_text(smi, value.result));
	else
		snprintf(out, size, "%s%s%s", value.text, *unit && *unit != ' ' && *unit != 'x' ? " " : "",
			unit);
}

/* Text in XML: the five characters that mean something there. */
static void put_xml(FILE *out, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			/* Control characters have no place in XML 1.0 (a process may be named so). */
			fputc((unsigned char)*s < ' ' || *s == 127 ? '?' : *s, out);
		}
}

static void indent(FILE *out, int depth)
{
	while (depth-- > 0)
		fputc('\t', out);
}

static void put_element(FILE *out, int depth, const char *tag, const char *text)
{
	indent(out, depth);
	fprintf(out, "<%s>", tag);
	put_xml(out, text);
	fprintf(out, "</%s>\n", tag);
}

static void put_label(FILE *out, int depth, const char *label, const char *text)
{
	int width = 42 - 4 * depth;

	fprintf(out, "%*s%-*s: %s\n", 4 * depth, "", width, label, text);
}

static void text_gpu(const struct smi *smi, const struct gpu *gpu)
{
	for (int i = 0; i < LINES; i++) {
		char text[256];
		if (!report[i].field) {
			fprintf(smi->out, "%*s%s\n", 4 * (report[i].depth + 1), "", report[i].label);
			continue;
		}
		answer(smi, gpu, report[i].field, text, sizeof(text));
		put_label(smi->out, report[i].depth + 1, report[i].label, text);
	}
}

static void xml_gpu(const struct smi *smi, const struct gpu *gpu)
{
	const char *open[DEPTH_MAX];
	int depth = 0; /* sections open */

	for (int i = 0; i < LINES; i++) {
		char text[256];
		for (; depth > report[i].depth; depth--) {
			indent(smi->out, depth + 1);
			fprintf(smi->out, "</%s>\n", open[depth - 1]);
		}
		if (!report[i].field) {
			indent(smi->out, depth + 2);
			fprintf(smi->out, "<%s>\n", report[i].tag);
			open[depth++] = report[i].tag;
			continue;
		}
		answer(smi, gpu, report[i].field, text, sizeof(text));
		put_element(smi->out, depth + 2, report[i].tag, text);
	}
	for (; depth; depth--) {
		indent(smi->out, depth + 1);
		fprintf(smi->out, "</%s>\n", open[depth - 1]);
	}
}

struct number {
	const char *label, *tag;
	char text[64];
};

/* What is told of a MIG device, in both forms. */
static int mig_numbers(const struct smi *smi, nvml_device device, uint32_t index, struct number numbers[16])
{
	nvml_memory_v2 memory = {.version = nvml_version(nvml_memory_v2, 2)};
	nvml_device_attributes attributes = {0};
	const struct gpu gpu = {.device = device, .index = index};
	uint32_t gi = 0, ci = 0;
	int n = 0;

	NVML(&smi->nvml, nvmlDeviceGetGpuInstanceId, device, &gi);
	NVML(&smi->nvml, nvmlDeviceGetComputeInstanceId, device, &ci);
	NVML(&smi->nvml, nvmlDeviceGetAttributes_v2, device, &attributes);
	NVML(&smi->nvml, nvmlDeviceGetMemoryInfo_v2, device, &memory);
#define ADD(label_, tag_, ...)                                                   \
	do {                                                                     \
		numbers[n].label = (label_);                                     \
		numbers[n].tag = (tag_);                                         \
		snprintf(numbers[n].text, sizeof(numbers[n].text), __VA_ARGS__); \
		n++;                                                             \
	} while (0)
	ADD("Index", "index", "%u", index);
	ADD("GPU Instance ID", "gpu_instance_id", "%u", gi);
	ADD("Compute Instance ID", "compute_instance_id", "%u", ci);
	ADD("Device UUID", "uuid", "%.60s", smi_value(smi, &gpu, "uuid").text);
	ADD("Multiprocessor Count", "multiprocessor_count", "%u", attributes.sm_count);
	ADD("Copy Engine Count", "copy_engine_count", "%u", attributes.copy_engines);
	ADD("Decoder Count", "decoder_count", "%u", attributes.decoders);
	ADD("FB Memory Total", "fb_memory_total", "%llu MiB", (unsigned long long)memory.total >> 20);
	ADD("FB Memory Used", "fb_memory_used", "%llu MiB", (unsigned long long)memory.used >> 20);
	ADD("FB Memory Free", "fb_memory_free", "%llu MiB", (unsigned long long)memory.free >> 20);
#undef ADD
	return n;
}

static void put_mig(const struct smi *smi, const struct gpu *gpu)
{
	nvml_device devices[8];
	uint32_t count = smi_mig_devices(smi, gpu->device, devices);

	if (smi->options.xml)
		fputs(count ? "\t\t<mig_devices>\n" : "\t\t<mig_devices>\n\t\t\tNone\n", smi->out);
	else if (!count)
		put_label(smi->out, 1, "MIG Device", "None");
	for (uint32_t i = 0; i < count; i++) {
		struct number numbers[16];
		int n = mig_numbers(smi, devices[i], i, numbers);
		fputs(smi->options.xml ? "\t\t\t<mig_device>\n" : "    MIG Device\n", smi->out);
		for (int k = 0; k < n; k++)
			if (smi->options.xml)
				put_element(smi->out, 4, numbers[k].tag, numbers[k].text);
			else
				put_label(smi->out, 2, numbers[k].label, numbers[k].text);
		if (smi->options.xml)
			fputs("\t\t\t</mig_device>\n", smi->out);
	}
	if (smi->options.xml)
		fputs("\t\t</mig_devices>\n", smi->out);
}

static void put_process(const struct smi *smi, const struct process *process)
{
	char pid[24], kind[2] = {process->kind}, memory[40];

	snprintf(pid, sizeof(pid), "%u", process->info.pid);
	snprintf(memory, sizeof(memory), "%llu MiB", (unsigned long long)process->info.memory >> 20);
	if (smi->options.xml) {
		fputs("\t\t\t<process_info>\n", smi->out);
		put_element(smi->out, 4, "pid", pid);
		put_element(smi->out, 4, "type", kind);
		put_element(smi->out, 4, "process_name", process->name);
		put_element(smi->out, 4, "used_memory", memory);
		fputs("\t\t\t</process_info>\n", smi->out);
		return;
	}
	put_label(smi->out, 2, "Process ID", pid);
	put_label(smi->out, 3, "Type", kind);
	put_label(smi->out, 3, "Name", process->name);
	put_label(smi->out, 3, "Used GPU Memory", memory);
}

static void put_processes(const struct smi *smi, const struct gpu *gpu)
{
	static struct process processes[512];
	uint32_t count = smi_processes(smi, gpu->device, processes, 512);

	if (smi->options.xml)
		fputs("\t\t<processes>\n", smi->out);
	else if (count)
		fputs("    Processes\n", smi->out);
	else
		put_label(smi->out, 1, "Processes", "None");
	for (uint32_t i = 0; i < count; i++)
		put_process(smi, &processes[i]);
	if (smi->options.xml)
		fputs("\t\t</processes>\n", smi->out);
}

static void put_head(const struct smi *smi)
{
	char driver[NVML_VERSION_SIZE] = "N/A", when[64] = "", cuda_text[32], attached[16];
	int cuda = 0;
	time_t now = time(NULL);
	struct tm local;

	NVML(&smi->nvml, nvmlSystemGetDriverVersion, driver, sizeof(driver));
	NVML(&smi->nvml, nvmlSystemGetCudaDriverVersion_v2, &cuda);
	snprintf(cuda_text, sizeof(cuda_text), "%d.%d", cuda / 1000, cuda % 1000 / 10);
	snprintf(attached, sizeof(attached), "%u", smi->attached);
	if (localtime_r(&now, &local))
		strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &local);
	if (smi->options.xml) {
		fputs("<?xml version=\"1.0\" ?>\n"
		      "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n<nvidia_smi_log>\n",
			smi->out);
		put_element(smi->out, 1, "timestamp", when);
		put_element(smi->out, 1, "driver_version", driver);
		put_element(smi->out, 1, "cuda_version", cuda_text);
		put_element(smi->out, 1, "attached_gpus", attached);
		return;
	}
	fputs("\n==============NVSMI LOG==============\n\n", smi->out);
	put_label(smi->out, 0, "Timestamp", when);
	put_label(smi->out, 0, "Driver Version", driver);
	put_label(smi->out, 0, "CUDA Version", cuda_text);
	fputc('\n', smi->out);
	put_label(smi->out, 0, "Attached GPUs", attached);
}

int smi_report(struct smi *smi)
{
	put_head(smi);
	for (uint32_t i = 0; i < smi->count; i++) {
		const struct gpu *gpu = &smi->gpus[i];
		struct value bus = smi_value(smi, gpu, "pci.bus_id");
		if (smi->options.xml) {
			fprintf(smi->out, "\t<gpu id=\"%s\">\n", bus.text);
			xml_gpu(smi, gpu);
		} else {
			fprintf(smi->out, "GPU %s\n", bus.text);
			text_gpu(smi, gpu);
		}
		put_mig(smi, gpu);
		put_processes(smi, gpu);
		fputs(smi->options.xml ? "\t</gpu>\n" : "\n", smi->out);
	}
	if (smi->options.xml)
		fputs("</nvidia_smi_log>\n", smi->out);
	return 0;
}
