/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/elf_file.h"
#include "base/str.h"
#include "inventory/libs.h"
#include "inventory/procfs.h"
#include "inventory/search.h"

/*
 * From directories to the driver's libraries: which driver it is, which files belong to it, and under which
 * names programs look for them.
 */

enum { PATH_SIZE = 4096 };

struct finder {
	struct nvb_collect *collect;
	struct nvb_inventory *inventory;
	struct nvb_libdirs dirs;
	const char *version; /* of the driver, once chosen */
};

static bool is_regular(const struct nvb_listing_entry *entry)
{
	return entry->type == DT_REG || entry->type == DT_UNKNOWN;
}

static bool is_link(const struct nvb_listing_entry *entry)
{
	return entry->type == DT_LNK || entry->type == DT_UNKNOWN;
}

static bool join(char path[PATH_SIZE], const char *directory, const char *name)
{
	return snprintf(path, PATH_SIZE, "%s/%s", directory, name) < PATH_SIZE;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Reads a library for this host's machine; false (and a word in the log) for anything else. */
static bool read_library(const struct finder *f, const char *path, struct nvb_elf *elf)
{
	_cleanup_close_ int fd = nvb_root_openat(&f->inventory->roots.driver, path, O_RDONLY | O_NOFOLLOW, 0);
	_cleanup_error_ nvb_error *error = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		nvb_debug(f->collect->log, "%s: cannot be read, left out", path);
		return false;
	}
	if (nvb_elf_read(fd, path, elf, &error) < 0) {
		nvb_warning(f->collect->log, "%s, left out", nvb_error_message(error));
		return false;
	}
	if (elf->type != ET_DYN || elf->soname[0] == '.' ||
		elf->machine != nvb_host_machine(elf->elf_class)) {
		nvb_debug(f->collect->log, "%s: not a library for this machine, left out", path);
		return false;
	}
	return true;
}

/* What names the driver's version, in this order: a compute host has no GLX, a desktop may have no CUDA. */
static const char *const anchors[] = {
	"libcuda.so.", "libnvidia-ml.so.", "libGLX_nvidia.so.", "libEGL_nvidia.so.", "libnvidia-glcore.so."};

/* The directories that links of an anchor lead to: NixOS' profile and Debian's alternatives are full of
 * links. */
