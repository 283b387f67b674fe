/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/toml.h"
#include "profile/profile.h"

/* Finding profiles by name, and what they extend. */

enum {
	LONGEST_CHAIN = 8, /* profiles that extend each other */
	LONGEST_NAME = 48,
	MOST_NAMES = 256, /* that are looked through for one nearly called so */
};

void nvb_profile_release(struct nvb_profile *profile)
{
	free(profile->settings);
	free(profile->files);
	nvb_arena_release(&profile->arena);
	*profile = (struct nvb_profile){0};
}

int nvb_profile_directories(const char *installed, char ***directories, nvb_error **err)
{
	const char *config = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
	_cleanup_strv_ char **list = NULL;
	bool ok = !installed || nvb_strv_add(&list, installed);

	ok = ok && nvb_strv_add(&list, NVB_SYSCONFDIR "/profiles.d");
	/* The XDG base directory specification: a relative path is to be ignored. */
	if (config && *config == '/')
		ok = ok && nvb_strv_addf(&list, "%s/nvbind/profiles.d", config);
	else if (home && *home == '/')
		ok = ok && nvb_strv_addf(&list, "%s/.config/nvbind/profiles.d", home);
	if (!ok)
		return nvb_fail_oom(err);
	*directories = NVB_TAKE_PTR(list);
	return 0;
}

/* A name becomes a file's name and part of a CDI class: no more than both take. */
static bool is_name(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= LONGEST_NAME && name[0] >= 'a' && name[0] <= 'z' && name[n - 1] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* Adds the names of a directory's profiles that the list does not have yet. */
static void list_directory(const char *directory, char ***names)
{
	_cleanup_closedir_ DIR *dir = opendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) && nvb_strv_length(*names) < MOST_NAMES) {
		char name[LONGEST_NAME + 1];
		size_t n = strlen(entry->d_name);

		if (!nvb_ends_with(entry->d_name, ".toml") || n - strlen(".toml") > LONGEST_NAME)
			continue;
		n -= strlen(".toml");
		memcpy(name, entry->d_name, n);
		name[n] = '\0';
		if (is_name(name) && !nvb_strv_contains(*names, name))
			nvb_strv_add(names, name);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **nvb_profile_names(char *const *directories)
{
	char **names = NULL;

	nvb_strv_foreach (directory, directories)
		list_directory(*directory, &names);
	if (names)
		qsort(names, nvb_strv_length(names), sizeof(*names), compare);
	return names;
}

static int check_name(const char *name, nvb_error **err)
{
	if (is_name(name))
		return 0;
	return nvb_hint(err, nvb_fail(err, NVB_ERR_INVALID, "'%s' is no name of a profile", name),
		"names are lower-case letters, digits and dashes");
}

static int unknown(char *const *directories, const char *name, nvb_error **err)
{
	_cleanup_strv_ char **names = nvb_profile_names(directories);
	_cleanup_strbuf_ struct nvb_strbuf list = {0};
	const char *nearest;
	int rc;

	nvb_strv_foreach (n, names)
		nvb_sb_addf(&list, "%s%s", n == names ? "" : ", ", *n);
	rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "there is no profile '%s'", name);
	nearest = nvb_nearest(name, (const char *const *)names, nvb_strv_length(names));
	if (nearest)
		return nvb_hint(err, rc, "did you mean '%s'?", nearest);
	if (list.s)
		return nvb_hint(err, rc, "there are %s", list.s);
	return nvb_hint(err, rc, "no directory has any: %s", directories[0]);
}

/* One profile of a chain. */
struct link {
	const char *name;
	const struct link *child; /* the one that extends it, or NULL */
	size_t directory;	  /* where it was found */
	char *path;
};

static void release_link(struct link *link)
{
	free(link->path);
}

