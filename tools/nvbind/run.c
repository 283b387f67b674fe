/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "nvbind.h"

/* nvbind run: makes the engine's command line, shows it, becomes it. */

enum engine { ENGINE_UNSET, ENGINE_DOCKER, ENGINE_PODMAN, ENGINE_BOLT };
enum driver { DRIVER_AUTO, DRIVER_PROPRIETARY, DRIVER_OPEN, DRIVER_NOUVEAU };

static struct {
	const char *rootfs;
	bool dry_run, gaming, rootless;
	int engine, driver;
} opt;

static const struct nvb_choice engines[] = {
	{"docker", ENGINE_DOCKER}, {"podman", ENGINE_PODMAN}, {"bolt", ENGINE_BOLT}, {NULL, 0}};

static const struct nvb_choice drivers[] = {{"auto", DRIVER_AUTO}, {"nvidia-proprietary", DRIVER_PROPRIETARY},
	{"nvidia-open", DRIVER_OPEN}, {"nouveau", DRIVER_NOUVEAU}, {NULL, 0}};

static const struct nvb_option options[] = {
	{"runtime", 0, NVB_OPTION_CHOICE("ENGINE", engines, &opt.engine), "who runs it"},
	{"dry-run", 0, NVB_OPTION_FLAG(&opt.dry_run),
		"print the command on standard output, as a shell takes it, and run nothing"},
	{"driver", 0, NVB_OPTION_CHOICE("KIND", drivers, &opt.driver),
		"refuse to run on another kernel module"},
	{"gaming", 0, NVB_OPTION_FLAG(&opt.gaming), "the profile gaming, below those that --profile names"},
	{"rootless", 0, NVB_OPTION_FLAG(&opt.rootless), "refuse to run with root's rights"},
	{"rootfs", 0, NVB_OPTION_STRING("DIR", &opt.rootfs),
		"with bolt: use this directory as the root, IMAGE is its name only; changes go with the "
		"container"},
	{NULL},
};

extern const struct nvb_option run_common_options[];

const struct nvb_option_group run_groups[] = {
	{"Options", options},
	{"What is asked for", request_options},
	{"Profile", profile_options},
	{"Isolation", isolation_options},
	{"The container", run_common_options},
	{NULL},
};

void run_add(struct run_command *command, const char *word)
{
	command->failed |= !nvb_strv_add(&command->words, word);
}

void run_addf(struct run_command *command, const char *fmt, ...)
{
	char *word = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&word, fmt, ap) < 0)
		word = NULL;
	va_end(ap);
	if (word)
		run_add(command, word);
	command->failed |= !word;
	free(word);
}

void run_add_option(struct run_command *command, const char *option, const char *value)
{
	run_add(command, option);
	run_add(command, value);
}

int run_find_engine(const char *name, char **out, nvb_error **err)
{
	const char *path = getenv("PATH");
	_cleanup_strv_ char **directories = nvb_strv_split(path ? path : "/usr/bin:/bin", ":");

	if (!directories)
		return nvb_fail_oom(err);
	nvb_strv_foreach (directory, directories) {
		_cleanup_free_ char *file = NULL;
		struct stat st;

		if (asprintf(&file, "%s/%s", *directory, name) < 0) {
			file = NULL;
			return nvb_fail_oom(err);
		}
		if (access(file, X_OK) == 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode)) {
			*out = NVB_TAKE_PTR(file);
			return 0;
		}
	}
	return nvb_hint(err,
		nvb_fail(
			err, NVB_ERR_NOT_FOUND, "%s is not installed: no program of that name in PATH", name),
		"install it, or use --runtime bolt");
}

int run_make_plan(struct run *run, nvb_error **err)
{
	const struct nvb_plan_options plan_options = {
		.size = sizeof(plan_options),
		.cdi_directories = (const char *const *)nvb_common_config()->cdi.directories,
		.log = nvb_logging(),
	};
	int rc = run->inventory ? 0 : load_inventory(run->request, &run->inventory, err);

	return rc < 0 ? rc : nvb_plan_make(run->request, run->inventory, &plan_options, &run->plan, err);
}

/* --driver asserts what serves the GPUs. */
static int check_driver(struct run *run, nvb_error **err)
{
	static const enum nvb_driver_kind wanted[] = {[DRIVER_PROPRIETARY] = NVB_DRIVER_PROPRIETARY,
		[DRIVER_OPEN] = NVB_DRIVER_OPEN,
		[DRIVER_NOUVEAU] = NVB_DRIVER_NOUVEAU};
	static const char *const kinds[] = {[NVB_DRIVER_NONE] = "no NVIDIA driver",
		[NVB_DRIVER_PROPRIETARY] = "nvidia-proprietary",
		[NVB_DRIVER_OPEN] = "nvidia-open",
		[NVB_DRIVER_NOUVEAU] = "nouveau",
		[NVB_DRIVER_DXG] = "WSL2's paravirtual driver"};
	int rc;

	if (opt.driver == DRIVER_AUTO)
		return 0;
	rc = load_inventory(run->request, &run->inventory, err);
	if (rc < 0)
		return rc;
	/* Windows has no other one of NVIDIA's. */
	if (run->inventory->driver.kind == NVB_DRIVER_DXG && opt.driver == DRIVER_PROPRIETARY)
		return 0;
	if (run->inventory->driver.kind != wanted[opt.driver])
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED, "--driver %s: this host has %s",
				nvb_choice_name(drivers, opt.driver), kinds[run->inventory->driver.kind]),
			"--driver auto takes what there is");
	return 0;
}

