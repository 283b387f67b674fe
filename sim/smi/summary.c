/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "sim/smi/smi.h"

/* The table that nvidia-smi shows without arguments, column for column as 550 prints it. */

#define RULE_WIDE "-----------------------------------------------------------------------------------------"
#define RULE_GPU  "-----------------------------------------+------------------------+----------------------"

/* An answer, or what stands there when there is none. */
static const char *shown(const struct smi *smi, struct value *value)
{
	if (value->result != NVML_OK)
		snprintf(value->text, sizeof(value->text), "%s",
			value->result == NVML_NOT_SUPPORTED || value->result == NVML_FUNCTION_NOT_FOUND
				? "N/A"
				: (value->result == NVML_GPU_IS_LOST ? "ERR!" : "Unknown Error"));
	(void)smi;
	return value->text;
}

static void ask(
	const struct smi *smi, const struct gpu *gpu, const char *name, const char *suffix, char out[64])
{
	struct value value = smi_value(smi, gpu, name);
	bool ok = value.result == NVML_OK;

	snprintf(out, 64, "%.40s%s", shown(smi, &value), ok ? suffix : "");
}

/* "71W" out of "71.00". */
static void ask_watts(const struct smi *smi, const struct gpu *gpu, const char *name, char out[64])
{
	ask(smi, gpu, name, "", out);
	char *point = strchr(out, '.');
	if (point)
		memcpy(point, "W", 2);
}

static void on_off(char text[64])
{
	if (strcmp(text, "Enabled") == 0)
		strcpy(text, "On");
	else if (strcmp(text, "Disabled") == 0)
		strcpy(text, "Off");
}

static void print_gpu(const struct smi *smi, const struct gpu *gpu)
{
	char name[64], persistence[64], bus[64], display[64], errors[64], fan[64], temperature[64], state[64];
	char draw[64], limit[64], power[132], used[64], total[64], load[64], mode[64], mig[64];

	ask(smi, gpu, "name", "", name);
	ask(smi, gpu, "persistence_mode", "", persistence);
	on_off(persistence);
	ask(smi, gpu, "pci.bus_id", "", bus);
	ask(smi, gpu, "display_active", "", display);
	on_off(display);
	ask(smi, gpu, "ecc.errors.uncorrected.volatile.total", "", errors);
	ask(smi, gpu, "mig.mode.current", "", mig);
	if (strcmp(mig, "Enabled") == 0)
		strcpy(errors, "On");
	ask(smi, gpu, "fan.speed", "%", fan);
	ask(smi, gpu, "temperature.gpu", "C", temperature);
	ask(smi, gpu, "pstate", "", state);
	ask_watts(smi, gpu, "power.draw", draw);
	ask_watts(smi, gpu, "enforced.power.limit", limit);
	snprintf(power, sizeof(power), "%s / %5s", draw, limit);
	ask(smi, gpu, "memory.used", "MiB", used);
	ask(smi, gpu, "memory.total", "MiB", total);
	ask(smi, gpu, "utilization.gpu", "%", load);
	ask(smi, gpu, "compute_mode", "", mode);
	if (strncmp(mode, "Exclusive_", 10) == 0) {
		char kind[52];
		snprintf(kind, sizeof(kind), "%.50s", mode + 10);
		snprintf(mode, sizeof(mode), "E. %s", kind);
	}
	fprintf(smi->out, "| %3u  %-30.30s %-4.4s|%19.19s %3.3s | %20.20s |\n", gpu->index, name, persistence,
		bus, display, errors);
	fprintf(smi->out, "| %3.3s%6.6s    %-4.4s%22.22s |%11.11s / %9.9s |%8.8s %12.12s |\n", fan,
		temperature, state, power, used, total, load, mode);
	fprintf(smi->out, "|%41s|%24s| %20.20s |\n+" RULE_GPU "+\n", "", "", mig);
}

static void print_mig_device(const struct smi *smi, const struct gpu *gpu, nvml_device mig, uint32_t number)
{
	nvml_memory_v2 memory = {.version = nvml_version(nvml_memory_v2, 2)};
	nvml_device_attributes attributes = {0};
	nvml_bar1_memory bar1 = {0};
	uint32_t gi = 0, ci = 0;

	NVML(&smi->nvml, nvmlDeviceGetGpuInstanceId, mig, &gi);
	NVML(&smi->nvml, nvmlDeviceGetComputeInstanceId, mig, &ci);
	NVML(&smi->nvml, nvmlDeviceGetMemoryInfo_v2, mig, &memory);
	NVML(&smi->nvml, nvmlDeviceGetBAR1MemoryInfo, mig, &bar1);
	NVML(&smi->nvml, nvmlDeviceGetAttributes_v2, mig, &attributes);
	uint64_t errors;
	char unc[24] = "N/A";
	if (NVML(&smi->nvml, nvmlDeviceGetTotalEccErrors, mig, 1, 0, &errors) == NVML_OK)
		snprintf(unc, sizeof(unc), "%llu", (unsigned long long)errors);
	fprintf(smi->out, "|%3u%5u%4u%4u  |%16lluMiB / %5lluMiB    |%3u %6.6s |%3u%4u%5u%5u%5u |\n",
		gpu->index, gi, ci, number, (unsigned long long)memory.used >> 20,
		(unsigned long long)memory.total >> 20, attributes.sm_count, unc, attributes.copy_engines,
		attributes.encoders, attributes.decoders, attributes.ofas, attributes.jpegs);
	fprintf(smi->out, "|%18s|%18lluMiB / %6lluMiB |%11s|%23s|\n", "", (unsigned long long)bar1.used >> 20,
		(unsigned long long)bar1.total >> 20, "", "");
	fputs("+------------------+----------------------------------+-----------+-----------------------+\n",
		smi->out);
}

