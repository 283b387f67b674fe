/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sim/smi/smi.h"

static const char help_text[] =
	"NVIDIA System Management Interface of a simulated machine\n\n"
	"nvidia-smi [OPTION1 [ARG1]] [OPTION2 [ARG2]] ...\n\n"
	"    -h,   --help                Print usage information and exit.\n"
	"          --version             Print version information and exit.\n"
	"    -L,   --list-gpus           Display a list of GPUs connected to the system.\n"
	"    <no arguments>              Show a summary of GPUs connected to the system.\n"
	"    -q,   --query               Display GPU info.\n"
	"    -x,   --xml-format          Produce XML output (with -q).\n"
	"    -i,   --id=                 Target specific GPUs: index, UUID or bus id, comma-separated.\n"
	"    -r,   --gpu-reset           Reset the GPUs of -i, which no program may use.\n"
	"    -f,   --filename=           Log to a specified file, rather than to stdout.\n"
	"    -l,   --loop=               Probe until Ctrl+C at the specified second interval.\n"
	"          --query-gpu=          Information about GPUs; --help-query-gpu lists the fields.\n"
	"          --query-compute-apps= Information about programs: timestamp, pid, process_name,\n"
	"                                used_memory, gpu_uuid, gpu_bus_id, gpu_name.\n"
	"          --format=             csv, and optionally noheader, nounits; comma-separated.\n"
	"          --help-query-gpu      List the fields of --query-gpu.\n";

/* Options with a value are written "--name=VALUE", "--name VALUE" or "-n VALUE". */
enum option {
	OPT_HELP,
	OPT_VERSION,
	OPT_LIST,
	OPT_QUERY,
	OPT_RESET,
	OPT_XML,
	OPT_ID,
	OPT_FILE,
	OPT_LOOP,
	OPT_QUERY_GPU,
	OPT_QUERY_APPS,
	OPT_FORMAT,
	OPT_HELP_FIELDS
};

static const struct {
	const char *brief, *name;
	enum option option;
	bool value;
} known_options[] = {
	{"-h", "--help", OPT_HELP, false},
	{NULL, "--version", OPT_VERSION, false},
	{"-L", "--list-gpus", OPT_LIST, false},
	{"-q", "--query", OPT_QUERY, false},
	{"-x", "--xml-format", OPT_XML, false},
	{"-r", "--gpu-reset", OPT_RESET, false},
	{"-i", "--id", OPT_ID, true},
	{"-f", "--filename", OPT_FILE, true},
	{"-l", "--loop", OPT_LOOP, true},
	{NULL, "--query-gpu", OPT_QUERY_GPU, true},
	{NULL, "--query-compute-apps", OPT_QUERY_APPS, true},
	{NULL, "--format", OPT_FORMAT, true},
	{NULL, "--help-query-gpu", OPT_HELP_FIELDS, false},
};

/* A decimal number below a million; false on anything else. */
static bool parse_number(const char *s, size_t length, unsigned *out)
{
	unsigned number = 0;

	if (!length || length > 6)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		number = number * 10 + (unsigned)(s[i] - '0');
	}
	*out = number;
	return true;
}

static int unknown_option(const char *argument)
{
	printf("ERROR: Option %s is not recognized. Please run 'nvidia-smi -h'.\n\n", argument);
	return SMI_UNKNOWN_OPTION;
}

/* What an option does; -1: go on, else the exit code. */
static int apply_option(struct options *options, enum option option, const char *value)
{
	switch (option) {
	case OPT_HELP:
		fputs(help_text, stdout);
		return 0;
	case OPT_HELP_FIELDS:
		puts("\"timestamp\"");
		smi_list_fields(stdout);
		return 0;
	case OPT_VERSION:
		options->action = SMI_VERSION;
		return -1;
	case OPT_LIST:
		options->action = SMI_LIST;
		return -1;
	case OPT_QUERY:
		options->action = SMI_REPORT;
		return -1;
	case OPT_RESET:
		options->action = SMI_RESET;
		return -1;
	case OPT_XML:
		options->xml = true;
		return -1;
	case OPT_ID:
		options->target = value;
		return -1;
	case OPT_FILE:
		options->out = fopen(value, "we");
		if (options->out)
			return -1;
		printf("Unable to open %s: %s\n", value, strerror(errno));
		return SMI_USAGE;
	case OPT_LOOP:
		if (parse_number(value, strlen(value), &options->loop) && options->loop)
			return -1;
		printf("Invalid loop interval \"%s\": seconds, at least 1.\n", value);
		return SMI_USAGE;
	case OPT_QUERY_GPU:
	case OPT_QUERY_APPS:
		options->action = option == OPT_QUERY_GPU ? SMI_QUERY_GPU : SMI_QUERY_APPS;
		options->fields = value;
		return -1;
	case OPT_FORMAT:
		options->format = value;
		return -1;
	}
	return -1;
}

