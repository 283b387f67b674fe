/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/docker_info.h"
#include "engine/program.h"
#include "run.h"

/*
 * docker run: by CDI where the daemon reads specs (28.2 on by default, 25 with the feature switched on), else
 * through the runtime nvbind where it is registered. The daemon itself is asked.
 */

enum { LARGEST_ANSWER = 4 << 20 };
#define OWN_KIND "nvidia.com/gpu="

static int ask_daemon(struct docker_info *info, nvb_error **err)
{
	static const char *const argv[] = {"docker", "info", "--format", "{{json .}}", NULL};
	_cleanup_free_ char *json = NULL;
	int rc = engine_ask_program(argv, LARGEST_ANSWER, &json, err);

	/* Some clients fail without a daemon, others answer that there is none. */
	if (rc == 0)
		rc = docker_info_parse(info, json, strlen(json), err);
	if (rc == 0 && (info->error || !info->version))
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "%s",
			info->error ? info->error : "it says nothing of itself");
	if (rc == 0)
		return 0;
	rc = nvb_wrap(err, rc, "docker's daemon does not answer");
	return nvb_hint(err, rc,
		"start it (systemctl start docker), or check DOCKER_HOST and the rights to its socket");
}

static bool is_planned(const struct nvb_plan *plan, const char *device)
{
	for (size_t i = 0; i < plan->device_count; i++)
		if (nvb_streq(plan->devices[i].name, device))
			return true;
	return false;
}

/* --runtime nvbind reads its request from the environment. What was named as CDI does stands in the plan as
 * edits, not as a device, where a spec has it. */
static void add_runtime(struct run_command *command, const struct run *run)
{
	_cleanup_strbuf_ struct nvb_strbuf list = {0};
	char capabilities[NVB_CAPABILITIES_TEXT];

	run_add_option(command, "--runtime", "nvbind");
	for (size_t i = 0; i < run->plan->device_count; i++)
		nvb_sb_addf(&list, "%s%s", list.len ? "," : "", run->plan->devices[i].name);
	for (size_t i = 0; i < run->request->selector_count; i++) {
		const struct nvb_selector *selector = &run->request->selectors[i];
		const char *device =
			selector->kind == NVB_SELECT_CDI ? nvb_after(selector->text, OWN_KIND) : NULL;

		if (device && !is_planned(run->plan, device))
			nvb_sb_addf(&list, "%s%s", list.len ? "," : "", device);
	}
	run_add(command, "--env");
	run_addf(command, "NVIDIA_VISIBLE_DEVICES=%s", list.s ? list.s : "none");
	command->failed |= list.failed;
	if (run->isolation == NVB_LEASE_EXCLUSIVE) {
		run_add(command, "--env");
		run_add(command, "NVBIND_ISOLATION=exclusive");
	}
	if (run->request->capabilities == NVB_CAP_DEFAULT)
		return;
	run_add(command, "--env");
	run_addf(command, "NVIDIA_DRIVER_CAPABILITIES=%s",
		nvb_capabilities_format(run->request->capabilities, capabilities));
}

static bool has_foreign_device(const struct nvb_request *request)
{
	for (size_t i = 0; i < request->selector_count; i++)
		if (request->selectors[i].kind == NVB_SELECT_CDI &&
			!nvb_after(request->selectors[i].text, OWN_KIND))
			return true;
	return false;
}

static int add_gpus(
	struct run_command *command, struct run *run, const struct docker_info *info, nvb_error **err)
{
	_cleanup_error_ nvb_error *why = NULL;
	struct run_command devices = {0};
	bool runtime = nvb_strv_contains(info->runtimes, "nvbind");
	bool exclusive = run->isolation == NVB_LEASE_EXCLUSIVE;
	/* docker's client may end and leave the container, so an exclusive lease must be the runtime's. */
	bool cdi = info->cdi_directories && info->cdi_directories[0] && !exclusive;
	int rc = -NVB_ERR_NOT_FOUND;

	if (run->request->none)
		return 0;
	if (cdi)
		rc = run_add_cdi_devices(&devices, run, info->cdi_directories, &why);
	if (rc == 0)
		nvb_strv_foreach (word, devices.words)
			run_add(command, *word);
	command->failed |= devices.failed;
	nvb_strv_free(devices.words);
	if (rc == 0)
		return 0;
	if (runtime && !has_foreign_device(run->request)) {
		add_runtime(command, run);
		return 0;
	}
	if (cdi) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	if (exclusive)
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED,
				runtime ? "--isolation exclusive: the runtime nvbind gives NVIDIA's GPUs only"
					: "--isolation exclusive: docker does not have the runtime nvbind, "
					  "which "
					  "holds GPUs for its containers"),
			runtime ? "name GPUs, not CDI devices of others"
				: "nvbind runtime configure --runtime docker, then restart docker");
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"docker %s reads no CDI specs and does not have the runtime nvbind", info->version),
		"nvbind runtime configure --runtime docker, then restart docker");
}

int run_docker(struct run_command *command, struct run *run, nvb_error **err)
{
	_cleanup_docker_info_ struct docker_info info = {0};
	_cleanup_free_ char *program = NULL;
	int rc = run_find_engine("docker", &program, err);

	if (rc == 0)
		rc = run_make_plan(run, err);
	if (rc == 0)
		rc = ask_daemon(&info, err);
	if (rc == 0 && run->rootless && !info.rootless)
		rc = nvb_hint(err,
			nvb_fail(err, NVB_ERR_PERMISSION, "--rootless: this docker daemon runs as root"),
			"set up rootless docker (dockerd-rootless-setuptool.sh), or use podman");
	if (rc < 0)
		return rc;
	run_add(command, "docker");
	run_add(command, "run");
	rc = add_gpus(command, run, &info, err);
	if (rc < 0)
		return rc;
	run_add_settings(command, run, false);
	run_add_common(command);
	return 0;
}
