/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/str.h"
#include "sim/driver_files.h"
#include "sim/elf_writer.h"
#include "sim/paths.h"
#include "sim/tree.h"

static const char simulated[] = "a simulated NVIDIA driver's library: it does nothing";

static bool in_branch(uint32_t branch, uint32_t since, uint32_t before)
{
	return branch >= since && (!before || branch < before);
}

/* %V in a table's text becomes the driver's version. malloc'd. */
static char *with_version(const char *text, const char *version)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	for (const char *p = text; *p; p++) {
		if (p[0] == '%' && p[1] == 'V') {
			nvb_sb_add(&out, version);
			p++;
		} else {
			nvb_sb_addc(&out, *p);
		}
	}
	return nvb_sb_finish(&out);
}

static const struct sim_library *find_library(const char *name)
{
	for (const struct sim_library *l = sim_libraries; l->name; l++)
		if (nvb_streq(l->name, name))
			return l;
	return NULL;
}

/* "libcuda.so.1", or with the version where the SONAME is that. malloc'd. */
static char *soname_of(const struct sim_library *library, const char *version)
{
	char *s;

	return asprintf(&s, "%s.so.%s", library->name,
		       library->soname	  ? library->soname
		       : library->version ? library->version
					  : version) < 0
		       ? NULL
		       : s;
}

/* One set of libraries: 64-bit, 32-bit, or the newer ones of cuda-compat. */
struct set {
	const char *directory; /* where programs find them */
	const char *store;     /* where the files are, or NULL */
	const char *triplet;   /* names the links in /etc/alternatives, or NULL */
	const char *version;
	enum sim_elf_machine machine;
};

/*
 * What a library's DT_NEEDED names. The C library comes last, as in the real ones: by it ldconfig tells that
 * a 32-bit library is one for glibc, and without it no 32-bit loader would take it from the cache.
 */
static int collect_needed(
	const struct sim_library *library, const char *version, char ***needed, nvb_error **err)
{
	for (size_t i = 0; i < NVB_ELEMENTS(library->needed) && library->needed[i]; i++) {
		const struct sim_library *other = find_library(library->needed[i]);
		_cleanup_free_ char *soname = soname_of(other, version);

		if (!in_branch(sim_branch(version), other->since, other->before))
			continue;
		if (!soname || !nvb_strv_add(needed, soname))
			return nvb_fail_oom(err);
	}
	return nvb_strv_add(needed, "libc.so.6") ? 0 : nvb_fail_oom(err);
}

static int put_stub(struct sim_tree *tree, const struct sim_library *library, const struct set *set,
	const char *path, const char *soname, nvb_error **err)
{
	const char *const symbols[] = {"nvidia_simulated", NULL};
	_cleanup_strv_ char **needed = NULL;
	_cleanup_free_ char *image = NULL;
	size_t size;
	int rc = collect_needed(library, set->version, &needed, err);

	if (rc == 0)
		rc = sim_elf_library(&(struct sim_elf_library){set->machine, soname,
					     (const char *const *)needed, symbols, simulated},
			&image, &size, err);
	return rc < 0 ? rc : sim_tree_put(tree, path, image, size, 0755, err);
}

static int put_real(struct sim_tree *tree, const char *artifact, const char *path, nvb_error **err)
{
	_cleanup_free_ char *from = NULL;
	int rc = sim_artifact(artifact, &from, err);

	return rc < 0 ? rc : sim_tree_copy(tree, path, from, 0755, err);
}

/* A link in the directory that programs search, to a file in the store. */
static int link_to_store(struct sim_tree *tree, const struct set *set, const char *name, nvb_error **err)
{
	char path[512], target[512], alternative[512];
	int rc;

	snprintf(path, sizeof(path), "%s/%s", set->directory, name);
	snprintf(target, sizeof(target), "%s/%s", set->store, name);
	if (!set->triplet)
		return sim_tree_link(tree, path, target, err);
	snprintf(alternative, sizeof(alternative), "/etc/alternatives/nvidia--%s-%s", name, set->triplet);
	rc = sim_tree_link(tree, alternative, target, err);
	return rc < 0 ? rc : sim_tree_link(tree, path, alternative, err);
}

static int put_library(
	struct sim_tree *tree, const struct sim_library *library, const struct set *set, nvb_error **err)
{
	const char *version = library->version ? library->version : set->version;
	const char *sub = library->directory ? library->directory : "";
	_cleanup_free_ char *soname = soname_of(library, set->version);
	/* Debian leaves what has no number of its own outside of the alternatives. */
	bool stored = set->store && !(set->triplet && !library->soname) && !library->directory;
	const char *directory = stored ? set->store : set->directory;
	char path[512], file[128], link[512], developer[128];
	int rc;