/* The text of NAME.toml in the last of the first `count` directories that has it. */
static int find(
	char *const *directories, size_t count, struct link *link, char **data, size_t *size, nvb_error **err)
{
	for (size_t i = count; i > 0; i--) {
		_cleanup_error_ nvb_error *why = NULL;
		_cleanup_free_ char *file = NULL;
		int rc;

		if (asprintf(&file, "%s/%s.toml", directories[i - 1], link->name) < 0) {
			file = NULL;
			return nvb_fail_oom(err);
		}
		rc = nvb_file_read(AT_FDCWD, file, NVB_TOML_MAX, data, size, &why);
		if (rc == 0) {
			link->path = NVB_TAKE_PTR(file);
			link->directory = i - 1;
			return 0;
		}
		if (rc != -NVB_ERR_NOT_FOUND) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return nvb_wrap(err, rc, "profile %s", link->name);
		}
	}
	return unknown(directories, link->name, err);
}

/* "a extends b extends a", of the links from `last` back to `link`. */
static void add_circle(struct nvb_strbuf *text, const struct link *link, const struct link *last)
{
	if (link != last)
		add_circle(text, link->child, last);
	nvb_sb_addf(text, "%s extends ", link->name);
}

static int check_chain(const struct link *link, nvb_error **err)
{
	unsigned depth = 1;

	for (const struct link *child = link->child; child; child = child->child) {
		_cleanup_strbuf_ struct nvb_strbuf circle = {0};

		if (++depth > LONGEST_CHAIN)
			return nvb_fail(err, NVB_ERR_INVALID, "more than %d profiles extend each other",
				LONGEST_CHAIN);
		if (!nvb_streq(child->path, link->path))
			continue;
		add_circle(&circle, link->child, child);
		return circle.failed ? nvb_fail_oom(err)
				     : nvb_fail(err, NVB_ERR_INVALID,
					       "profiles extend each other in a circle: %s%s", circle.s,
					       link->name);
	}
	return 0;
}

static int read_chain(
	struct nvb_profile *profile, char *const *directories, struct link *link, nvb_error **err)
{
	_cleanup_(release_link) struct link parent = {.child = link};
	_cleanup_free_ char *data = NULL;
	_cleanup_profile_ struct nvb_profile alone = {0};
	/* One that extends its own name means that of the directories before: "as installed, but ...". */
	bool own_name = link->child && nvb_streq(link->child->name, link->name);
	size_t size;
	_cleanup_error_ nvb_error *why = NULL;
	int rc = find(directories, own_name ? link->child->directory : nvb_strv_length(directories), link,
		&data, &size, &why);

	if (rc == -NVB_ERR_NOT_FOUND && own_name)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID,
				"%s extends its own name, and no directory before has a profile '%s'",
				link->child->path, link->name),
			"name another one, or take the line out");
	if (rc < 0)
		nvb_error_move(err, NVB_TAKE_PTR(why));
	if (rc == 0)
		rc = check_chain(link, err);
	/* Once for what it extends, which comes first, and once over that. */
	if (rc == 0)
		rc = nvb_profile_parse(&alone, data, size, link->path, &parent.name, err);
	if (rc == 0 && parent.name)
		rc = check_name(parent.name, err);
	if (rc == 0 && parent.name)
		rc = read_chain(profile, directories, &parent, err);
	if (rc < 0)
		return link->child ? nvb_wrap(err, rc, "profile %s extends %s", link->child->name, link->name)
				   : rc;
	profile->cdi_class = NULL; /* the parent's own */
	if (!NVB_GROW(profile->files, profile->file_count, profile->file_capacity) ||
		!(profile->files[profile->file_count] = nvb_arena_strdup(&profile->arena, link->path)))
		return nvb_fail_oom(err);
	profile->file_count++;
	return nvb_profile_parse(profile, data, size, link->path, &parent.name, err);
}

int nvb_profile_read(struct nvb_profile *profile, char *const *directories, const char *name, nvb_error **err)
{
	_cleanup_(release_link) struct link link = {.name = name};
	int rc = check_name(name, err);

	if (rc == 0)
		rc = read_chain(profile, directories, &link, err);
	if (rc == 0) {
		profile->name = nvb_arena_strdup(&profile->arena, name);
		if (!profile->cdi_class)
			profile->cdi_class = nvb_arena_printf(&profile->arena, "gpu-%s", name);
		if (!profile->name || !profile->cdi_class)
			rc = nvb_fail_oom(err);
	}
	if (rc < 0)
		nvb_profile_release(profile);
	return rc;
}
