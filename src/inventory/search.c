/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/search.h"

#include <dirent.h>
#include <elf.h>
#include <string.h>

#include "base/ldcache.h"
#include "base/str.h"
#include "inventory/libs.h"

enum { DIRECTORIES_MAX = 256 };

/* Where distributions put libraries. The ELF class of what is found there decides what it is for: /usr/lib is
 * 64-bit on Arch and 32-bit on Fedora. */
static const char *const known_directories[] = {
#if defined(__x86_64__) || defined(__i386__)
	"/usr/lib/x86_64-linux-gnu", /* Debian, Ubuntu */
#elif defined(__aarch64__)
	"/usr/lib/aarch64-linux-gnu",
#endif
	"/usr/lib64",		  /* Fedora, RHEL, SUSE */
	"/run/opengl-driver/lib", /* NixOS: links into the store */
	"/usr/lib",		  /* Arch; 32-bit on Fedora */
#if defined(__x86_64__) || defined(__i386__)
	"/usr/lib/i386-linux-gnu",   /* Debian, Ubuntu */
	"/usr/lib32",		     /* Arch */
	"/run/opengl-driver-32/lib", /* NixOS */
#elif defined(__aarch64__)
	"/usr/lib/arm-linux-gnueabihf",
#endif
	"/usr/local/nvidia/lib64", /* Container-Optimized OS and what it gives to its pods */
};

unsigned nvb_host_machine(unsigned elf_class)
{
#if defined(__x86_64__) || defined(__i386__)
	return elf_class == 64 ? EM_X86_64 : EM_386;
#elif defined(__aarch64__) || defined(__arm__)
	return elf_class == 64 ? EM_AARCH64 : EM_ARM;
#else
	return 0;
#endif
}

/* cuda-compat's libraries and the link-time stubs of the CUDA toolkit are no driver of this host. */
static bool is_foreign(const char *path)
{
	return nvb_ends_with(path, "/compat") || nvb_ends_with(path, "/stubs");
}

/* Reads one directory into the list; 1 when it is there already or no directory. */
static int read_directory(struct nvb_libdirs *dirs, const char *path, nvb_error **err)
{
	struct nvb_inventory *inventory = dirs->collect->inventory;
	const struct nvb_root *root = &inventory->roots.driver;
	_cleanup_free_ char *real = NULL;
	struct nvb_libdir directory = {0};

	if (!nvb_fingerprint_watch(&inventory->fingerprint, &inventory->arena, &inventory->roots,
		    NVB_WATCH_DRIVER, path, NVB_WATCH_ALL))
		return nvb_fail_oom(err);
	if (nvb_root_realpath(root, path, &real, NULL) < 0 || is_foreign(real))
		return 1;
	for (size_t i = 0; i < dirs->count; i++)
		if (nvb_streq(dirs->list[i].path, real))
			return 1;
	if (dirs->count == DIRECTORIES_MAX) {
		nvb_warning(dirs->collect->log, "more than %d library directories, %s left out",
			DIRECTORIES_MAX, real);
		return 1;
	}
	directory.path = nvb_arena_strdup(&inventory->arena, real);
	if (!directory.path || !NVB_GROW(dirs->list, dirs->count, dirs->capacity))
		return nvb_fail_oom(err);
	if (nvb_listing_read(root, real, &directory.listing) < 0)
		return 1;
	dirs->list[dirs->count++] = directory;
	return 0;
}

static bool may_be_directory(const struct nvb_listing_entry *entry)
{
	return entry->type == DT_DIR || entry->type == DT_LNK || entry->type == DT_UNKNOWN;
}

/* Debian keeps each driver's files in nvidia/<alternative> and links to those of the chosen one. "current" is
 * the newest branch, which the chosen libcuda may still overrule by its version. */
static int add_alternatives(struct nvb_libdirs *dirs, const char *base, nvb_error **err)
{
	_cleanup_listing_ struct nvb_listing listing = {0};
	char path[4096];
	int rc = 0;

	snprintf(path, sizeof(path), "%.2000s/nvidia", base);
	if (nvb_listing_read(&dirs->collect->inventory->roots.driver, path, &listing) < 0)
		return 0;
	if (nvb_listing_find(&listing, "current")) {
		snprintf(path, sizeof(path), "%.2000s/nvidia/current", base);
		rc = read_directory(dirs, path, err);
	}
	for (size_t i = 0; rc >= 0 && i < listing.count; i++) {
		if (!may_be_directory(&listing.entries[i]))
			continue;
		snprintf(path, sizeof(path), "%.2000s/nvidia/%.255s", base, listing.entries[i].name);
		rc = read_directory(dirs, path, err);
	}
	return rc < 0 ? rc : 0;
}