	if (!soname)
		return nvb_fail_oom(err);
	snprintf(file, sizeof(file), "%s.so.%s", library->name, version);
	snprintf(path, sizeof(path), "%s/%s%s", directory, sub, file);
	if (library->flags & SIM_LIB_REAL && set->machine == SIM_ELF_X86_64)
		rc = put_real(tree, soname, path, err);
	else
		rc = put_stub(tree, library, set, path, soname, err);
	if (rc == 0 && !nvb_streq(soname, file)) {
		snprintf(link, sizeof(link), "%s/%s%s", directory, sub, soname);
		rc = sim_tree_link(tree, link, file, err);
		if (rc == 0 && stored)
			rc = link_to_store(tree, set, soname, err);
	}
	if (rc == 0 && stored && !set->triplet)
		rc = link_to_store(tree, set, file, err);
	if (rc == 0 && library->flags & SIM_LIB_DEV_LINK) {
		snprintf(developer, sizeof(developer), "%s.so", library->name);
		snprintf(link, sizeof(link), "%s/%s%s", directory, sub, developer);
		rc = sim_tree_link(tree, link, soname, err);
		if (rc == 0 && stored)
			rc = link_to_store(tree, set, developer, err);
	}
	return rc;
}

static int put_set(struct sim_tree *tree, const struct set *set, unsigned required, nvb_error **err)
{
	uint32_t branch = sim_branch(set->version);
	int rc = 0;

	for (const struct sim_library *l = sim_libraries; rc == 0 && l->name; l++) {
		if ((l->flags & required) != required || !in_branch(branch, l->since, l->before))
			continue;
		if (l->flags & SIM_LIB_NOT_SERVER && !tree->scenario->graphics)
			continue;
		rc = put_library(tree, l, set, err);
	}
	return rc;
}

/* Libraries newer than the driver, for programs that need a newer CUDA (CUDA Compatibility, "Forward"). */
static int put_compat(struct sim_tree *tree, nvb_error **err)
{
	static const char *const names[] = {
		"libcuda", "libcudadebugger", "libnvidia-nvvm", "libnvidia-ptxjitcompiler"};
	const struct set set = {.directory = "/usr/local/cuda/compat",
		.version = tree->scenario->cuda_compat,
		.machine = SIM_ELF_X86_64};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(names); i++)
		rc = put_library(tree, find_library(names[i]), &set, err);
	return rc;
}

static int put_program(struct sim_tree *tree, const char *path, bool setuid, nvb_error **err)
{
	_cleanup_free_ char *message = NULL, *image = NULL;
	size_t size;
	int rc;

	if (asprintf(&message, "%s: this driver is simulated, there is no such program in it\n",
		    strrchr(path, '/') + 1) < 0) {
		message = NULL;
		return nvb_fail_oom(err);
	}
	rc = sim_elf_program(SIM_ELF_X86_64, message, 1, &image, &size, err);
	return rc < 0 ? rc : sim_tree_put(tree, path, image, size, setuid ? 04755 : 0755, err);
}

static int put_module(struct sim_tree *tree, const char *path, nvb_error **err)
{
	_cleanup_free_ char *image = NULL;
	size_t size;
	int rc = sim_elf_library(
		&(struct sim_elf_library){SIM_ELF_X86_64, NULL, NULL, NULL, simulated}, &image, &size, err);

	return rc < 0 ? rc : sim_tree_put(tree, path, image, size, 0755, err);
}

static const char *place(const struct sim_layout *layout, enum sim_place place)
{
	switch (place) {
	case SIM_PLACE_SHARE:
		return layout->share;
	case SIM_PLACE_ETC:
		return layout->etc;
	case SIM_PLACE_PROGRAMS:
		return layout->programs;
	case SIM_PLACE_LIBRARIES:
		return layout->libraries;
	case SIM_PLACE_XORG:
		return layout->xorg;
	case SIM_PLACE_FIRMWARE:
		return layout->firmware;
	}
	return "";
}

static int put_content(struct sim_tree *tree, const struct sim_file *file, const char *path, nvb_error **err)
{
	_cleanup_free_ char *text = file->text ? with_version(file->text, tree->scenario->driver) : NULL;

	if (file->text && !text)
		return nvb_fail_oom(err);
	switch (file->content) {
	case SIM_CONTENT_TEXT:
		return sim_tree_put(tree, path, text, strlen(text), nvb_after(text, "#!") ? 0755 : 0644, err);
	case SIM_CONTENT_BINARY:
		return sim_tree_put(tree, path, text, strlen(text), 0644, err);
	case SIM_CONTENT_PROGRAM:
		return put_program(tree, path, file->setuid, err);
	case SIM_CONTENT_MODULE:
		return put_module(tree, path, err);
	case SIM_CONTENT_LINK:
		return sim_tree_link(tree, path, text, err);
	case SIM_CONTENT_REAL:
		return put_real(tree, file->path, path, err);
	}
	return 0;
}