/* Parts of GPUs are made and kept by who sees the container start and end. */
static int check_isolation(const struct run *run, nvb_error **err)
{
	const struct nvb_request *request = run->request;
	bool part = request->isolation == NVB_ISOLATION_VIRTUAL;

	if (opt.engine == ENGINE_BOLT || (!part && !request->memory_limit && !request->compute_limit))
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"%s: %s starts the container by itself, and nobody here would keep it",
			part ? "--isolation virtual" : "a limit on a GPU",
			nvb_choice_name(engines, opt.engine)),
		"use --runtime bolt, or name a MIG device (--gpu 0:1)");
}

static int check_options(const char *image, nvb_error **err)
{
	if (opt.engine == ENGINE_UNSET)
		return nvb_usage(err, "--runtime is missing: docker, podman or bolt");
	/* The engine would read it as an option of its own. */
	if (*image == '-' || !*image)
		return nvb_fail(err, NVB_ERR_INVALID, "'%s' is not an image", image);
	if (opt.rootfs && *opt.rootfs == '-')
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_INVALID, "--rootfs %s: bolt would take it for an option",
				opt.rootfs),
			"put ./ before it");
	if (opt.rootfs && opt.engine != ENGINE_BOLT)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "--rootfs: only bolt runs a directory");
	if (opt.rootless && geteuid() == 0)
		return nvb_hint(err, nvb_fail(err, NVB_ERR_PERMISSION, "--rootless: this is root"),
			"run it as the user whose container it shall be");
	return 0;
}

static int make_command(struct run_command *command, struct run *run, nvb_error **err)
{
	static int (*const makers[])(struct run_command *, struct run *, nvb_error **) = {
		[ENGINE_DOCKER] = run_docker, [ENGINE_PODMAN] = run_podman, [ENGINE_BOLT] = run_bolt};
	int rc = makers[opt.engine](command, run, err);

	if (rc == 0)
		run_add(command, opt.rootfs ? opt.rootfs : run->image);
	nvb_strv_foreach (word, run->command)
		run_add(command, *word);
	if (rc == 0 && command->failed)
		rc = nvb_fail_oom(err);
	return rc;
}

/* The word as a POSIX shell reads it back. */
static void add_quoted(struct nvb_strbuf *line, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-./:=,@%+";

	if (*word && strspn(word, plain) == strlen(word)) {
		nvb_sb_add(line, word);
		return;
	}
	nvb_sb_addc(line, '\'');
	for (; *word; word++)
		if (*word == '\'')
			nvb_sb_add(line, "'\\''");
		else
			nvb_sb_addc(line, *word);
	nvb_sb_addc(line, '\'');
}

static int show(const struct run_command *command, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	nvb_strv_foreach (word, command->words) {
		if (word != command->words)
			nvb_sb_addc(&line, ' ');
		add_quoted(&line, *word);
	}
	nvb_sb_addc(&line, '\n');
	if (line.failed)
		return nvb_fail_oom(err);
	if (opt.dry_run)
		return nvb_stdout_write(line.s, line.len, err);
	fprintf(stderr, "+ %s", line.s);
	return 0;
}

/* Holds the GPUs for the engine that does not do it itself, as bolt does and, where they are exclusive, the
 * runtime that docker calls. */
static int take_lease(struct run *run, nvb_error **err)
{
	if (opt.dry_run || opt.engine == ENGINE_BOLT ||
		(opt.engine == ENGINE_DOCKER && run->isolation == NVB_LEASE_EXCLUSIVE))
		return 0;
	return run_take_lease(run, nvb_choice_name(engines, opt.engine), err);
}

static void release(struct run *run)
{
	nvb_lease_release(run->lease);
	free(run->pid_file);
	nvb_plan_free(run->plan);
	nvb_inventory_free(run->inventory);
	nvb_request_free(run->request);
}

int verb_run(int argc, char **argv, nvb_error **err)
{
	_cleanup_(release) struct run run = {
		.image = argv[0],
		.command = argv + 1,
		.rootfs = opt.rootfs,
		.rootless = opt.rootless,
		.dry_run = opt.dry_run,
	};
	struct run_command command = {0};
	int rc = check_options(argv[0], err);

	/* What follows IMAGE is the command's; "--" may stand between them. */
	if (argc > 1 && nvb_streq(argv[1], "--"))
		run.command++;
	if (rc == 0 && opt.gaming)
		rc = request_profile_first("gaming", err);
	if (rc == 0)
		rc = make_request(&run.request, err);
	if (rc == 0)
		rc = check_isolation(&run, err);
	if (rc == 0 && run.request->isolation == NVB_ISOLATION_EXCLUSIVE)
		run.isolation = NVB_LEASE_EXCLUSIVE;
	if (rc == 0)
		rc = check_driver(&run, err);
	if (rc == 0)
		rc = make_command(&command, &run, err);
	if (rc == 0)
		rc = take_lease(&run, err);
	if (rc == 0)
		rc = show(&command, err);
	if (rc == 0 && !opt.dry_run) {
		execvp(command.words[0], command.words);
		rc = nvb_fail_errno(err, errno, "%s", command.words[0]);
	}
	nvb_strv_free(command.words);
	return rc;
}
