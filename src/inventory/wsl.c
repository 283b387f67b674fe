/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/elf_file.h"
#include "base/str.h"
#include "inventory/collect.h"
#include "inventory/libs.h"
#include "inventory/listing.h"
#include "inventory/search.h"

/*
 * WSL2: no NVIDIA kernel module, no node per GPU; /dev/dxg hands calls to Windows, whose driver store is
 * mounted below /usr/lib/wsl/drivers. Source: Microsoft's "DirectX is coming to the Windows Subsystem for
 * Linux" and NVIDIA's "CUDA on WSL User Guide". The kernel's name says nothing: /dev/dxg and libdxcore.so do.
 */
#define WSL_LIB	    "/usr/lib/wsl/lib"
#define WSL_DRIVERS "/usr/lib/wsl/drivers"
#define WSL_DXCORE  WSL_LIB "/libdxcore.so"

enum { PATH_SIZE = 4096 };

/* Of Microsoft's, beside libdxcore. */
static const struct {
	const char *path;
	unsigned capabilities;
	const char *rule, *reason;
} microsoft[] = {
	{WSL_DXCORE, 0, "wsl.dxcore", "the way to Windows' GPU driver"},
	{WSL_LIB "/libd3d12.so", NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY, "wsl.d3d12",
		"Direct3D 12, which Mesa draws with"},
	{WSL_LIB "/libd3d12core.so", NVB_CAP_GRAPHICS | NVB_CAP_DISPLAY, "wsl.d3d12",
		"Direct3D 12, which Mesa draws with"},
};

static bool read_elf(const struct nvb_inventory *inventory, const char *path, struct nvb_elf *elf)
{
	_cleanup_close_ int fd = nvb_root_openat(&inventory->roots.driver, path, O_RDONLY | O_NOFOLLOW, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       nvb_elf_read(fd, path, elf, NULL) == 0 && elf->machine == nvb_host_machine(elf->elf_class);
}

bool nvb_wsl_detect(const struct nvb_inventory *inventory)
{
	struct nvb_elf elf;
	struct stat st;

	return nvb_root_stat(&inventory->roots.dev, "/dev/dxg", true, &st) == 0 && S_ISCHR(st.st_mode) &&
	       read_elf(inventory, WSL_DXCORE, &elf);
}

/* Kind and capabilities by name; false for what a container has no use for (.inf, .cat, .exe). */
static bool classify(const char *name, struct nvb_file *file)
{
	const struct nvb_lib *lib = nvb_lib_find(name);

	file->rule = "wsl.store";
	file->reason = "file of the Windows driver's store";
	if (nvb_lib_version(name)) {
		file->kind = NVB_FILE_LIBRARY;
		if (lib) {
			file->capabilities = lib->capabilities;
			file->rule = lib->rule;
			file->reason = lib->reason;
		}
	} else if (nvb_streq(name, "nvidia-smi")) {
		file->kind = NVB_FILE_BINARY;
		file->capabilities = NVB_CAP_UTILITY;
		file->rule = "bin.nvidia-smi";
		file->reason = "management and monitoring on the command line";
	} else if (nvb_ends_with(name, ".bin") || nvb_ends_with(name, ".dll")) {
		file->kind = NVB_FILE_DATA;
		file->capabilities = strstr(name, "ngx") ? NVB_CAP_NGX : 0;
	} else {
		return false;
	}
	return true;
}

static int add_library_links(struct nvb_collect *collect, size_t index, const char *directory,
	const char *name, const char *soname, nvb_error **err)
{
	char path[PATH_SIZE];
	int rc = 0;

	/* The loader stubs carry the SONAME of what they load: the name stays the library's own. */
	if (*soname && nvb_after(name, soname)) {
		snprintf(path, sizeof(path), "%.3000s/%s", directory, soname);
		rc = nvb_files_link(collect, index, path, err);
	}
	if (rc == 0 && nvb_streq(name, "libcuda.so.1.1")) {
		snprintf(path, sizeof(path), "%.3000s/libcuda.so", directory);
		rc = nvb_files_link(collect, index, path, err);
	}
	return rc;
}

static int add_store_file(
	struct nvb_collect *collect, const char *directory, const char *name, nvb_error **err)
{
	struct nvb_arena *arena = &collect->inventory->arena;
	struct nvb_file file = {0};
	struct nvb_elf elf = {0};
	size_t index;
	int rc;

	if (!classify(name, &file))
		return 0;
	file.path = nvb_arena_printf(arena, "%s/%s", directory, name);
	if (!file.path)
		return nvb_fail_oom(err);
	if (file.kind != NVB_FILE_DATA) {
		if (!read_elf(collect->inventory, file.path, &elf))
			return 0;
		file.elf_class = elf.elf_class;
		if (file.kind == NVB_FILE_LIBRARY && *elf.soname && nvb_after(name, elf.soname) &&
			!(file.soname = nvb_arena_strdup(arena, elf.soname)))
			return nvb_fail_oom(err);
	}
	rc = nvb_files_add(collect, &file, &index, err);
	if (rc == 0 && file.kind == NVB_FILE_LIBRARY)
		rc = add_library_links(collect, index, directory, name, elf.soname, err);
	if (rc == 0 && file.kind == NVB_FILE_BINARY)
		rc = nvb_files_link(collect, index, "/usr/bin/nvidia-smi", err);
	return rc;
}

static int list_directory(struct nvb_inventory *inventory, const char *directory, nvb_error **err)
{
	size_t i = 0;

	while (i < NVB_ELEMENTS(inventory->library_directories) - 1 && inventory->library_directories[i]) {
		if (nvb_streq(inventory->library_directories[i], directory))
			return 0;
		i++;
	}
	if (i == NVB_ELEMENTS(inventory->library_directories) - 1)
		return nvb_fail(
			err, NVB_ERR_UNSUPPORTED, "more than %zu driver stores below " WSL_DRIVERS, i);
	inventory->library_directories[i] = nvb_arena_strdup(&inventory->arena, directory);
	return inventory->library_directories[i] ? 0 : nvb_fail_oom(err);
}

static bool watch(struct nvb_collect *collect, const char *path)
{
	return nvb_fingerprint_watch(&collect->inventory->fingerprint, &collect->inventory->arena,
		&collect->inventory->roots, NVB_WATCH_DRIVER, path, NVB_WATCH_ALL);
}

/* One store, if it is one of NVIDIA's: those hold libcuda. */
static int add_store(struct nvb_collect *collect, const char *directory, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	int rc = 0;

	if (nvb_listing_read(&collect->inventory->roots.driver, directory, &listing) < 0 ||
		!nvb_listing_find(&listing, "libcuda.so.1.1"))
		return 0;
	if (!watch(collect, directory))
		return nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < listing.count; i++)
		if (listing.entries[i].type == DT_REG || listing.entries[i].type == DT_UNKNOWN)
			rc = add_store_file(collect, directory, listing.entries[i].name, err);
	return rc < 0 ? rc : list_directory(collect->inventory, directory, err);
}

