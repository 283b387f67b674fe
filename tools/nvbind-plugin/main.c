/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "nvbind/plugin.h"
#include "plugin/process.h"
#include "plugin/record.h"
#include "sandbox.h"

/*
 * Loads one plugin and calls it: the process that src/plugin/process.c makes, where nothing is left to take.
 * Its input and output are records; the plugin is the open file NVB_PLUGIN_FD.
 */

enum { GPUS_MAX = NVB_RECORD_COUNT_MAX };

struct host {
	struct nvb_plugin_host table; /* what the plugin sees */
	struct nvb_plugin_gpu gpus[GPUS_MAX];
	struct nvb_strbuf out;
	size_t records;
	char complaint[256]; /* the last warning: why it failed, if it does */
};

static struct host host;
static int output = STDOUT_FILENO;

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static bool has_room(size_t more)
{
	return host.records < NVB_RECORD_COUNT_MAX - 1 && host.out.len + more < NVB_RECORD_SIZE_MAX / 2;
}

static int finish(int status)
{
	char count[24];

	snprintf(count, sizeof(count), "%zu", host.records);
	NVB_RECORD_ADD(&host.out, NVB_RECORD_END, count);
	if (host.out.failed || nvb_write_all(output, host.out.s, host.out.len) < 0)
		return 2;
	return status;
}

static int fail(const char *what)
{
	/* What it said before does not count any more. */
	host.out.len = 0;
	host.records = 1;
	NVB_RECORD_ADD(&host.out, NVB_RECORD_FAILED, what);
	return finish(NVB_PLUGIN_STATUS_FAILED);
}

static int give_gpu(const struct nvb_plugin_host *table, size_t i, struct nvb_plugin_gpu *gpu)
{
	size_t size = gpu ? gpu->size : 0;

	if (i >= table->gpu_count || size < sizeof(size) || size > 4096)
		return -1;
	/* One built for a later version has fields that this one does not know. */
	memset((char *)gpu + sizeof(size), 0, size - sizeof(size));
	memcpy(gpu, &host.gpus[i], size < sizeof(*gpu) ? size : sizeof(*gpu));
	gpu->size = size;
	return 0;
}

static int add_edit(
	enum nvb_plugin_record_kind kind, int gpu, const char *a, const char *b, const char *reason)
{
	char number[16] = "";

	if (!a || !b || !reason || gpu < NVB_PLUGIN_ALL || gpu >= (int)host.table.gpu_count ||
		!has_room(strlen(a) + strlen(b) + strlen(reason)) || strlen(a) > NVB_RECORD_TEXT_MAX ||
		strlen(b) > NVB_RECORD_TEXT_MAX || strlen(reason) > NVB_RECORD_TEXT_MAX)
		return -1;
	if (gpu >= 0)
		snprintf(number, sizeof(number), "%d", gpu);
	NVB_RECORD_ADD(&host.out, kind, number, a, b, reason);
	host.records++;
	return host.out.failed ? -1 : 0;
}

static int add_device(const struct nvb_plugin_host *table, int gpu, const char *path, const char *access,
	const char *reason)
{
	(void)table;
	return add_edit(NVB_RECORD_DEVICE, gpu, path, access, reason);
}

static int add_mount(const struct nvb_plugin_host *table, int gpu, const char *source, const char *target,
	const char *reason)
{
	(void)table;
	return add_edit(NVB_RECORD_MOUNT, gpu, source, target, reason);
}

static int add_env(
	const struct nvb_plugin_host *table, int gpu, const char *name, const char *value, const char *reason)
{
	(void)table;
	return add_edit(NVB_RECORD_ENV, gpu, name, value, reason);
}

static int warn(const struct nvb_plugin_host *table, const char *text)
{
	(void)table;
	if (!text || strlen(text) > NVB_RECORD_TEXT_MAX || !has_room(strlen(text)))
		return -1;
	snprintf(host.complaint, sizeof(host.complaint), "%.250s", text);
	NVB_RECORD_ADD(&host.out, NVB_RECORD_WARN, text);
	host.records++;
	return host.out.failed ? -1 : 0;
}

