/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/str.h"
#include "sim/daemon_process.h"
#include "sim/mounts.h"
#include "sim/off_bus.h"
#include "sim/state_file.h"
#include "sim/tree.h"

/* Everything that stands at the top of a machine. */
static const char *const entries[] = {"bin", "dev", "etc", "lib", "lib64", "mnt", "nix", "proc", "run", "sbin",
	"sys", "usr", "var", SIM_OFF_BUS_DIRECTORY, SIM_MARKER};

enum { MARKER_MAX = 64 * 1024 };

struct marker {
	struct nvb_toml document; /* strings live in it */
	const char *scenario;
	const char *state; /* path of the state file below the root, or NULL */
	bool made;	   /* the directory itself is ours */
};

static void release_marker(struct marker *marker)
{
	nvb_toml_release(&marker->document);
}

void sim_machine_info_release(struct sim_machine_info *info)
{
	free(info->root);
	free(info->scenario);
	*info = (struct sim_machine_info){0};
}

static int open_directory(const char *path, nvb_error **err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? nvb_fail_errno(err, errno, "%s", path) : fd;
}

static int read_marker(int root, const char *path, struct marker *marker, nvb_error **err)
{
	int rc;

	if (faccessat(root, SIM_MARKER, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "%s is not a simulated machine", path),
			"'nvbind-sim list' shows those that run");
	rc = nvb_toml_read(&marker->document, root, SIM_MARKER, MARKER_MAX, err);
	if (rc == 0)
		rc = nvb_toml_get_string(
			&marker->document, &marker->document.root, "scenario", &marker->scenario, err);
	if (rc == 0)
		rc = nvb_toml_get_string(
			&marker->document, &marker->document.root, "state", &marker->state, err);
	if (rc == 0)
		rc = nvb_toml_get_bool(
			&marker->document, &marker->document.root, "made_directory", &marker->made, err);
	if (rc == 0 && !marker->scenario)
		rc = nvb_fail(err, NVB_ERR_CORRUPT, "it names no scenario");
	return rc < 0 ? nvb_wrap(err, rc, "%s/%s", path, SIM_MARKER) : 0;
}

static int write_marker(struct sim_tree *tree, bool made, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	_cleanup_free_ char *state = s->driver ? sim_state_file_path(s->layout, s->driver) : NULL;
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_add(&text,
		"# A simulated machine, made by nvbind-sim: 'nvbind-sim destroy' removes it.\nscenario = ");
	nvb_sb_add_json(&text, s->name);
	if (state)
		nvb_sb_addf(&text, "\nstate = \"%s\"", state);
	nvb_sb_addf(&text, "\nmade_directory = %s\n", made ? "true" : "false");
	if (text.failed || (s->driver && !state))
		return nvb_fail_oom(err);
	return sim_tree_put(tree, "/" SIM_MARKER, text.s, text.len, 0644, err);
}

static int remove_entries(int root, const char *path, nvb_error **err)
{
	int rc = 0;

	/* The marker goes last: what is half removed is still known as ours. */
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(entries); i++)
		rc = nvb_file_remove_tree(root, entries[i], err);
	return rc < 0 ? nvb_wrap(err, rc, "%s", path) : 0;
}

static bool is_empty(int root)
{
	_cleanup_closedir_ DIR *directory = NULL;
	int copy = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory) {
		nvb_closep(&copy);
		return false;
	}
	while ((entry = readdir(directory)))
		if (!nvb_streq(entry->d_name, ".") && !nvb_streq(entry->d_name, ".."))
			return false;
	return true;
}

int sim_machine_inspect(const char *path, struct sim_machine_info *info, nvb_error **err)
{
	_cleanup_close_ int root = open_directory(path, err);
	_cleanup_(release_marker) struct marker marker = {0};
	int rc;

	if (root < 0)
		return root;
	rc = read_marker(root, path, &marker, err);
	if (rc < 0)
		return rc;
	*info = (struct sim_machine_info){.root = realpath(path, NULL), .scenario = strdup(marker.scenario)};
	if (!info->root || !info->scenario) {
		sim_machine_info_release(info);
		return nvb_fail_oom(err);
	}
	info->pid = sim_daemon_pid(info->root);
	return 0;
}

int sim_machine_state(const char *path, struct sim_map *map, nvb_error **err)
{
	_cleanup_close_ int root = open_directory(path, err);
	_cleanup_(release_marker) struct marker marker = {0};
	int fd, rc;

	if (root < 0)
		return root;
	rc = read_marker(root, path, &marker, err);
	if (rc < 0)
		return rc;
	if (!marker.state)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"scenario %s has no NVIDIA driver: %s has no state to change", marker.scenario, path);
	fd = openat(root, marker.state + strspn(marker.state, "/"), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "%s%s", path, marker.state);
	rc = sim_state_map(fd, true, map);
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s%s", path, marker.state) : 0;
}