static int follow_anchors(struct finder *f, nvb_error **err)
{
	for (size_t d = 0; d < f->dirs.count; d++) {
		for (size_t i = 0; i < f->dirs.list[d].listing.count; i++) {
			const struct nvb_listing_entry entry = f->dirs.list[d].listing.entries[i];
			_cleanup_free_ char *real = NULL;
			char path[PATH_SIZE];
			bool anchor = false;
			int rc;

			for (size_t a = 0; a < NVB_ELEMENTS(anchors) && !anchor; a++)
				anchor = nvb_after(entry.name, anchors[a]) != NULL;
			if (!anchor || !is_link(&entry) || !join(path, f->dirs.list[d].path, entry.name) ||
				nvb_root_realpath(&f->inventory->roots.driver, path, &real, NULL) < 0)
				continue;
			*(strrchr(real, '/')) = '\0';
			if (!*real || nvb_streq(real, f->dirs.list[d].path))
				continue;
			rc = nvb_libdirs_add(&f->dirs, real, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* The first library named after `anchor` whose file is fit; one of the kernel module's version wins. */
static const char *version_by_anchor(struct finder *f, const char *anchor)
{
	const char *module = f->inventory->driver.module_version, *first = NULL;

	for (size_t d = 0; d < f->dirs.count; d++) {
		for (size_t i = 0; i < f->dirs.list[d].listing.count; i++) {
			const struct nvb_listing_entry *entry = &f->dirs.list[d].listing.entries[i];
			const char *version = nvb_after(entry->name, anchor);
			char path[PATH_SIZE];
			struct nvb_elf elf;

			if (!version || !is_regular(entry) || !nvb_is_driver_version(version) ||
				(first && !nvb_streq0(version, module)) ||
				!join(path, f->dirs.list[d].path, entry->name) ||
				!read_library(f, path, &elf))
				continue;
			if (!module || nvb_streq(version, module))
				return version;
			first = version;
		}
	}
	return first;
}

static int choose_version(struct finder *f, nvb_error **err)
{
	const char *version = NULL;

	for (size_t a = 0; a < NVB_ELEMENTS(anchors) && !version; a++)
		version = version_by_anchor(f, anchors[a]);
	if (!version)
		return 0;
	f->version = nvb_arena_strdup(&f->inventory->arena, version);
	f->inventory->driver.version = f->version;
	f->inventory->driver.mismatch = f->inventory->driver.module_version &&
					!nvb_streq(f->version, f->inventory->driver.module_version);
	return f->version ? 0 : nvb_fail_oom(err);
}

/* True when a file of that name belongs to the chosen driver; *lib is its row. */
static bool belongs(const struct finder *f, const char *name, const struct nvb_lib **lib)
{
	const char *version = nvb_lib_version(name);

	if (!version)
		return false;
	*lib = nvb_lib_find(name);
	/* Any number is a version of its own; "1.1.0.dpkg-new" and "1~" are not. */
	if (*lib && ((*lib)->flags & NVB_LIB_OWN_VERSION))
		return *version && version[strspn(version, "0123456789.")] == '\0';
	if (!*lib)
		*lib = &nvb_lib_other;
	return nvb_streq(version, f->version);
}

/* Where programs expect what lies in `directory`: nvidia/<alternative> and vdpau are places below it. */
static void standard_directory(const char *directory, char out[PATH_SIZE])
{
	char *slash;

	snprintf(out, PATH_SIZE, "%s", directory);
	slash = strrchr(out, '/');
	if (slash && nvb_streq(slash, "/vdpau")) {
		*slash = '\0';
		return;
	}
	if (!slash || slash == out)
		return;
	*slash = '\0';
	if (nvb_ends_with(out, "/nvidia"))
		*strrchr(out, '/') = '\0';
	else
		*slash = '/';
}

/* The names under which programs and the linker look for a library. */
static int link_names(struct finder *f, size_t index, const char *directory, const struct nvb_lib *lib,
	const char *soname, nvb_error **err)
{
	_cleanup_strv_ char **extra = nvb_strv_split(lib->links ? lib->links : "", " ");
	char standard[PATH_SIZE], path[PATH_SIZE];
	int rc = 0;

	if (!extra)
		return nvb_fail_oom(err);
	standard_directory(directory, standard);
	if (lib->flags & NVB_LIB_MODULE) {
		if (!*soname ||
			snprintf(path, sizeof(path), "%.3000s/vdpau/%s", standard, soname) >= PATH_SIZE)
			return 0;
		return nvb_files_link(f->collect, index, path, err);
	}
	if (*soname && join(path, directory, soname))
		rc = nvb_files_link(f->collect, index, path, err);
	if (rc == 0 && *soname && join(path, standard, soname))
		rc = nvb_files_link(f->collect, index, path, err);
	nvb_strv_foreach (name, extra) {
		if (rc == 0 && join(path, standard, *name))
			rc = nvb_files_link(f->collect, index, path, err);
	}
	return rc;
}

/*
 * 1 when another file has the same SONAME and class: the one that is found first is the one that the linker
 * would load, except that of several releases in one directory the SONAME link says which.
 */
static int is_shadowed(struct finder *f, const char *path, const struct nvb_elf *elf, nvb_error **err)
{
	for (size_t i = 0; *elf->soname && i < f->collect->file_count; i++) {
		struct nvb_file *other = &f->collect->files[i];
		_cleanup_free_ char *real = NULL;
		char link[PATH_SIZE];
		const char *chosen;
		size_t n;

		if (!nvb_streq0(other->soname, elf->soname) || other->elf_class != elf->elf_class ||
			nvb_streq(other->path, path))
			continue;
		n = (size_t)(base_name(path) - path);
		if (snprintf(link, sizeof(link), "%.*s%s", (int)n, path, elf->soname) >= PATH_SIZE ||
			strncmp(other->path, path, n) != 0 || strchr(other->path + n, '/') ||
			nvb_root_realpath(&f->inventory->roots.driver, link, &real, NULL) < 0 ||
			!nvb_streq(real, path))
			return 1;
		/* The link's choice takes the other's place; what leads to the other leads to it by name. */
		chosen = nvb_arena_strdup(&f->inventory->arena, path);
		if (!chosen)
			return nvb_fail_oom(err);
		other->path = chosen;
		return 1;
	}
	return 0;
}

static int note_directories(struct finder *f, const char *directory, unsigned elf_class, nvb_error **err)
{
	size_t slot = elf_class == 64 ? 0 : 1;
	char standard[PATH_SIZE];

	if (f->collect->directory[slot])
		return 0;
	standard_directory(directory, standard);
	f->collect->directory[slot] = nvb_arena_strdup(&f->inventory->arena, directory);
	f->collect->standard[slot] = nvb_arena_strdup(&f->inventory->arena, standard);
	return f->collect->directory[slot] && f->collect->standard[slot] ? 0 : nvb_fail_oom(err);
}

/* Adds the file at `path`, which is no link. *index is SIZE_MAX when it was left out. */
static int add_file(
	struct finder *f, const char *path, const struct nvb_lib *lib, size_t *index, nvb_error **err)
{
	struct nvb_arena *arena = &f->inventory->arena;
	struct nvb_elf elf;
	struct nvb_file file = {.kind = NVB_FILE_LIBRARY,
		.capabilities = lib->capabilities,
		.rule = lib->rule,
		.reason = lib->reason};
	char directory[PATH_SIZE];
	int rc;

	*index = SIZE_MAX;
	for (size_t i = 0; i < f->collect->file_count; i++) {
		if (nvb_streq(f->collect->files[i].path, path)) {
			*index = i;
			return 0;
		}
	}
	if (!read_library(f, path, &elf))
		return 0;
	rc = is_shadowed(f, path, &elf, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	file.elf_class = elf.elf_class;
	file.path = nvb_arena_strdup(arena, path);
	if (*elf.soname && !(lib->flags & NVB_LIB_MODULE))
		file.soname = nvb_arena_strdup(arena, elf.soname);
	if (!file.path || (!file.soname && *elf.soname && !(lib->flags & NVB_LIB_MODULE)))
		return nvb_fail_oom(err);
	rc = nvb_files_add(f->collect, &file, index, err);
	if (rc < 0)
		return rc;
	snprintf(directory, sizeof(directory), "%.*s", (int)(base_name(path) - path - 1), path);
	if (nvb_after(base_name(path), "libcuda.so.") || nvb_after(base_name(path), "libGLX_nvidia.so."))
		rc = note_directories(f, directory, elf.elf_class, err);
	return rc < 0 ? rc : link_names(f, *index, directory, lib, elf.soname, err);
}

static int add_regular_files(struct finder *f, nvb_error **err)
{
	for (size_t d = 0; d < f->dirs.count; d++) {
		const struct nvb_libdir *directory = &f->dirs.list[d];

		for (size_t i = 0; i < directory->listing.count; i++) {
			const struct nvb_lib *lib = NULL;
			char path[PATH_SIZE];
			size_t index;
			int rc;

			if (!is_regular(&directory->listing.entries[i]) ||
				!belongs(f, directory->listing.entries[i].name, &lib) ||
				!join(path, directory->path, directory->listing.entries[i].name))
				continue;
			rc = add_file(f, path, lib, &index, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static bool is_linked(const struct finder *f, const char *path)
{
	for (size_t i = 0; i < f->collect->link_count; i++)
		if (nvb_streq(f->collect->links[i].link.path, path))
			return true;
	return false;
}

/* The host's own further names, and files that are only reached through links. */
static int add_link(struct finder *f, const char *path, nvb_error **err)
{
	_cleanup_free_ char *real = NULL;
	const struct nvb_lib *lib = NULL;
	size_t index;
	int rc;

	if (is_linked(f, path) || nvb_root_realpath(&f->inventory->roots.driver, path, &real, NULL) < 0 ||
		!belongs(f, base_name(real), &lib))
		return 0;
	rc = add_file(f, real, lib, &index, err);
	if (rc < 0 || index == SIZE_MAX)
		return rc;
	return nvb_files_link(f->collect, index, path, err);
}

static int add_links(struct finder *f, nvb_error **err)
{
	for (size_t d = 0; d < f->dirs.count; d++) {
		const struct nvb_libdir *directory = &f->dirs.list[d];

		for (size_t i = 0; i < directory->listing.count; i++) {
			const struct nvb_listing_entry *entry = &directory->listing.entries[i];
			const char *version = nvb_lib_version(entry->name);
			char path[PATH_SIZE];
			int rc;

			if (!is_link(entry) || !version ||
				(!nvb_lib_find(entry->name) && !nvb_streq(version, f->version)) ||
				!join(path, directory->path, entry->name))
				continue;
			rc = add_link(f, path, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* The directories that a container's linker must know, 64-bit ones first. */
static int list_directories(struct finder *f, nvb_error **err)
{
	const size_t max = NVB_ELEMENTS(f->inventory->library_directories) - 1;
	size_t count = 0;

	for (unsigned elf_class = 64; elf_class >= 32; elf_class /= 2) {
		for (size_t i = 0; i < f->collect->file_count; i++) {
			const struct nvb_file *file = &f->collect->files[i];
			const char *directory;
			size_t k = 0;

			if (!file->soname || file->elf_class != elf_class)
				continue;
			directory = nvb_arena_strndup(&f->inventory->arena, file->path,
				(size_t)(base_name(file->path) - file->path - 1));
			if (!directory)
				return nvb_fail_oom(err);
			while (k < count && !nvb_streq(f->inventory->library_directories[k], directory))
				k++;
			if (k < count)
				continue;
			if (count == max)
				return nvb_fail(err, NVB_ERR_UNSUPPORTED,
					"driver libraries lie in more than %zu directories", max);
			f->inventory->library_directories[count++] = directory;
		}
	}
	return 0;
}

int nvb_collect_libraries(struct nvb_collect *collect, nvb_error **err)
{
	struct finder f = {.collect = collect, .inventory = collect->inventory, .dirs = {.collect = collect}};
	int rc = nvb_libdirs_find(&f.dirs, err);

	if (rc == 0)
		rc = follow_anchors(&f, err);
	if (rc == 0)
		rc = choose_version(&f, err);
	if (rc == 0 && f.version) {
		rc = add_regular_files(&f, err);
		if (rc == 0)
			rc = add_links(&f, err);
		if (rc == 0)
			rc = list_directories(&f, err);
	}
	nvb_libdirs_release(&f.dirs);
	return rc;
}