static int parse_format(struct options *options)
{
	bool csv = false;

	for (const char *word = options->format; word;
		word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL) {
		size_t length = strcspn(word, ",");
		if (length == 3 && strncmp(word, "csv", 3) == 0)
			csv = true;
		else if (length == 8 && strncmp(word, "noheader", 8) == 0)
			options->header = false;
		else if (length == 7 && strncmp(word, "nounits", 7) == 0)
			options->units = false;
		else {
			puts("Format modifier is not recognized.");
			return SMI_USAGE;
		}
	}
	if (csv)
		return -1;
	puts("\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help.\n");
	return SMI_USAGE;
}

static int parse(int argc, char **argv, struct options *options)
{
	for (int i = 1; i < argc; i++) {
		const char *argument = argv[i], *value = NULL;
		size_t length = strcspn(argument, "="), k = 0,
		       count = sizeof(known_options) / sizeof(known_options[0]);
		for (; k < count; k++)
			if ((known_options[k].brief && strcmp(argument, known_options[k].brief) == 0) ||
				(strlen(known_options[k].name) == length &&
					strncmp(argument, known_options[k].name, length) == 0))
				break;
		if (k == count || (argument[length] && !known_options[k].value))
			return unknown_option(argument);
		if (known_options[k].value) {
			value = argument[length] ? argument + length + 1 : argv[++i];
			if (!value || !*value) {
				printf("Option %s needs a value. Please run 'nvidia-smi -h' for help.\n",
					argument);
				return SMI_USAGE;
			}
		}
		int rc = apply_option(options, known_options[k].option, value);
		if (rc >= 0)
			return rc;
	}
	if (options->action == SMI_QUERY_GPU || options->action == SMI_QUERY_APPS)
		return parse_format(options);
	if (options->format || (options->xml && options->action != SMI_REPORT)) {
		printf("Option %s is not valid for this command. Please run 'nvidia-smi -h' for help.\n",
			options->format ? "--format" : "-x");
		return SMI_USAGE;
	}
	return -1;
}

/* Why NVML could not be had, as nvidia-smi says it. */
static int explain_init(struct smi *smi, nvml_return rc)
{
	char version[NVML_VERSION_SIZE];

	if (rc == NVML_DRIVER_NOT_LOADED) {
		puts("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make "
		     "sure that the "
		     "latest NVIDIA driver is installed and running.\n");
		return SMI_DRIVER_NOT_LOADED;
	}
	printf("Failed to initialize NVML: %s\n", smi->nvml.nvmlErrorString(rc));
	if (rc == NVML_LIB_RM_VERSION_MISMATCH) {
		smi_library_version(smi, version);
		smi_short_version(version);
		printf("NVML library version: %s\n", version);
	}
	return rc > 255 ? 255 : (int)rc;
}

static int lost_gpu(struct smi *smi, uint32_t index, nvml_return rc)
{
	printf("Unable to determine the device handle for GPU%u: %s%s\n", index,
		smi->nvml.nvmlErrorString(rc),
		rc == NVML_GPU_IS_LOST ? ".  Reboot the system to recover this GPU" : "");
	return rc > 255 ? 255 : (int)rc;
}