int sim_machine_destroy(const char *path, bool *left, nvb_error **err)
{
	_cleanup_close_ int root = open_directory(path, err);
	_cleanup_(release_marker) struct marker marker = {0};
	_cleanup_free_ char *real = realpath(path, NULL);
	int rc;

	if (root < 0)
		return root;
	rc = read_marker(root, path, &marker, err);
	if (rc < 0)
		return rc;
	if (!real)
		return nvb_fail_errno(err, errno, "%s", path);
	rc = sim_check_no_mounts(real, err);
	if (rc == 0)
		rc = sim_daemon_stop(real, err);
	if (rc == 0)
		rc = remove_entries(root, path, err);
	if (rc < 0)
		return rc;
	if (marker.made && rmdir(real) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		return nvb_fail_errno(err, errno, "removing %s", path);
	*left = faccessat(AT_FDCWD, real, F_OK, 0) == 0 && !is_empty(root);
	return 0;
}

/* A machine that stands there already makes way, unless programs use it. */
static int clear_old(const char *path, nvb_error **err)
{
	_cleanup_(sim_state_unmap) struct sim_map map = SIM_MAP_INIT;
	_cleanup_free_ struct sim_process_table *table = calloc(1, sizeof(*table));
	bool left;
	int rc;

	if (!table)
		return nvb_fail_oom(err);
	if (sim_machine_state(path, &map, NULL) == 0) {
		sim_read_processes(map.state, table);
		if (table->count)
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_BUSY, "%s is a simulated machine in use (process %u)",
					path, table->process[0].pid),
				"end it, or 'nvbind-sim destroy %s' first", path);
	}
	rc = sim_machine_destroy(path, &left, err);
	return rc < 0 ? rc : 0;
}

/* The directory, made if need be and empty: its descriptor. */
static int claim_directory(const char *path, bool *made, nvb_error **err)
{
	int root, rc;

	*made = mkdir(path, 0755) == 0;
	if (!*made && errno != EEXIST)
		return nvb_fail_errno(err, errno, "creating %s", path);
	root = open_directory(path, err);
	if (root < 0 || *made || is_empty(root))
		return root;
	if (faccessat(root, SIM_MARKER, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		close(root);
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_CONFLICT, "%s is not empty and was not made by nvbind-sim",
				path),
			"name a directory that does not exist yet");
	}
	close(root);
	rc = clear_old(path, err);
	if (rc < 0)
		return rc;
	*made = mkdir(path, 0755) == 0;
	if (!*made && errno != EEXIST)
		return nvb_fail_errno(err, errno, "creating %s", path);
	root = open_directory(path, err);
	if (root >= 0 && !*made && !is_empty(root)) {
		close(root);
		return nvb_fail(err, NVB_ERR_CONFLICT, "%s holds files that nvbind-sim did not make", path);
	}
	return root;
}

static int build(struct sim_tree *tree, bool made, nvb_error **err)
{
	const struct sim_scenario *s = tree->scenario;
	int rc = write_marker(tree, made, err);

	if (rc == 0)
		rc = sim_majors_choose(&tree->majors, err);
	if (rc == 0)
		rc = sim_tree_proc(tree, err);
	if (rc == 0)
		rc = sim_tree_sys(tree, err);
	if (rc == 0)
		rc = sim_tree_dev(tree, err);
	if (rc == 0 && s->driver) {
		rc = sim_tree_mkdir(tree, sim_tree_state_directory(s->layout), err);
		if (rc == 0)
			rc = sim_tree_mkdir(tree, s->layout->libraries, err);
		if (rc == 0)
			rc = sim_state_file_create(tree, err);
	}
	return rc < 0 ? rc : sim_tree_driver(tree, err);
}

int sim_machine_create(const char *path, const struct sim_scenario *scenario, const struct nvb_log *log,
	struct sim_machine_info *info, nvb_error **err)
{
	_cleanup_free_ char *real = NULL;
	bool made;
	_cleanup_close_ int root = claim_directory(path, &made, err);
	struct sim_tree tree = {.fd = root, .scenario = scenario, .log = log};
	int rc;

	if (root < 0)
		return root;
	real = realpath(path, NULL);
	tree.path = real;
	rc = real ? build(&tree, made, err) : nvb_fail_errno(err, errno, "%s", path);
	if (rc == 0 && scenario->driver && (scenario->module_version || scenario->wsl))
		rc = sim_daemon_start(real, err);
	if (rc == 0)
		rc = sim_machine_inspect(path, info, err);
	if (rc < 0) {
		if (real)
			sim_daemon_stop(real, NULL);
		remove_entries(root, path, NULL);
		if (made)
			rmdir(path);
	}
	return rc;
}
