/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/str.h"
#include "cdi_refresh.h"
#include "cdi_verbs.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/output.h"
#include "mig_verbs.h"
#include "nvbind.h"

/* What the verbs of `nvbind mig` share. */

static bool dry_run, reset_gpus, no_refresh;

const struct nvb_option nvbind_mig_change_options[] = {
	{"dry-run", 0, NVB_OPTION_FLAG(&dry_run), "say what would be done and do nothing"},
	{"reset", 0, NVB_OPTION_FLAG(&reset_gpus),
		"reset a GPU (by the driver's nvidia-smi) where its new mode waits for that"},
	{"no-refresh", 0, NVB_OPTION_FLAG(&no_refresh), "leave CDI specs as they are"},
	{NULL},
};

bool mig_is_dry_run(void)
{
	return dry_run;
}

int mig_host_open(struct mig_host *host, bool change, nvb_error **err)
{
	struct nvb_inventory_options options;
	int rc = load_inventory(NULL, &host->inventory, err);

	nvb_common_inventory_options(&options);
	return rc < 0 ? rc : nvb_mig_open(host->inventory, change, options.log, &host->mig, err);
}

void mig_host_close(struct mig_host *host)
{
	nvb_mig_close(host->mig);
	nvb_inventory_free(host->inventory);
}

int mig_chosen_gpus(
	const struct nvb_mig *mig, char *const *words, size_t **out, size_t *count, nvb_error **err)
{
	size_t *gpus = calloc(mig->gpu_count + nvb_strv_length(words) + 1, sizeof(*gpus));
	int rc = 0;

	if (!gpus)
		return nvb_fail_oom(err);
	*count = 0;
	nvb_strv_foreach (word, words) {
		_cleanup_strv_ char **parts = nvb_strv_split(*word, ",");

		for (size_t i = 0; rc == 0 && parts && parts[i]; i++) {
			size_t gpu;

			if (nvb_streq(parts[i], "all")) {
				words = NULL;
				break;
			}
			rc = nvb_mig_find_gpu(mig, parts[i], &gpu, err);
			for (size_t j = 0; rc == 0 && j < *count; j++)
				if (gpus[j] == gpu)
					gpu = SIZE_MAX;
			if (rc == 0 && gpu != SIZE_MAX && *count < mig->gpu_count)
				gpus[(*count)++] = gpu;
		}
		if (!words)
			break;
	}
	if (rc == 0 && !words)
		for (*count = 0; *count < mig->gpu_count; (*count)++)
			gpus[*count] = *count;
	if (rc < 0) {
		free(gpus);
		return rc;
	}
	*out = gpus;
	return 0;
}

static int print_step(const struct nvb_mig *mig, const struct nvb_mig_step *step, FILE *f, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	if (!nvb_mig_step_describe(mig, step, &line))
		return nvb_fail_oom(err);
	fprintf(f, "%s\n", line.s);
	return 0;
}

static void say_step(void *data, const struct nvb_mig *mig, const struct nvb_mig_step *step)
{
	(void)data;
	print_step(mig, step, stderr, NULL);
}

static int show(const struct mig_host *host, const struct nvb_mig_change *change, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < change->count; i++)
		rc = print_step(host->mig, &change->steps[i], stdout, err);
	if (rc == 0 && !change->count)
		puts("Nothing to do");
	if (rc == 0)
		rc = nvb_stdout_flush(err);
	/* What would be refused is said as well. */
	return rc == 0 ? nvb_mig_change_is_free(host->mig, change, err) : rc;
}

/* The inventory's cache is made from what is there now; specs of ours name the new MIG devices. */
static void follow(void)
{
	_cleanup_(nvb_inventory_freep) struct nvb_inventory *inventory = NULL;
	_cleanup_error_ nvb_error *error = NULL;
	_cleanup_examination_ struct cdi_examination x = {0};
	struct cdi_refreshed done = {0};

	if (load_inventory(NULL, &inventory, &error) == 0)
		nvb_inventory_ask_nvml(inventory, NULL, &error);
	if (error)
		nvb_report_warning("nvbind", "%s", nvb_error_message(error));
	if (no_refresh) {
		fputs("CDI specs are left as they are ('nvbind cdi refresh' makes them again)\n", stderr);
		return;
	}
	nvb_error_free(NVB_TAKE_PTR(error));
	if (cdi_refresh_pass(&x, &done, true, false, &error) < 0 || done.failed)
		nvb_report_warning("nvbind",
			"CDI specs do not all fit any more ('nvbind cdi status' says which)%s%s",
			error ? ": " : "", error ? nvb_error_message(error) : "");
}

