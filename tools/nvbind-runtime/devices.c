/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/guard.h"
#include "base/log.h"
#include "base/str.h"
#include "base/userns.h"
#include "cli/sibling.h"
#include "container/hook_state.h"
#include "container/tree.h"
#include "nvbind/oci.h"
#include "oci/asked.h"
#include "plan/plan.h"
#include "request/require.h"
#include "runtime.h"

/* From a config.json to one with devices. */

/* Engines write some 10 to 100 KiB; the largest that a container with thousands of mounts has is below this.
 */
enum { CONFIG_MAX = 8 << 20 };

/* Trees that config.json files name, apart from bolt's. */
#define TREE_DIRECTORY "/var/lib/nvbind/cdi"

struct config_file {
	int directory; /* to be replaced in; AT_FDCWD for crun's --config */
	const char *name;
	char *text;
	size_t size;
};

static void config_file_release(struct config_file *file)
{
	if (file->directory >= 0)
		close(file->directory);
	free(file->text);
}

static int open_config(
	const struct shim_arguments *arguments, struct config_file *file, int *fd, nvb_error **err)
{
	const char *bundle = arguments->bundle ? arguments->bundle : ".";
	int rc;

	file->directory = AT_FDCWD;
	file->name = arguments->config ? arguments->config : "config.json";
	if (!arguments->config) {
		file->directory = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (file->directory < 0)
			return nvb_fail_errno(err, errno, "bundle %s", bundle);
	}
	*fd = openat(file->directory, file->name,
		O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (nvb_guard("config-link") ? O_NOFOLLOW : 0));
	if (*fd >= 0)
		return 0;
	rc = errno == ELOOP ? nvb_fail(err, NVB_ERR_INVALID, "%s is a symbolic link, which is not followed",
				      file->name)
			    : nvb_fail_errno(err, errno, "%s", file->name);
	return arguments->config ? rc : nvb_wrap(err, rc, "bundle %s", bundle);
}

static int read_config(const struct shim_arguments *arguments, struct config_file *file, nvb_error **err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	int rc = open_config(arguments, file, &fd, err);

	if (rc < 0)
		return rc;
	if (nvb_guard("config-size") && fstat(fd, &st) == 0 && st.st_size > CONFIG_MAX)
		return nvb_fail(err, NVB_ERR_INVALID,
			"%s has %lld bytes, more than the %d MiB that are read of one", file->name,
			(long long)st.st_size, CONFIG_MAX >> 20);
	return nvb_file_read_fd(fd, file->name, nvb_guard("config-size") ? CONFIG_MAX : SIZE_MAX, &file->text,
		&file->size, err);
}

/* The host. */

/*
 * Where the inventory is kept between runs: /run/nvbind is root's, and in a user namespace nobody's who
 * counts. The one variable that is read: whose directory it names is checked, as for any cache.
 */
static char *user_cache(const struct nvb_config *config)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	char *directory;

	if (config->cache.directory || !runtime || *runtime != '/' ||
		(geteuid() == 0 && !nvb_in_user_namespace()) ||
		asprintf(&directory, "%s/nvbind", runtime) < 0)
		return NULL;
	return directory;
}

static int load_inventory(const struct container *container, const struct nvb_request *request,
	struct nvb_inventory **inventory, nvb_error **err)
{
	const struct nvb_config *config = container->config;
	_cleanup_free_ char *user = user_cache(config);
	const struct nvb_inventory_options options = {
		.size = sizeof(options),
		.driver_root = config->roots.driver,
		.dev_root = config->roots.dev,
		.proc_root = config->roots.proc,
		.sys_root = config->roots.sys,
		.library_path = (const char *const *)config->roots.library_path,
		.cache_directory = user ? user : config->cache.directory,
		.log = container->log,
	};
	int rc = nvb_inventory_load(&options, inventory, err);

	if (rc == 0 && nvb_request_needs_nvml(request, *inventory))
		rc = nvb_inventory_ask_nvml(*inventory, container->log, err);
	return rc;
}

static int make_plan(const struct container *container, const struct nvb_request *request,
	const struct nvb_inventory *inventory, struct nvb_plan **plan, nvb_error **err)
{
	_cleanup_free_ char *tree = NULL;
	struct nvb_plan_options options = {
		.size = sizeof(options),
		.layout = container->config->runtime.layout,
		.cdi_directories = (const char *const *)container->config->cdi.directories,
		.log = container->log,
		.no_cuda_compat = !container->config->driver.cuda_compat,
		.no_params_mask = !container->config->driver.mask_params,
	};
	int rc = 0;

	if (options.layout == NVB_LAYOUT_TREE && inventory->driver.version)
		rc = nvb_tree_ensure(
			inventory, request->capabilities, TREE_DIRECTORY, &tree, container->log, err);
	options.tree = tree;
	return rc < 0 ? rc : nvb_plan_make(request, inventory, &options, plan, err);
}

