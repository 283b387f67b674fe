/* SPDX-License-Identifier: Apache-2.0 */
#include "capsule/program.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum {
	HEAD = 256,	    /* of the file: BINPRM_BUF_SIZE, what the kernel itself looks at */
	MOST_SEGMENTS = 64, /* a page of them, in the kernel */
	CANNOT_RUN = 126,
	NOT_FOUND = 127,
};

struct check {
	const struct nvb_root *root;
	const struct nvb_capsule_spec *spec;
	const struct nvb_plan *plan;
	const char *program;
	nvb_error **err;
};

static bool has_mounts(const struct check *check)
{
	return check->plan || check->spec->volume_count + check->spec->tmpfs_count > 0;
}

static bool covers_directories(const struct check *check)
{
	for (size_t i = 0; check->plan && i < check->plan->edit_count; i++) {
		const struct nvb_edit *edit = &check->plan->edits[i];

		if (edit->kind == NVB_EDIT_MOUNT && edit->mount.via == NVB_VIA_BIND &&
			edit->mount.file_kind == NVB_FILE_DIRECTORY)
			return true;
	}
	return check->spec->volume_count + check->spec->tmpfs_count > 0;
}

/* Whether a path of the root, without links, is or lies in one of the mounts. */
static bool is_hidden_by(const struct check *check, const char *target, const char *path)
{
	_cleanup_free_ char *real = NULL;
	const char *rest;

	if (nvb_root_realpath(check->root, target, &real, NULL) < 0)
		return true;
	rest = nvb_after(path, real);
	return nvb_streq(real, "/") || (rest && (!*rest || *rest == '/'));
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A plan has dozens of mounts, nearly all of single files: those hide what is called like them. */
static bool may_hide(const struct nvb_edit *edit, const char *path)
{
	return edit->kind == NVB_EDIT_MOUNT && edit->mount.via == NVB_VIA_BIND &&
	       (edit->mount.file_kind == NVB_FILE_DIRECTORY ||
		       nvb_streq(last_part(edit->mount.container), last_part(path)));
}

static bool is_hidden(const struct check *check, const char *path)
{
	_cleanup_free_ char *real = NULL;

	if (!has_mounts(check))
		return false;
	if (nvb_root_realpath(check->root, path, &real, NULL) < 0)
		return true;
	for (size_t i = 0; i < check->spec->volume_count; i++)
		if (is_hidden_by(check, check->spec->volumes[i].target, real))
			return true;
	for (size_t i = 0; i < check->spec->tmpfs_count; i++)
		if (is_hidden_by(check, check->spec->tmpfs[i].target, real))
			return true;
	for (size_t i = 0; check->plan && i < check->plan->edit_count; i++)
		if (may_hide(&check->plan->edits[i], real) &&
			is_hidden_by(check, check->plan->edits[i].mount.container, real))
			return true;
	return false;
}

/* Other formats and machines run where somebody has registered an interpreter for them. */
static bool has_foreign_formats(void)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc/sys/fs/binfmt_misc");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (*entry->d_name != '.' && !nvb_streq(entry->d_name, "register") &&
			!nvb_streq(entry->d_name, "status"))
			return true;
	return false;
}

static int cannot_run(const struct check *check, const char *why)
{
	return nvb_fail(check->err, NVB_ERR_PERMISSION, "'%s' cannot be executed in the container: %s",
		check->program, why);
}

static int wrong_format(const struct check *check, const char *hint)
{
	int rc;

	if (has_foreign_formats())
		return 0;
	rc = cannot_run(check, "it is not a program for this machine");
	return hint ? nvb_hint(check->err, rc, "%s", hint) : rc;
}

/* Of a path that is not there: every mount's own place is, so it would be a directory above. */
static bool may_come_with_mount(const struct check *check, const char *path)
{
	_cleanup_free_ char *above = strdup(path);
	struct stat st;

	for (char *slash; above && (slash = strrchr(above, '/'));) {
		*slash = '\0';
		if (!*above || nvb_root_stat(check->root, above, true, &st) == 0)
			return is_hidden(check, *above ? above : "/");
	}
	return true;
}

static int check_interpreter(const struct check *check, const char *interpreter)
{
	struct stat st;

	if (*interpreter != '/' || nvb_root_stat(check->root, interpreter, true, &st) != -ENOENT)
		return 0;
	if (may_come_with_mount(check, interpreter))
		return 0;
	nvb_fail(check->err, NVB_ERR_NOT_FOUND,
		"'%s' cannot be executed in the container: its interpreter %.*s is not there", check->program,
		(int)strcspn(interpreter, "\r"), interpreter);
	if (strchr(interpreter, '\r'))
		return nvb_hint(check->err, -NVB_ERR_NOT_FOUND, "the script has the line ends of DOS");
	return -NVB_ERR_NOT_FOUND;
}

