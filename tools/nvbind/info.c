/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "info.h"
#include "nvbind.h"

static struct {
	bool json, gpus, nvml, driver_check, leases;
	int format;
} opt;

static const struct nvb_option options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format), "table or json"},
	{"json", 0, NVB_OPTION_FLAG(&opt.json), "the same as --format json"},
	{"gpus", 0, NVB_OPTION_FLAG(&opt.gpus), "only the GPUs; as JSON a list with what NVML knows of each"},
	{"nvml", 0, NVB_OPTION_FLAG(&opt.nvml), "ask NVIDIA's management library for what only it knows"},
	{"driver-check", 0, NVB_OPTION_FLAG(&opt.driver_check),
		"say whether the driver is fit for containers; exit status 0 if it is"},
	{"leases", 0, NVB_OPTION_FLAG(&opt.leases), "say who holds which GPU, and how"},
	{NULL},
};

const struct nvb_option_group info_groups[] = {
	{"Options", options},
	{NULL, NULL},
};

static const char *kind_text(enum nvb_driver_kind kind)
{
	switch (kind) {
	case NVB_DRIVER_PROPRIETARY:
		return "NVIDIA's proprietary kernel module";
	case NVB_DRIVER_OPEN:
		return "NVIDIA's open kernel module";
	case NVB_DRIVER_NOUVEAU:
		return "nouveau";
	case NVB_DRIVER_DXG:
		return "WSL2's paravirtual driver";
	case NVB_DRIVER_NONE:
	default:
		return "none";
	}
}

static void print_driver(const struct nvb_inventory *inventory)
{
	const struct nvb_driver *driver = &inventory->driver;
	size_t count[3] = {0};

	for (size_t i = 0; i < inventory->file_count; i++) {
		const struct nvb_file *file = &inventory->files[i];

		count[file->kind != NVB_FILE_LIBRARY ? 2 : file->elf_class == 32]++;
	}
	printf("Driver:    %s", kind_text(driver->kind));
	if (driver->module_version)
		printf(" %s", driver->module_version);
	printf("\nLibraries: %s", driver->version		   ? driver->version
				  : driver->kind == NVB_DRIVER_DXG ? "of the Windows driver"
								   : "no driver libraries found");
	if (driver->mismatch)
		printf("  %s(differs from the kernel module: nothing will work until a reboot)%s",
			nvb_style_on(stdout, NVB_STYLE_RED), nvb_style_off(stdout));
	printf("\nFiles:     %zu libraries, %zu for 32-bit programs, %zu others\n", count[0], count[1],
		count[2]);
	if (inventory->excluded_count)
		printf("Excluded:  %zu by the driver's configuration\n", inventory->excluded_count);
	putchar('\n');
}

/* The existing Bolt counts the word "GPU" in this output: it stands there once per device, in its UUID. Names
 * that have it too ("NVIDIA GeForce RTX 4090 Laptop GPU") leave it to the JSON output. */
static void name_cell(struct nvb_table *table, const char *name)
{
	_cleanup_strbuf_ struct nvb_strbuf shown = {0};

	while (name && *name) {
		size_t word = nvb_after(name, " GPU") ? 4 : nvb_after(name, "GPU") ? 3 : 0;

		if (!word)
			nvb_sb_addc(&shown, *name++);
		name += word;
	}
	nvb_table_cell(table, shown.s);
}

static void memory_cell(struct nvb_table *table, uint64_t bytes)
{
	char text[16];

	nvb_table_cell(table, bytes ? nvb_format_bytes(bytes, text, sizeof(text)) : NULL);
}

static void gpu_row(struct nvb_table *table, const struct nvb_gpu *gpu)
{
	nvb_table_cellf(table, "%u", gpu->index);
	name_cell(table, gpu->name);
	nvb_table_cell(table, gpu->uuid ? gpu->uuid : "GPU-? (not initialised yet)");
	nvb_table_cell(table, gpu->pci);
	nvb_table_cell(table, gpu->node.path);
	if (gpu->node.path && !gpu->node.present)
		nvb_table_style(table, NVB_STYLE_RED);
	if (gpu->numa_node >= 0)
		nvb_table_cellf(table, "%d", gpu->numa_node);
	else
		nvb_table_cell(table, NULL);
	memory_cell(table, gpu->memory);
	nvb_table_cell(table, gpu->kernel_driver);
}

static void mig_row(struct nvb_table *table, const struct nvb_gpu *gpu, const struct nvb_mig_device *mig)
{
	nvb_table_cellf(table, "%u:%u", gpu->index, mig->index);
	nvb_table_cellf(table, "  MIG %s", mig->profile ? mig->profile : "");
	nvb_table_cell(table, mig->uuid);
	nvb_table_cell(table, NULL);
	nvb_table_cell(table, mig->ci_access.path);
	nvb_table_cell(table, NULL);
	memory_cell(table, mig->memory);
	nvb_table_cell(table, NULL);
}