static void print_mig(const struct smi *smi)
{
	bool any = false;

	for (uint32_t i = 0; i < smi->count; i++) {
		struct value mode = smi_value(smi, &smi->gpus[i], "mig.mode.current");
		any |= mode.result == NVML_OK && strcmp(mode.text, "Enabled") == 0;
	}
	if (!any)
		return;
	fputs("\n+" RULE_WIDE "+\n"
	      "| MIG devices:                                                                            |\n"
	      "+------------------+----------------------------------+-----------+-----------------------+\n"
	      "| GPU  GI  CI  MIG |                     Memory-Usage |        Vol|      Shared           |\n"
	      "|      ID  ID  Dev |                       BAR1-Usage | SM     Unc| CE ENC DEC OFA JPG    |\n"
	      "|                  |                                  |        ECC|                       |\n"
	      "|==================+==================================+===========+=======================|\n",
		smi->out);
	bool found = false;
	for (uint32_t i = 0; i < smi->count; i++) {
		nvml_device devices[8];
		uint32_t count = smi_mig_devices(smi, smi->gpus[i].device, devices);
		for (uint32_t n = 0; n < count; n++)
			print_mig_device(smi, &smi->gpus[i], devices[n], n);
		found |= count;
	}
	if (!found)
		fputs("|  No MIG devices found                                                               "
		      "    |\n"
		      "+" RULE_WIDE "+\n",
			smi->out);
}

/* A long name keeps its end: what tells programs apart is seldom their directory. */
static void fit_name(const char *name, char out[39])
{
	size_t length = strlen(name);

	if (length <= 38)
		strcpy(out, name);
	else
		snprintf(out, 39, "...%s", name + length - 35);
}

static void instance_text(uint32_t id, char out[16])
{
	if (id == NVML_NO_INSTANCE)
		strcpy(out, "N/A");
	else
		snprintf(out, 16, "%u", id);
}

static void print_processes(const struct smi *smi)
{
	static struct process processes[512];
	bool any = false;

	fprintf(smi->out, "%89s\n", "");
	fputs("+" RULE_WIDE "+\n"
	      "| Processes:                                                                              |\n"
	      "|  GPU   GI   CI        PID   Type   Process name                              GPU Memory |\n"
	      "|        ID   ID                                                               Usage      |\n"
	      "|=========================================================================================|\n",
		smi->out);
	for (uint32_t i = 0; i < smi->count; i++) {
		uint32_t count = smi_processes(smi, smi->gpus[i].device, processes, 512);
		for (uint32_t n = 0; n < count; n++) {
			const struct process *process = &processes[n];
			char gi[16], ci[16], memory[32], name[39];
			fit_name(process->name, name);
			instance_text(process->info.gi, gi);
			instance_text(process->info.ci, ci);
			snprintf(memory, sizeof(memory), "%lluMiB",
				(unsigned long long)process->info.memory >> 20);
			fprintf(smi->out, "|  %3u%6.6s%5.5s%10u%7c   %-38s%14.14s |\n", smi->gpus[i].index,
				gi, ci, process->info.pid, process->kind, name, memory);
		}
		any |= count;
	}
	if (!any)
		fputs("|  No running processes found                                                         "
		      "    |\n",
			smi->out);
	fputs("+" RULE_WIDE "+\n", smi->out);
}

int smi_summary(struct smi *smi)
{
	char library[NVML_VERSION_SIZE], driver[NVML_VERSION_SIZE] = "?", when[64] = "", cuda_text[32];
	int cuda = 0;
	time_t now = time(NULL);
	struct tm local;

	smi_library_version(smi, library);
	NVML(&smi->nvml, nvmlSystemGetDriverVersion, driver, sizeof(driver));
	NVML(&smi->nvml, nvmlSystemGetCudaDriverVersion_v2, &cuda);
	snprintf(cuda_text, sizeof(cuda_text), "%d.%d", cuda / 1000, cuda % 1000 / 10);
	if (localtime_r(&now, &local))
		strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &local);
	fprintf(smi->out, "%s       \n+" RULE_WIDE "+\n", when);
	fprintf(smi->out, "| NVIDIA-SMI %-22.22s Driver Version: %-14.14s CUDA Version: %-8.8s |\n", library,
		driver, cuda_text);
	fputs("|" RULE_GPU "+\n"
	      "| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |\n"
	      "| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |\n"
	      "|                                         |                        |               MIG M. |\n"
	      "|=========================================+========================+======================|\n",
		smi->out);
	for (uint32_t i = 0; i < smi->count; i++)
		print_gpu(smi, &smi->gpus[i]);
	print_mig(smi);
	print_processes(smi);
	return 0;
}
