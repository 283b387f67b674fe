/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/str.h"
#include "benchmark/subject.h"
#include "inventory/inventory.h"

enum { TEXT_MAX = 4 << 20, CGROUP2 = 0x63677270 };

static char *read_text(const char *path)
{
	char *text = NULL;
	size_t size;

	return nvb_file_read(AT_FDCWD, path, TEXT_MAX, &text, &size, NULL) == 0 ? text : NULL;
}

/* What stands behind the first `name` at the beginning of a line, without blanks, colons and quotes. */
static char *value_of(const char *text, const char *name)
{
	for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *value = nvb_after(line, name);

		if (!value)
			continue;
		value += strspn(value, " \t:=\"");
		return strndup(value, strcspn(value, "\n\""));
	}
	return NULL;
}

static int add(struct nvb_record *record, const char *key, const char *value, nvb_error **err)
{
	return nvb_record_add_host(record, key, value && *value ? value : "unknown", err);
}

static int add_processor(struct nvb_record *record, nvb_error **err)
{
	_cleanup_free_ char *info = read_text("/proc/cpuinfo"), *model = NULL, *flags = NULL, *text = NULL;
	_cleanup_free_ char *governor = read_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");

	model = value_of(info, "model name");
	flags = value_of(info, "flags");
	if (governor)
		governor[strcspn(governor, "\n")] = '\0';
	if (asprintf(&text, "%s, %d online%s%s%s", model ? model : "unknown", get_nprocs(),
		    flags && strstr(flags, " hypervisor") ? ", virtual machine" : "",
		    governor ? ", governor " : "", governor ? governor : "") < 0) {
		text = NULL;
		return nvb_fail_oom(err);
	}
	return add(record, "processors", text, err);
}

static int add_system(struct nvb_record *record, nvb_error **err)
{
	_cleanup_free_ char *release = read_text("/etc/os-release"), *name = value_of(release, "PRETTY_NAME"),
			    *text = NULL;
	struct utsname kernel;
	struct sysinfo info;
	int rc;

	uname(&kernel);
	if (asprintf(&text, "%s %s %s", kernel.sysname, kernel.release, kernel.machine) < 0) {
		text = NULL;
		return nvb_fail_oom(err);
	}
	rc = add(record, "kernel", text, err);
	if (rc == 0)
		rc = add(record, "system", name, err);
	free(NVB_TAKE_PTR(text));
	if (rc < 0 || sysinfo(&info) < 0)
		return rc;
	if (asprintf(&text, "%.1f GiB", (double)info.totalram * info.mem_unit / (1 << 30)) < 0) {
		text = NULL;
		return nvb_fail_oom(err);
	}
	return add(record, "memory", text, err);
}

static const char *cgroups(void)
{
	struct statfs fs;

	if (statfs("/sys/fs/cgroup", &fs) < 0)
		return NULL;
	if (fs.f_type == CGROUP2)
		return "v2";
	return statfs("/sys/fs/cgroup/unified", &fs) == 0 && fs.f_type == CGROUP2 ? "v1, with v2 beside it"
										  : "v1";
}

static int add_runtimes(struct nvb_benchmark *benchmark, nvb_error **err)
{
	static const char *const names[] = {"runc", "crun"};
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	for (size_t i = 0; i < NVB_ELEMENTS(names); i++) {
		const char *words[] = {names[i], "--version", NULL};
		_cleanup_free_ char *version = NULL;

		if (nvb_first_line(benchmark, words, &version, NULL) < 0)
			continue;
		nvb_sb_add(&sb, sb.len ? ", " : "");
		nvb_sb_add(&sb, version);
	}
	return add(benchmark->record, "OCI runtimes", sb.len ? sb.s : "none", err);
}

/* The simulator's driver says what it is where every driver says its version. */
static bool is_simulated(const struct nvb_inventory *inventory)
{
	_cleanup_free_ char *text = NULL;
	size_t size;

	return nvb_root_read(&inventory->roots.proc, "/proc/driver/nvidia/version", TEXT_MAX, &text, &size,
		       NULL) == 0 &&
	       strstr(text, "(nvbind-sim)");
}

static int add_driver(struct nvb_record *record, const struct nvb_inventory *inventory, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf gpus = {0}, driver = {0};
	const char *version = inventory->driver.version;
	int rc;

	record->simulated = is_simulated(inventory);
	nvb_sb_addf(&driver, "%s%s", version ? version : "none", record->simulated ? ", SIMULATED" : "");
	rc = add(record, "NVIDIA driver", driver.s, err);
	for (size_t i = 0, equal; rc == 0 && i < inventory->gpu_count; i += equal) {
		const char *name = inventory->gpus[i].name;

		equal = 1;
		while (i + equal < inventory->gpu_count && nvb_streq0(inventory->gpus[i + equal].name, name))
			equal++;
		nvb_sb_addf(&gpus, "%s%zu %s", i ? ", " : "", equal, name ? name : "of unknown model");
	}
	return rc == 0 ? add(record, "GPUs", gpus.len ? gpus.s : "none", err) : rc;
}

int nvb_host_load(struct nvb_record *record, const char *key, nvb_error **err)
{
	_cleanup_free_ char *load = read_text("/proc/loadavg");

	if (load) /* the three averages */
		for (size_t i = 0, blanks = 0; load[i]; i++)
			if (load[i] == ' ' && ++blanks == 3)
				load[i] = '\0';
	return add(record, key, load, err);
}

int nvb_host_describe(struct nvb_benchmark *benchmark, const nvb_inventory *inventory, nvb_error **err)
{
	struct nvb_record *record = benchmark->record;
	int rc = add_processor(record, err);

	if (rc == 0)
		rc = add_system(record, err);
	if (rc == 0)
		rc = add(record, "control groups", cgroups(), err);
	if (rc == 0)
		rc = add_runtimes(benchmark, err);
	if (rc == 0 && inventory)
		rc = add_driver(record, inventory, err);
	else if (rc == 0)
		rc = add(record, "NVIDIA driver", "not asked for", err);
	return rc == 0 ? nvb_host_load(record, "load before", err) : rc;
}
