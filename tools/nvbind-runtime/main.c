/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime.h"
#include "shim/candidates.h"
#include "shim/report.h"

/*
 * nvbind-runtime: stands in front of runc or crun. It gives a container that is to be created the GPUs that
 * it asks for by editing its config.json, and becomes the real runtime. Engines give it an environment of
 * their making, of which nothing is read: all settings are those of /etc/nvbind/config.toml.
 */

static void emit(void *arguments, enum nvb_log_level level, const char *message)
{
	shim_report_message(arguments, level, message);
}

/* Returns only when the runtime cannot be run. */
static int become(const char *runtime, char **argv, nvb_error **err)
{
	argv[0] = (char *)runtime;
	execv(runtime, argv);
	return nvb_fail_errno(err, errno, "running %s", runtime);
}

static int create(const struct shim_arguments *arguments, const struct nvb_config *config,
	const char *runtime, char **argv, nvb_error **err)
{
	const struct nvb_log log = {.level = config->log.level, .emit = emit, .data = (void *)arguments};
	struct container container = {
		.arguments = arguments, .config = config, .runtime = runtime, .log = &log};
	struct nvb_lease *lease = NULL;
	int rc;

	nvb_config_asked_rules(config, &container.rules);
	rc = give_devices(&container, &lease, err);
	if (rc == 0)
		rc = become(runtime, argv, err);
	nvb_lease_release(lease);
	return rc;
}

static int serve(const struct shim_arguments *arguments, char **argv, nvb_error **err)
{
	_cleanup_config_ struct nvb_config config = {0};
	_cleanup_free_ char *runtime = NULL;
	int rc = nvb_config_init(&config, err);

	if (rc == 0)
		rc = nvb_config_load(&config, NULL, false, err);
	if (rc == 0)
		rc = shim_find_runtime(config.runtime.runtimes, "/proc/self/exe", &runtime, err);
	if (rc < 0)
		return rc;
	return arguments->creates ? create(arguments, &config, runtime, argv, err)
				  : become(runtime, argv, err);
}

int main(int argc, char **argv)
{
	_cleanup_error_ nvb_error *error = NULL;
	struct shim_arguments arguments;

	if (argc < 1) /* a runtime is called by a name at least */
		return EXIT_FAILURE;
	nvb_file_open_standard();
	shim_arguments_parse(&arguments, argc, argv);
	if (arguments.own_version) {
		puts("nvbind-runtime " NVB_VERSION);
		return EXIT_SUCCESS;
	}
	serve(&arguments, argv, &error);
	shim_report_error(&arguments, error);
	return EXIT_FAILURE;
}