/* Adds one target of -i. */
static int add_target(struct smi *smi, const char *word, size_t length)
{
	char name[128];
	nvml_device device;
	unsigned index;
	nvml_return rc;

	if (length >= sizeof(name) || smi->count == sizeof(smi->gpus) / sizeof(smi->gpus[0]))
		return SMI_NOT_FOUND;
	memcpy(name, word, length);
	name[length] = '\0';
	if (parse_number(name, length, &index))
		rc = NVML(&smi->nvml, nvmlDeviceGetHandleByIndex_v2, index, &device);
	else if (strchr(name, '-'))
		rc = NVML(&smi->nvml, nvmlDeviceGetHandleByUUID, name, &device);
	else
		rc = NVML(&smi->nvml, nvmlDeviceGetHandleByPciBusId_v2, name, &device);
	if (rc == NVML_NOT_FOUND || rc == NVML_INVALID_ARGUMENT)
		return SMI_NOT_FOUND;
	struct gpu *gpu = &smi->gpus[smi->count++];
	gpu->device = device;
	if (rc == NVML_OK)
		rc = NVML(&smi->nvml, nvmlDeviceGetIndex, device, &gpu->index);
	return rc == NVML_OK ? -1 : lost_gpu(smi, smi->count - 1, rc);
}

static int choose_gpus(struct smi *smi)
{
	int rc = -1;

	NVML(&smi->nvml, nvmlDeviceGetCount_v2, &smi->attached);
	for (const char *word = smi->options.target; word && rc < 0;) {
		size_t length = strcspn(word, ",");
		rc = add_target(smi, word, length);
		word = word[length] ? word + length + 1 : NULL;
	}
	for (uint32_t i = 0; !smi->options.target && i < smi->attached && i < 64 && rc < 0; i++) {
		struct gpu *gpu = &smi->gpus[smi->count++];
		gpu->index = i;
		nvml_return result = NVML(&smi->nvml, nvmlDeviceGetHandleByIndex_v2, i, &gpu->device);
		if (result != NVML_OK)
			rc = lost_gpu(smi, i, result);
	}
	if (rc < 0 && !smi->count)
		rc = SMI_NOT_FOUND;
	if (rc == SMI_NOT_FOUND)
		puts("No devices were found");
	return rc;
}

static int reset_gpus(struct smi *smi)
{
	for (uint32_t i = 0; i < smi->count; i++) {
		nvml_return rc = NVML(&smi->nvml, simDeviceReset, smi->gpus[i].device);

		if (rc != NVML_OK) {
			fprintf(smi->out, "GPU %u could not be reset: %s\n", smi->gpus[i].index,
				rc == NVML_IN_USE ? "In use by another client"
						  : smi->nvml.nvmlErrorString(rc));
			return rc > 255 ? 255 : (int)rc;
		}
		fprintf(smi->out, "GPU %u was successfully reset.\n", smi->gpus[i].index);
	}
	fputs("All done.\n", smi->out);
	return 0;
}

static int run(struct smi *smi)
{
	static int (*const actions[])(struct smi *) = {
		[SMI_SUMMARY] = smi_summary,
		[SMI_LIST] = smi_list,
		[SMI_REPORT] = smi_report,
		[SMI_QUERY_GPU] = smi_query_gpus,
		[SMI_QUERY_APPS] = smi_query_apps,
		[SMI_VERSION] = smi_version,
		[SMI_RESET] = reset_gpus,
	};
	int rc;

	for (;;) {
		rc = actions[smi->options.action](smi);
		fflush(smi->out);
		if (rc || !smi->options.loop)
			return rc;
		sleep(smi->options.loop);
	}
}

int main(int argc, char **argv)
{
	static struct smi smi = {.options = {.header = true, .units = true}};
	int rc = parse(argc, argv, &smi.options);

	if (rc >= 0)
		return rc;
	smi.out = smi.options.out ? smi.options.out : stdout;
	if (smi_load(&smi.nvml) < 0) {
		puts("NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that "
		     "the NVIDIA "
		     "Display Driver is properly installed and present in your system.\nPlease also try "
		     "adding directory "
		     "that contains libnvidia-ml.so to your system PATH.");
		return SMI_LIBRARY_NOT_FOUND;
	}
	nvml_return init = smi.nvml.nvmlInit_v2();
	if (init != NVML_OK)
		return explain_init(&smi, init);
	rc = smi.options.action == SMI_VERSION ? -1 : choose_gpus(&smi);
	if (rc < 0)
		rc = run(&smi);
	NVML(&smi.nvml, nvmlShutdown);
	if (fflush(smi.out) != 0 || ferror(smi.out))
		return rc ? rc : 1;
	return rc;
}