static int print_table(const struct nvb_inventory *inventory, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"INDEX", true}, {"NAME", false}, {"UUID", false},
		{"PCI ADDRESS", false}, {"NODE", false}, {"NUMA", true}, {"MEMORY", true}, {"MODULE", false},
		{NULL, false}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};

	if (!opt.gpus)
		print_driver(inventory);
	if (inventory->gpu_count == 0) {
		puts(inventory->platform == NVB_PLATFORM_WSL2
				? "All of Windows' NVIDIA devices, through /dev/dxg"
				: "No NVIDIA device found");
		return 0;
	}
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		gpu_row(&table, &inventory->gpus[i]);
		for (size_t m = 0; m < inventory->gpus[i].mig_count; m++)
			mig_row(&table, &inventory->gpus[i], &inventory->gpus[i].migs[m]);
	}
	return nvb_table_print(&table, stdout, err);
}

/* What keeps a container from using the driver, as one error with what mends it. */
static int check_driver(const struct nvb_inventory *inventory, nvb_error **err)
{
	const struct nvb_driver *driver = &inventory->driver;
	int rc;

	if (driver->kind == NVB_DRIVER_NONE) {
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "no NVIDIA driver is loaded");
		return nvb_hint(err, rc,
			inventory->gpu_count ? "install NVIDIA's driver, then: modprobe nvidia"
					     : "this host has no NVIDIA GPU either");
	}
	if (driver->kind == NVB_DRIVER_NOUVEAU) {
		rc = nvb_fail(err, NVB_ERR_UNSUPPORTED, "the GPUs are driven by nouveau, which has no CUDA");
		return nvb_hint(err, rc, "install NVIDIA's driver, which blocks nouveau, and reboot");
	}
	if (driver->mismatch) {
		rc = nvb_fail(err, NVB_ERR_STALE, "libraries are of version %s, the kernel module of %s",
			driver->version, driver->module_version);
		return nvb_hint(err, rc, "reboot, or unload and load the nvidia modules");
	}
	if (inventory->platform == NVB_PLATFORM_NATIVE && !driver->version) {
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "the driver's libraries were not found below %s",
			inventory->roots.driver.path);
		return nvb_hint(
			err, rc, "install the driver's userspace, or name its directory with --library-path");
	}
	if (inventory->platform == NVB_PLATFORM_NATIVE && inventory->gpu_count == 0)
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "the driver serves no GPU");
	for (size_t i = 0; i < inventory->gpu_count; i++) {
		if (!inventory->gpus[i].node.path || inventory->gpus[i].node.present)
			continue;
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "GPU %u: %s is missing", inventory->gpus[i].index,
			inventory->gpus[i].node.path);
		return nvb_hint(err, rc, "nvidia-modprobe -c %u -u makes it", inventory->gpus[i].minor);
	}
	return 0;
}

/* Under WSL2 NVML's list is the only one. */
static bool wants_nvml(const struct nvb_inventory *inventory, bool json)
{
	bool wsl = inventory->platform == NVB_PLATFORM_WSL2;

	return wsl ? !json || opt.nvml || opt.gpus : inventory->gpu_count && (opt.nvml || (opt.gpus && json));
}

int verb_info(int argc, char **argv, nvb_error **err)
{
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *inventory = NULL;
	_cleanup_error_ nvb_error *unknown = NULL;
	bool json = opt.json || opt.format == NVB_FORMAT_JSON;
	int rc = load_inventory(NULL, &inventory, err);

	(void)argc;
	(void)argv;
	if (rc < 0)
		return rc;
	if (opt.driver_check) {
		rc = check_driver(inventory, err);
		if (rc < 0)
			return rc;
		printf("%s%s%s is fit for containers\n", kind_text(inventory->driver.kind),
			inventory->driver.module_version ? " " : "",
			inventory->driver.module_version ? inventory->driver.module_version : "");
		return nvb_stdout_flush(err);
	}
	if (opt.leases) {
		rc = info_leases(inventory, json, err);
		return rc < 0 ? rc : nvb_stdout_flush(err);
	}
	/* Unknown fields are no failure: what is known is printed all the same. */
	if (wants_nvml(inventory, json) && nvb_inventory_ask_nvml(inventory, nvb_logging(), &unknown) < 0)
		nvb_report_warning("nvbind", "what NVML knows is left out: %s", nvb_error_message(unknown));
	if (json)
		rc = opt.gpus ? info_gpus_json(inventory, err) : info_json(inventory, err);
	else
		rc = print_table(inventory, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}