static int add_microsoft(struct nvb_collect *collect, nvb_error **err)
{
	struct nvb_arena *arena = &collect->inventory->arena;

	for (size_t i = 0; i < NVB_ELEMENTS(microsoft); i++) {
		struct nvb_file file = {.kind = NVB_FILE_LIBRARY,
			.capabilities = microsoft[i].capabilities,
			.rule = microsoft[i].rule,
			.reason = microsoft[i].reason,
			.path = microsoft[i].path};
		struct nvb_elf elf;
		int rc;

		if (!read_elf(collect->inventory, microsoft[i].path, &elf))
			continue;
		file.elf_class = elf.elf_class;
		/* Microsoft's have none, or their own file name. */
		file.soname = nvb_arena_strdup(arena, *elf.soname ? elf.soname : strrchr(file.path, '/') + 1);
		if (!file.soname)
			return nvb_fail_oom(err);
		rc = nvb_files_add(collect, &file, NULL, err);
		if (rc < 0)
			return rc;
	}
	return list_directory(collect->inventory, WSL_LIB, err);
}

struct store {
	const char *name;
	struct timespec modified;
};

/* Newest first: the names of the newest store's libraries win. */
static int by_age(const void *a, const void *b)
{
	const struct timespec *x = &((const struct store *)a)->modified,
			      *y = &((const struct store *)b)->modified;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec > y->tv_sec ? -1 : 1;
	return x->tv_nsec == y->tv_nsec ? 0 : x->tv_nsec > y->tv_nsec ? -1 : 1;
}

int nvb_collect_wsl(struct nvb_collect *collect, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	_cleanup_free_ struct store *stores = NULL;
	char path[PATH_SIZE];
	int rc = add_microsoft(collect, err);

	if (rc < 0)
		return rc;
	if (!watch(collect, WSL_DRIVERS) || !watch(collect, WSL_LIB))
		return nvb_fail_oom(err);
	if (nvb_listing_read(&collect->inventory->roots.driver, WSL_DRIVERS, &listing) < 0 ||
		listing.count == 0)
		return 0;
	stores = calloc(listing.count, sizeof(*stores));
	if (!stores)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < listing.count; i++) {
		struct stat st = {0};

		stores[i].name = listing.entries[i].name;
		snprintf(path, sizeof(path), WSL_DRIVERS "/%.255s/libcuda.so.1.1", stores[i].name);
		if (nvb_root_stat(&collect->inventory->roots.driver, path, false, &st) == 0)
			stores[i].modified = st.st_mtim;
	}
	qsort(stores, listing.count, sizeof(*stores), by_age);
	for (size_t i = 0; rc == 0 && i < listing.count; i++) {
		snprintf(path, sizeof(path), WSL_DRIVERS "/%.255s", stores[i].name);
		rc = add_store(collect, path, err);
	}
	return rc;
}
