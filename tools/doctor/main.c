/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* the build's */
#include <stdio.h>

#include "base/str.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "cli/sibling.h"
#include "verb.h"

static struct {
	int format;
	bool gpu, list, all, fix, yes, probe, no_probe;
	const char *container;
} opt = {.format = NVB_FORMAT_TABLE};

static const struct nvb_option options[] = {
	{"gpu", 0, NVB_OPTION_FLAG(&opt.gpu),
		"look at GPUs and driver alone; that there is none is a failure then"},
	{"container", 0, NVB_OPTION_STRING("NAME", &opt.container),
		"look from inside a running capsule, or a container of docker or podman"},
	{"all", 'a', NVB_OPTION_FLAG(&opt.all), "show checks that found nothing as well"},
	{"fix", 0, NVB_OPTION_FLAG(&opt.fix), "run the commands that are safe, after asking, and look again"},
	{"yes", 'y', NVB_OPTION_FLAG(&opt.yes), "do not ask (with --fix)"},
	{"probe", 0, NVB_OPTION_FLAG(&opt.probe),
		"run the programs in capsules even where a check has failed"},
	{"no-probe", 0, NVB_OPTION_FLAG(&opt.no_probe), "run no program in a capsule"},
	{"list", 0, NVB_OPTION_FLAG(&opt.list), "list the checks and make none"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format), "how to print"},
	{NULL},
};

const struct nvb_option_group doctor_groups[] = {{"Options", options}, {NULL, NULL}};

const char doctor_description[] = "Looks for the causes that keep GPUs, and containers with them, from "
				  "working: one cause and the command "
				  "that mends it, not the symptoms that follow. Last, a GPU program runs in "
				  "a throw-away capsule; no image is "
				  "needed for it. Nothing is changed without --fix. The exit status is 0 "
				  "when all is fine, 1 with warnings, "
				  "2 with failures.";
const char doctor_examples[] = "  bolt doctor --gpu\n"
			       "  nvbind doctor --fix\n"
			       "  nvbind doctor --container trainer --format json\n";

static int print(const struct nvb_doctor *doctor, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	if (opt.format == NVB_FORMAT_JSON)
		doctor_print_json(&out, doctor);
	else
		doctor_print(&out, doctor, opt.all);
	if (out.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(out.s, out.len, err);
}

static int list(const struct nvb_doctor_options *how, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	if (opt.format == NVB_FORMAT_JSON)
		doctor_print_table_json(&out);
	else
		doctor_print_table(&out, how);
	if (out.failed)
		return nvb_fail_oom(err);
	return nvb_stdout_write(out.s, out.len, err);
}

static int examine(const struct nvb_doctor_options *how, nvb_error **err)
{
	_cleanup_doctor_ struct nvb_doctor *doctor = NULL, *again = NULL;
	size_t mended = 0;
	int rc = nvb_doctor_run(how, &doctor, err);

	if (rc < 0)
		return rc;
	if (!opt.fix) {
		rc = print(doctor, err);
		return rc < 0 ? rc : doctor_status(doctor);
	}
	/* What was found goes to stdout once, as it is in the end. */
	rc = doctor_mend(doctor, opt.yes, &mended, err);
	if (rc == 0 && mended)
		rc = nvb_doctor_run(how, &again, err);
	if (rc == 0)
		rc = print(again ? again : doctor, err);
	return rc < 0 ? rc : doctor_status(again ? again : doctor);
}

static int check_options(nvb_error **err)
{
	if (opt.yes && !opt.fix)
		return nvb_usage(err, "--yes agrees to what --fix does, and --fix is not given");
	if (opt.probe && opt.no_probe)
		return nvb_usage(err, "--probe and --no-probe exclude each other");
	if (opt.container && (opt.probe || opt.gpu))
		return nvb_usage(err, "--container looks at what a container has: --%s does not go with it",
			opt.probe ? "probe" : "gpu");
	if (opt.container && !*opt.container)
		return nvb_usage(err, "--container: the name is empty");
	return 0;
}

int verb_doctor(int argc, char **argv, nvb_error **err)
{
	_cleanup_free_ char *bolt = nvb_sibling_program("bolt", NVB_BINDIR);
	_cleanup_free_ char *probe = nvb_sibling_program("nvbind-probe", NVB_LIBEXECDIR);
	_cleanup_strv_ char **arguments = NULL;
	struct nvb_inventory_options inventory;
	struct nvb_doctor_options how;
	int rc = check_options(err);

	(void)argc;
	(void)argv;
	if (rc != 0)
		return rc;
	if (!nvb_common_arguments(&arguments))
		return nvb_fail_oom(err);
	nvb_common_inventory_options(&inventory);
	how = (struct nvb_doctor_options){
		.inventory = &inventory,
		.log = nvb_logging(),
		.specs = doctor_specs,
		.cdi_directories = (const char *const *)nvb_common_config()->cdi.directories,
		.runtimes = nvb_common_config()->runtime.runtimes,
		.criu = nvb_common_config()->snapshots.criu,
		.bolt = bolt && access(bolt, X_OK) == 0 ? bolt : NULL,
		.probe = probe,
		.arguments = arguments,
		.container = opt.container,
		.gpus_only = opt.gpu,
		.no_probe = opt.no_probe,
		.force_probe = opt.probe,
	};
	return opt.list ? list(&how, err) : examine(&how, err);
}