static int check_script(const struct check *check, char *head)
{
	char *interpreter = head + 2 + strspn(head + 2, " \t");

	interpreter[strcspn(interpreter, " \t\n")] = '\0';
	return check_interpreter(check, interpreter);
}

static bool is_native(Elf64_Half machine)
{
#if defined(__x86_64__)
	return machine == EM_X86_64 || machine == EM_386;
#elif defined(__aarch64__)
	return machine == EM_AARCH64 || machine == EM_ARM;
#else
	return true;
#endif
}

/* The loader that a 64-bit program names in PT_INTERP. The file is hostile: all is read within bounds. */
static int check_loader(const struct check *check, int fd, const Elf64_Ehdr *header)
{
	Elf64_Phdr segments[MOST_SEGMENTS];
	char interpreter[PATH_MAX];
	size_t count = header->e_phnum < MOST_SEGMENTS ? header->e_phnum : MOST_SEGMENTS;
	ssize_t n = pread(fd, segments, count * sizeof(*segments), (off_t)header->e_phoff);

	if (header->e_phentsize != sizeof(*segments) || n != (ssize_t)(count * sizeof(*segments)))
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (segments[i].p_type != PT_INTERP || segments[i].p_filesz >= sizeof(interpreter))
			continue;
		n = pread(fd, interpreter, segments[i].p_filesz, (off_t)segments[i].p_offset);
		if (n <= 0)
			return 0;
		interpreter[n] = '\0';
		return check_interpreter(check, interpreter);
	}
	return 0;
}

static int check_file(const struct check *check, int fd)
{
	union {
		char text[HEAD + 1];
		Elf64_Ehdr elf;
	} head = {0};
	ssize_t n = pread(fd, head.text, HEAD, 0);

	if (n < 0)
		return 0;
	if (head.text[0] == '#' && head.text[1] == '!')
		return check_script(check, head.text);
	if (n < (ssize_t)sizeof(Elf32_Ehdr) || memcmp(head.text, ELFMAG, SELFMAG) != 0)
		return wrong_format(check,
			head.text[0] == 0x7f ? NULL : "a script needs a first line such as '#!/bin/sh'");
	/* Where the machine stands is the same in both classes. */
	if (!is_native(head.elf.e_machine))
		return wrong_format(check, NULL);
	return head.elf.e_ident[EI_CLASS] == ELFCLASS64 ? check_loader(check, fd, &head.elf) : 0;
}

/* Opens what the runtime will find under that path. -1: nothing it would execute, or nothing we may know. */
static int open_program(const struct check *check, const char *path, bool *hidden)
{
	struct stat st;
	int fd = nvb_root_open_file(check->root, path, &st);

	if (fd >= 0 && is_hidden(check, path))
		*hidden = true;
	if (fd >= 0 && (*hidden || !(st.st_mode & 0111))) {
		close(fd);
		return -1;
	}
	return fd < 0 ? -1 : fd;
}

static const char *search_path(const struct nvb_process *process)
{
	const char *path = NULL;

	nvb_strv_foreach (variable, process->env)
		path = nvb_after(*variable, "PATH=") ?: path;
	return path ?: "";
}

static int find_program(const struct check *check, const struct nvb_process *process)
{
	_cleanup_strv_ char **directories = NULL;
	char path[PATH_MAX];
	bool hidden = false, covered = covers_directories(check);
	int fd = -1;

	if (*check->program == '/')
		return open_program(check, check->program, &hidden);
	if (strchr(check->program, '/')) {
		snprintf(path, sizeof(path), "%s/%s", process->working_directory, check->program);
		return open_program(check, path, &hidden);
	}
	directories = nvb_strv_split(search_path(process), ":");
	nvb_strv_foreach (directory, directories) {
		/* One that a mount covers may hold the program for all we know. */
		if (fd >= 0 || hidden || **directory != '/')
			break;
		snprintf(path, sizeof(path), "%s/%s", *directory, check->program);
		if (covered)
			hidden = nvb_root_stat(check->root, *directory, true, &(struct stat){0}) == 0 &&
				 is_hidden(check, *directory);
		if (!hidden)
			fd = open_program(check, path, &hidden);
	}
	return fd;
}

int nvb_program_check(const struct nvb_root *root, const struct nvb_capsule_spec *spec,
	const struct nvb_plan *plan, const struct nvb_process *process, int *status, nvb_error **err)
{
	const struct check check = {
		.root = root, .spec = spec, .plan = plan, .program = process->args[0], .err = err};
	_cleanup_close_ int fd = -1;
	int rc;

	if (!*check.program) {
		*status = NOT_FOUND;
		return nvb_fail(err, NVB_ERR_NOT_FOUND, "the program to run has an empty name");
	}
	fd = find_program(&check, process);
	rc = fd < 0 ? 0 : check_file(&check, fd);
	if (rc < 0)
		*status = CANNOT_RUN;
	return rc;
}