static bool take(const struct nvb_plugin_record *record)
{
	const char *const *texts = record->texts;
	uint32_t number;

	if (record->kind == NVB_RECORD_HOST) {
		if (!nvb_parse_u32(texts[1], &number))
			return false;
		host.table.driver_version = or_null(texts[0]);
		host.table.capabilities = number;
		host.table.dev_root = texts[2];
		host.table.sys_root = texts[3];
		return true;
	}
	if (record->kind != NVB_RECORD_GPU || host.table.gpu_count == GPUS_MAX ||
		!nvb_parse_u32(texts[4], &number))
		return false;
	host.gpus[host.table.gpu_count++] = (struct nvb_plugin_gpu){
		.size = sizeof(struct nvb_plugin_gpu),
		.name = texts[0],
		.uuid = or_null(texts[1]),
		.pci = or_null(texts[2]),
		.model = or_null(texts[3]),
		.index = number,
		.numa_node = *texts[5] == '-' ? -1 : (int)strtol(texts[5], NULL, 10),
	};
	return true;
}

/* True with *asked saying whether there is anything to be done but to say who it is. */
static bool read_input(bool *asked)
{
	struct nvb_record_reader reader = {0};
	struct nvb_plugin_record record;
	char *data = NULL;
	int rc = nvb_file_read_fd(
		NVB_PLUGIN_INPUT_FD, "input", NVB_RECORD_SIZE_MAX, &data, &reader.size, NULL);

	/* Kept: the plugin's view points into it. */
	reader.data = data;
	if (rc < 0)
		return false;
	while ((rc = nvb_record_next(&reader, &record, NULL)) > 0) {
		*asked = true;
		if (!take(&record))
			return false;
	}
	return rc == 0;
}

/* Its standard output is where programs print without thought: records go elsewhere. */
static bool move_output(void)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, NVB_PLUGIN_INPUT_FD + 1);
	return null >= 0 && output >= 0 && dup2(null, STDOUT_FILENO) >= 0;
}

static int use(const struct nvb_plugin *plugin, bool asked)
{
	char text[sizeof(host.complaint) + 32];
	int rc;

	if (plugin->size < sizeof(*plugin))
		return fail("its descriptor is smaller than one of this version: it was built for another "
			    "nvbind");
	if (plugin->abi != NVB_PLUGIN_ABI)
		return fail("it was built for another version of the plugins' interface");
	if (!plugin->name || !plugin->version || !plugin->summary || !plugin->edit)
		return fail("its descriptor lacks a name, version, summary or function");
	NVB_RECORD_ADD(&host.out, NVB_RECORD_HELLO, plugin->name, plugin->version, plugin->summary);
	host.records++;
	if (!asked)
		return finish(0);
	rc = plugin->edit(&host.table);
	if (rc == 0)
		return finish(0);
	snprintf(text, sizeof(text), "it says that it failed%s%s", *host.complaint ? ": " : "",
		host.complaint);
	return fail(text);
}

int main(int argc, char **argv)
{
	const struct nvb_plugin *plugin;
	bool asked = false;
	char path[32], text[512];
	void *object;

	(void)argv;
	if (argc != 1 || !read_input(&asked)) {
		fputs("nvbind-plugin: run by nvbind and bolt, not by hand\n", stderr);
		return 2;
	}
	host.table.size = sizeof(host.table);
	host.table.abi = NVB_PLUGIN_ABI;
	host.table.gpu = give_gpu;
	host.table.add_device = add_device;
	host.table.add_mount = add_mount;
	host.table.add_env = add_env;
	host.table.warn = warn;
	if (!move_output() || sandbox_enter() < 0)
		return fail("its process could not be made safe");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", NVB_PLUGIN_FD);
	/* From here on it is foreign code that runs. */
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!object) {
		const char *why = dlerror(), *said = why ? nvb_after(why, path) : NULL;

		snprintf(text, sizeof(text), "it cannot be loaded%s", said ? said : "");
		return fail(text);
	}
	plugin = dlsym(object, NVB_PLUGIN_SYMBOL);
	return plugin ? use(plugin, asked) : fail("it has no " NVB_PLUGIN_SYMBOL);
}