/* The edit. */

/* A hook that is not there would fail the container later, with less to read. */
static int find_hook(const struct nvb_config *config, char **path, nvb_error **err)
{
	_cleanup_free_ char *found = config->hook.path ? strdup(config->hook.path)
						       : nvb_sibling_program("nvbind-hook", NVB_BINDIR);

	if (!found)
		return nvb_fail_oom(err);
	if (access(found, X_OK) < 0)
		return nvb_hint(err, nvb_fail_errno(err, errno, "%s", found),
			"install nvbind-hook, or name it in [hook] path of /etc/nvbind/config.toml");
	*path = NVB_TAKE_PTR(found);
	return 0;
}

/* A limit on the size of files is an error like any other: the signal would leave half a file beside the
 * whole one. The runtime finds it as it was. */
static int replace(const struct config_file *file, const char *text, size_t size, nvb_error **err)
{
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	int rc = nvb_file_replace_unflushed(file->directory, file->name, text, size, err);

	signal(SIGXFSZ, before);
	return rc;
}

/* Where the container's root will be, for the hook; NULL: its state shall tell. */
static char *container_root(const struct container *container, const struct config_file *file)
{
	const char *bundle = container->arguments->bundle;
	struct nvb_hook_state state = {.bundle = realpath(bundle ? bundle : ".", NULL)};
	char *root = NULL;

	if (state.bundle && nvb_hook_absolute_root(&state, file->text, file->size, &root, NULL) < 0)
		root = NULL;
	nvb_hook_state_release(&state);
	return root;
}

static int edit(const struct container *container, const struct config_file *file,
	const struct nvb_plan *plan, nvb_error **err)
{
	_cleanup_free_ char *hook = NULL, *edited = NULL, *root = container_root(container, file);
	struct nvb_oci_options options = {.size = sizeof(options), .user_namespace = nvb_in_user_namespace()};
	size_t size;
	int rc = find_hook(container->config, &hook, err);

	if (rc < 0)
		return rc;
	options.hook_path = hook;
	options.container_root = root;
	rc = nvb_oci_edit(file->text, file->size, plan, &options, &edited, &size, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "%s", file->name);
	if (size == file->size && memcmp(edited, file->text, size) == 0)
		return 0;
	return replace(file, edited, size, err);
}

static void inventory_freep(struct nvb_inventory **inventory)
{
	nvb_inventory_free(*inventory);
}

static void plan_freep(struct nvb_plan **plan)
{
	nvb_plan_free(*plan);
}

static void request_freep(struct nvb_request **request)
{
	nvb_request_free(*request);
}

static int give(const struct container *container, const struct config_file *file,
	const struct nvb_asked *asked, const struct nvb_request *request, struct nvb_lease **lease,
	nvb_error **err)
{
	_cleanup_(inventory_freep) struct nvb_inventory *inventory = NULL;
	_cleanup_(plan_freep) struct nvb_plan *plan = NULL;
	struct nvb_lease *taken = NULL;
	int rc = load_inventory(container, request, &inventory, err);

	/* The plan first: "no driver" says more than what a requirement makes of it. */
	if (rc == 0)
		rc = make_plan(container, request, inventory, &plan, err);
	if (rc == 0)
		rc = nvb_require_check(asked, &container->rules, request, inventory, container->log, err);
	if (rc == 0)
		rc = take_lease(container, asked, inventory, plan, &taken, err);
	if (rc == 0)
		rc = edit(container, file, plan, err);
	if (rc < 0)
		nvb_lease_release(taken);
	else
		*lease = taken;
	return rc;
}

int give_devices(const struct container *container, struct nvb_lease **lease, nvb_error **err)
{
	_cleanup_(config_file_release) struct config_file file = {.directory = -1};
	_cleanup_(request_freep) struct nvb_request *request = NULL;
	_cleanup_asked_ struct nvb_asked asked = {0};
	int rc = read_config(container->arguments, &file, err);

	if (rc < 0)
		return rc;
	rc = nvb_oci_asked(file.text, file.size, &container->rules, &asked, err);
	if (rc < 0)
		return nvb_wrap(err, rc, "%s", file.name);
	rc = nvb_asked_request(&asked, &container->rules, container->log, &request, err);
	if (rc < 0 || !request)
		return rc;
	return give(container, &file, &asked, request, lease, err);
}
