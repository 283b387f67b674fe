/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_HOST_H
#define TESTS_HOST_H

#include <sys/sysmacros.h>

#include "base/str.h"
#include "inventory/inventory.h"
#include "scratch.h"
#include "sim/elf_writer.h"

/* A host made by hand in the scratch directory, one file at a time. */

static inline void host_parents(const char *path)
{
	char *copy = strdup(path);

	assert_non_null(copy);
	*strrchr(copy, '/') = '\0';
	if (*copy)
		scratch_mkdir(copy + 1);
	free(copy);
}

static inline void host_text(const char *path, const char *text)
{
	host_parents(path);
	scratch_write(path + 1, text);
}

static inline void host_link(const char *path, const char *target)
{
	host_parents(path);
	assert_int_equal(symlinkat(target, scratch.fd, path + 1), 0);
}

static inline void host_elf(const char *path, enum sim_elf_machine machine, const char *soname)
{
	const struct sim_elf_library library = {
		.machine = machine, .soname = soname, .text = "made by a test"};
	char *image;
	size_t size;

	host_parents(path);
	assert_int_equal(sim_elf_library(&library, &image, &size, NULL), 0);
	assert_int_equal(nvb_file_write(scratch.fd, path + 1, image, size, 0755, NULL), 0);
	free(image);
}

static inline void host_lib(const char *path, const char *soname)
{
	host_elf(path, SIM_ELF_X86_64, soname);
}

static inline void host_lib32(const char *path, const char *soname)
{
	host_elf(path, SIM_ELF_I386, soname);
}

static inline void host_module(const char *version)
{
	char text[256];

	snprintf(text, sizeof(text), "NVRM version: NVIDIA UNIX x86_64 Kernel Module  %s  Tue Mar 12 2024\n",
		version);
	host_text("/proc/driver/nvidia/version", text);
	host_text("/proc/devices", "Character devices:\n195 nvidia\n510 nvidia-uvm\n237 nvidia-caps\n\nBlock "
				   "devices:\n  8 sd\n");
}

static inline void host_gpu(const char *pci, unsigned minor, const char *uuid)
{
	char path[128], text[512];

	snprintf(path, sizeof(path), "/proc/driver/nvidia/gpus/%s/information", pci);
	snprintf(text, sizeof(text),
		"Model: \t\t NVIDIA Test\nIRQ:   \t\t 16\nGPU UUID: \t %s\nDevice Minor: \t %u\nGPU "
		"Excluded:\t No\n",
		uuid, minor);
	host_text(path, text);
}

#define HOST_UUID(n) "GPU-0000000" #n "-1111-2222-3333-444444444444"

static inline struct nvb_inventory *host_load(const char *cache)
{
	const struct nvb_inventory_options options = {
		.size = sizeof(options), .root = scratch.path, .cache_directory = cache};
	struct nvb_inventory *inventory = NULL;
	nvb_error *err = NULL;

	if (nvb_inventory_load(&options, &inventory, &err) < 0)
		fail_msg("loading: %s", nvb_error_message(err));
	return inventory;
}

static inline const struct nvb_file *host_file(const struct nvb_inventory *inventory, const char *path)
{
	for (size_t i = 0; i < inventory->file_count; i++)
		if (nvb_streq(inventory->files[i].path, path))
			return &inventory->files[i];
	return NULL;
}

/* The target of a name in the inventory, or NULL. */
static inline const char *host_target(const struct nvb_inventory *inventory, const char *path)
{
	for (size_t i = 0; i < inventory->file_count; i++)
		for (size_t k = 0; k < inventory->files[i].link_count; k++)
			if (nvb_streq(inventory->files[i].links[k].path, path))
				return inventory->files[i].links[k].target;
	return NULL;
}

static inline bool host_directory(const struct nvb_inventory *inventory, const char *path)
{
	return nvb_strv_contains((char *const *)inventory->library_directories, path);
}

#endif