int nvb_libdirs_add(struct nvb_libdirs *dirs, const char *path, nvb_error **err)
{
	size_t place = dirs->count;
	int rc = read_directory(dirs, path, err);
	const char *base;
	char below[4096];

	if (rc != 0)
		return rc < 0 ? rc : 0;
	base = dirs->list[place].path;
	if (nvb_listing_find(&dirs->list[place].listing, "nvidia"))
		rc = add_alternatives(dirs, base, err);
	if (rc >= 0 && nvb_listing_find(&dirs->list[place].listing, "vdpau")) {
		snprintf(below, sizeof(below), "%.2000s/vdpau", base);
		rc = read_directory(dirs, below, err);
	}
	return rc < 0 ? rc : 0;
}

/* The directory of an entry's path, unless the last entry was of the same one. *asked counts them. */
static int add_directory_of(
	struct nvb_libdirs *dirs, const char *path, char *last, size_t size, size_t *asked, nvb_error **err)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (path[0] != '/' || n == 0 || n >= size || (strncmp(last, path, n) == 0 && !last[n]))
		return 0;
	memcpy(last, path, n);
	last[n] = '\0';
	++*asked;
	return nvb_libdirs_add(dirs, last, err);
}

static int add_from_ldcache(struct nvb_libdirs *dirs, nvb_error **err)
{
	struct nvb_inventory *inventory = dirs->collect->inventory;
	_cleanup_ldcache_ struct nvb_ldcache cache = {0};
	_cleanup_free_ char *data = NULL;
	_cleanup_error_ nvb_error *ignored = NULL;
	char last[4096] = "";
	size_t size = 0, asked = 0;
	int rc;

	if (!nvb_fingerprint_watch(&inventory->fingerprint, &inventory->arena, &inventory->roots,
		    NVB_WATCH_DRIVER, "/etc/ld.so.cache", NVB_WATCH_ALL))
		return nvb_fail_oom(err);
	if (nvb_root_read(&inventory->roots.driver, "/etc/ld.so.cache", NVB_LDCACHE_MAX, &data, &size, NULL) <
		0)
		return 0;
	rc = nvb_ldcache_parse(&cache, data, size, &ignored);
	if (rc < 0) {
		nvb_warning(dirs->collect->log, "%s/etc/ld.so.cache is not used: %s",
			nvb_streq(inventory->roots.driver.path, "/") ? "" : inventory->roots.driver.path,
			nvb_error_message(ignored));
		return 0;
	}
	data = NULL; /* the cache's now */
	/* Each that is asked for is watched from then on, there or not: a hostile cache names a million. */
	for (size_t i = 0; rc >= 0 && i < cache.count && asked < DIRECTORIES_MAX; i++)
		if (!cache.entries[i].hwcap_name && nvb_lib_find(cache.entries[i].soname))
			rc = add_directory_of(dirs, cache.entries[i].path, last, sizeof(last), &asked, err);
	return rc < 0 ? rc : 0;
}

int nvb_libdirs_find(struct nvb_libdirs *dirs, nvb_error **err)
{
	struct nvb_inventory *inventory = dirs->collect->inventory;
	int rc = 0;

	nvb_strv_foreach (path, inventory->roots.library_path) {
		rc = nvb_libdirs_add(dirs, *path, err);
		if (rc < 0)
			return rc;
	}
	/* Links of Debian's alternatives change there without a change where the libraries are. */
	if (!nvb_fingerprint_watch(&inventory->fingerprint, &inventory->arena, &inventory->roots,
		    NVB_WATCH_DRIVER, "/etc/alternatives", NVB_WATCH_ALL))
		return nvb_fail_oom(err);
	rc = add_from_ldcache(dirs, err);
	for (size_t i = 0; rc >= 0 && i < NVB_ELEMENTS(known_directories); i++)
		rc = nvb_libdirs_add(dirs, known_directories[i], err);
	return rc < 0 ? rc : 0;
}

void nvb_libdirs_release(struct nvb_libdirs *dirs)
{
	for (size_t i = 0; i < dirs->count; i++)
		nvb_listing_release(&dirs->list[i].listing);
	free(dirs->list);
	*dirs = (struct nvb_libdirs){0};
}