int mig_make(struct mig_host *host, const struct nvb_mig_change *change, bool pending, nvb_error **err)
{
	const struct nvb_mig_run_options options = {
		.step = say_step, .reset = reset_gpus, .pending = pending};
	int rc;

	if (dry_run)
		return show(host, change, err);
	if (!change->count) {
		fputs("Nothing to do\n", stderr);
		return 0;
	}
	rc = nvb_mig_change_run(host->mig, change, &options, err);
	if (rc < 0)
		return rc;
	for (size_t g = 0; g < host->mig->gpu_count; g++)
		if (host->mig->gpus[g].enabled != host->mig->gpus[g].pending)
			fprintf(stderr,
				"GPU %u: MIG is switched %s with its next reset ('nvidia-smi --gpu-reset "
				"-i %u', or a reboot)\n",
				host->mig->gpus[g].index, host->mig->gpus[g].pending ? "on" : "off",
				host->mig->gpus[g].index);
	follow();
	return 0;
}

const struct nvb_verb nvbind_mig_verbs[] = {
	{.name = "list",
		.summary = "show MIG devices, who uses them, and what still fits",
		.description =
			"Of every GPU that MIG can divide: whether it is, its MIG devices with their places "
			"and who holds them, and the profiles it offers with how many more fit.",
		.examples = "  nvbind mig list\n"
			    "  nvbind mig list --gpu 0 --format json\n",
		.groups = NVB_GROUPS({"Options", nvbind_mig_list_options}),
		.run = nvbind_mig_list},
	{.name = "create",
		.summary = "make MIG devices beside those that are there",
		.synopsis = "PROFILE...",
		.description = "A profile is 1g.10gb, 1g.10gb+me, or 1c.3g.40gb for a part of an instance, "
			       "as 'nvbind "
			       "mig list' shows them. MIG is switched on where it is off. Places are chosen "
			       "so that most still fits afterwards. "
			       "All of them "
			       "are made, or none.",
		.examples = "  nvbind mig create --gpu 0 3g.40gb 2g.20gb\n"
			    "  nvbind mig create --gpu 0,1 --dry-run 1g.10gb 1g.10gb\n",
		.groups = NVB_GROUPS({"Options", nvbind_mig_create_options},
			{"How to change it", nvbind_mig_change_options}),
		.run = nvbind_mig_create,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY},
	{.name = "destroy",
		.summary = "remove MIG devices",
		.synopsis = "[DEVICE...]",
		.description =
			"A device is 0:1, as 'nvbind mig list' numbers them, or its UUID; with --gpu, all of "
			"a GPU's. One that somebody uses is refused with who does. All of them are "
			"removed, or none.",
		.examples = "  nvbind mig destroy 0:1\n"
			    "  nvbind mig destroy --gpu 0\n",
		.groups = NVB_GROUPS({"Options", nvbind_mig_destroy_options},
			{"How to change it", nvbind_mig_change_options}),
		.run = nvbind_mig_destroy,
		.max_args = NVB_ARGS_ANY},
	{.name = "apply",
		.summary = "divide GPUs as a file says",
		.synopsis = "FILE",
		.description = "FILE is one of mig-parted's (YAML or JSON), or the same in TOML; - is "
			       "standard input. "
			       "Devices that need not change stay as they are, so applying it twice does "
			       "nothing. It is "
			       "refused when somebody uses what would go, and what was there is put back "
			       "when a step "
			       "fails or the command is killed.",
		.examples = "  nvbind mig apply --config all-balanced /etc/nvidia-mig-manager/config.yaml\n"
			    "  nvbind mig export | ssh other nvbind mig apply -\n",
		.groups = NVB_GROUPS({"Options", nvbind_mig_apply_options},
			{"How to change it", nvbind_mig_change_options}),
		.run = nvbind_mig_apply,
		.min_args = 1,
		.max_args = 1},
	{.name = "export",
		.summary = "write how GPUs are divided now, as a file for 'apply' and mig-parted",
		.groups = NVB_GROUPS({"Options", nvbind_mig_export_options}),
		.run = nvbind_mig_export},
	{.name = "recover",
		.summary = "put back what was there before a change that was cut off",
		.description = "The next command that changes something does so by itself.",
		.groups = NVB_GROUPS({"Options", nvbind_mig_recover_options}),
		.run = nvbind_mig_recover},
	{NULL},
};