static int put_files(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	uint32_t branch = sim_branch(s->driver);
	int rc = 0;

	for (const struct sim_file *f = sim_files; rc == 0 && f->path; f++) {
		_cleanup_free_ char *name = NULL;
		char path[512];

		if (!in_branch(branch, f->since, f->before) || (f->graphics && !s->graphics))
			continue;
		name = with_version(f->path, s->driver);
		if (!name)
			return nvb_fail_oom(err);
		snprintf(path, sizeof(path), "%s/%s", place(s->layout, f->place), name);
		rc = put_content(tree, f, path, err);
	}
	return rc;
}

/* Runs ldconfig as a distribution does after installing libraries: the cache is glibc's own work. */
static int write_cache(struct sim_tree *tree, nvb_error **err)
{
	char program[] = "/sbin/ldconfig", root[] = "-r", keep[] = "-X";
	char *arguments[] = {program, keep, root, (char *)tree->path, NULL};
	char *environment[] = {NULL};
	int status, rc;
	pid_t pid;

	rc = sim_tree_text(tree, "/etc/ld.so.conf", tree->scenario->layout->ld_conf, err);
	if (rc < 0)
		return rc;
	rc = posix_spawn(&pid, program, NULL, NULL, arguments, environment);
	if (rc)
		return nvb_fail_errno(err, rc, "running %s", program);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return nvb_fail_errno(err, errno, "waiting for %s", program);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	nvb_warning(tree->log, "%s -r needs root: %s/etc has no ld.so.cache", program, tree->path);
	return 0;
}

/* The merged-usr links every layout but Nix' has. */
static int put_usr_links(struct sim_tree *tree, nvb_error **err)
{
	static const char *const names[] = {"lib", "lib64", "bin", "sbin"};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(names); i++) {
		char path[32], target[32];

		snprintf(path, sizeof(path), "/%s", names[i]);
		snprintf(target, sizeof(target), "usr/%s", names[i]);
		rc = sim_tree_link(tree, path, target, err);
		snprintf(path, sizeof(path), "/usr/%s", names[i]);
		if (rc == 0)
			rc = sim_tree_mkdir(tree, path, err);
	}
	return rc;
}

int sim_tree_driver(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	const struct sim_layout *l = s->layout;
	const struct set wide = {l->libraries, l->store, l->alternatives ? "x86_64-linux-gnu" : NULL,
		s->driver, SIM_ELF_X86_64};
	const struct set narrow = {l->libraries32, l->store32, l->alternatives ? "i386-linux-gnu" : NULL,
		s->driver, SIM_ELF_I386};
	int rc = sim_tree_text(tree, "/etc/os-release", l->os_release, err);

	if (rc == 0 && l->ld_conf)
		rc = put_usr_links(tree, err);
	if (rc == 0 && s->driver && s->wsl)
		rc = sim_tree_wsl(tree, err);
	if (rc == 0 && s->driver && !s->wsl) {
		rc = put_set(tree, &wide, 0, err);
		if (rc == 0 && s->libraries32)
			rc = put_set(tree, &narrow, SIM_LIB_32, err);
		if (rc == 0)
			rc = put_files(tree, err);
	}
	if (rc == 0 && s->cuda_compat)
		rc = put_compat(tree, err);
	if (rc == 0 && l->ld_conf)
		rc = write_cache(tree, err);
	return rc;
}

/* Source: WSLg's README, "WSLg Architecture Overview", and its samples/container/Containers.md. */
static const char *const wslg_sockets[] = {"/mnt/wslg/.X11-unix/X0", "/mnt/wslg/runtime-dir/wayland-0",
	"/mnt/wslg/runtime-dir/pulse/native", "/mnt/wslg/PulseServer"};

int sim_tree_wsl(struct sim_tree *tree, nvb_error **err)
{
	const struct sim_layout *l = tree->scenario->layout;
	int rc = 0;

	for (const struct sim_wsl_file *f = sim_wsl_files; rc == 0 && f->name; f++) {
		const struct sim_library library = {.name = f->name};
		const struct set set = {.machine = SIM_ELF_X86_64, .version = tree->scenario->driver};
		char path[512];

		for (int copy = 0; rc == 0 && copy < 2; copy++) {
			if (!(copy ? f->library : f->store))
				continue;
			snprintf(path, sizeof(path), "%s/%s", copy ? l->libraries : l->store, f->name);
			if (f->real || f->content == SIM_CONTENT_REAL)
				rc = put_real(tree, f->real ? f->soname : f->name, path, err);
			else if (f->soname)
				rc = put_stub(tree, &library, &set, path, f->soname, err);
			else
				rc = sim_tree_text(tree, path, simulated, err);
		}
		if (rc == 0 && f->link) {
			snprintf(path, sizeof(path), "%s/%s", l->libraries, f->link);
			rc = sim_tree_link(tree, path, f->name, err);
		}
	}
	/* WSLg's: nobody answers there, but they are what its are. */
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(wslg_sockets); i++)
		rc = sim_tree_socket(tree, wslg_sockets[i], err);
	return rc;
}
