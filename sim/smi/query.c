/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "sim/smi/smi.h"

/* --query-gpu and --query-compute-apps: comma-separated values. */

/* The next name of a comma-separated list, without the spaces around it; false at the end. */
static bool next_name(const char **list, const char **name, size_t *length)
{
	if (!*list)
		return false;
	const char *start = *list + strspn(*list, " ");
	const char *end = strchr(start, ',');
	*list = end ? end + 1 : NULL;
	*length = end ? (size_t)(end - start) : strlen(start);
	while (*length && start[*length - 1] == ' ')
		(*length)--;
	*name = start;
	return true;
}

static bool is_timestamp(const char *name, size_t length)
{
	return length == 9 && strncmp(name, "timestamp", 9) == 0;
}

static int refuse(const char *name, size_t length)
{
	printf("Field \"%.*s\" is not a valid field to query.\n\n", (int)length, name);
	return SMI_USAGE;
}

static void put_time(const struct smi *smi)
{
	struct timespec now;
	struct tm local;
	char text[64] = "";

	clock_gettime(CLOCK_REALTIME, &now);
	if (localtime_r(&now.tv_sec, &local))
		strftime(text, sizeof(text), "%Y/%m/%d %H:%M:%S", &local);
	fprintf(smi->out, "%s.%03ld", text, now.tv_nsec / 1000000);
}

static void put_header(const struct smi *smi)
{
	const char *list = smi->options.fields, *name, *comma = "";
	size_t length;

	while (next_name(&list, &name, &length)) {
		const struct field *field = smi_find_field(name, length);
		/* By its full name, however it was asked for. */
		fprintf(smi->out, "%s%.*s", comma, field ? (int)strlen(field->name) : (int)length,
			field ? field->name : name);
		if (field && field->unit && smi->options.units)
			fprintf(smi->out, " [%s]", field->unit);
		comma = ", ";
	}
	fputc('\n', smi->out);
}

static void put_row(const struct smi *smi, const struct gpu *gpu)
{
	const char *list = smi->options.fields, *name, *comma = "";
	size_t length;

	while (next_name(&list, &name, &length)) {
		const struct field *field = smi_find_field(name, length);
		struct value value = {.result = NVML_OK};
		fputs(comma, smi->out);
		comma = ", ";
		if (!field) {
			put_time(smi);
			continue;
		}
		field->get(smi, gpu, field->argument, &value);
		if (value.result != NVML_OK)
			fprintf(smi->out, "[%s]", smi_result_text(smi, value.result));
		else
			fprintf(smi->out, field->unit && smi->options.units ? "%s %s" : "%s", value.text,
				field->unit);
	}
	fputc('\n', smi->out);
}

int smi_query_gpus(struct smi *smi)
{
	const char *list = smi->options.fields, *name;
	size_t length;

	while (next_name(&list, &name, &length))
		if (!is_timestamp(name, length) && !smi_find_field(name, length))
			return refuse(name, length);
	if (smi->options.header)
		put_header(smi);
	smi->options.header = false; /* once, however often it loops */
	for (uint32_t i = 0; i < smi->count; i++)
		put_row(smi, &smi->gpus[i]);
	return 0;
}

enum app_field {
	APP_PID,
	APP_NAME,
	APP_MEMORY,
	APP_UUID,
	APP_BUS_ID,
	APP_GPU_NAME,
	APP_TIME,
	APP_FIELD_COUNT
};

/* Header names differ from those asked for in nvidia-smi as well. */
static const struct {
	const char *name, *alias, *header;
} app_fields[APP_FIELD_COUNT] = {
	[APP_PID] = {"pid", NULL, "pid"},
	[APP_NAME] = {"process_name", "name", "process_name"},
	[APP_MEMORY] = {"used_memory", "used_gpu_memory", "used_gpu_memory"},
	[APP_UUID] = {"gpu_uuid", NULL, "gpu_uuid"},
	[APP_BUS_ID] = {"gpu_bus_id", NULL, "gpu_bus_id"},
	[APP_GPU_NAME] = {"gpu_name", NULL, "gpu_name"},
	[APP_TIME] = {"timestamp", NULL, "timestamp"},
};

static int find_app_field(const char *name, size_t length)
{
	for (int i = 0; i < APP_FIELD_COUNT; i++)
		for (int alias = 0; alias < 2; alias++) {
			const char *known = alias ? app_fields[i].alias : app_fields[i].name;
			if (known && strncmp(known, name, length) == 0 && !known[length])
				return i;
		}
	return -1;
}

static void put_app(const struct smi *smi, const struct gpu *gpu, const struct process *process)
{
	static const char *const of_gpu[APP_FIELD_COUNT] = {
		[APP_UUID] = "uuid", [APP_BUS_ID] = "pci.bus_id", [APP_GPU_NAME] = "name"};
	const char *list = smi->options.fields, *name, *comma = "";
	size_t length;

	while (next_name(&list, &name, &length)) {
		int field = find_app_field(name, length);
		fputs(comma, smi->out);
		comma = ", ";
		if (field == APP_PID)
			fprintf(smi->out, "%u", process->info.pid);
		else if (field == APP_NAME)
			fputs(process->name, smi->out);
		else if (field == APP_MEMORY)
			fprintf(smi->out, "%llu%s", (unsigned long long)process->info.memory >> 20,
				smi->options.units ? " MiB" : "");
		else if (field == APP_TIME)
			put_time(smi);
		else {
			struct value value = smi_value(smi, gpu, of_gpu[field]);
			fputs(value.result == NVML_OK ? value.text : "[N/A]", smi->out);
		}
	}
	fputc('\n', smi->out);
}

int smi_query_apps(struct smi *smi)
{
	static struct process processes[512];
	const char *list = smi->options.fields, *name, *comma = "";
	size_t length;

	while (next_name(&list, &name, &length))
		if (find_app_field(name, length) < 0)
			return refuse(name, length);
	list = smi->options.fields;
	while (smi->options.header && next_name(&list, &name, &length)) {
		int field = find_app_field(name, length);
		fprintf(smi->out, "%s%s%s", comma, app_fields[field].header,
			field == APP_MEMORY && smi->options.units ? " [MiB]" : "");
		comma = ", ";
	}
	if (smi->options.header)
		fputc('\n', smi->out);
	smi->options.header = false;
	for (uint32_t i = 0; i < smi->count; i++) {
		uint32_t count = smi_processes(smi, smi->gpus[i].device, processes, 512);
		for (uint32_t n = 0; n < count; n++)
			if (processes[n].kind != 'G')
				put_app(smi, &smi->gpus[i], &processes[n]);
	}
	return 0;
}
