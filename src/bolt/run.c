/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/jscan.h"
#include "base/str.h"
#include "bolt/helper.h"
#include "request/request.h"

/* Behind the image the words are the container's; before it they would be ours. */
static int check_image(const char *image, nvb_error **err)
{
	if (image && *image && *image != '-')
		return 0;
	return nvb_fail(err, NVB_ERR_INVALID, "image '%s': not a name", image ? image : "");
}

static bool add_command(char ***words, const char *image, const char *const *command)
{
	bool ok = nvb_bolt_word(words, image);

	for (; ok && command && *command; command++)
		ok = nvb_bolt_word(words, *command);
	return ok;
}

static bool begin_run(char ***words, const nvb_manager *manager)
{
	return nvb_bolt_begin(words, manager) && nvb_bolt_word(words, "surge") &&
	       nvb_bolt_word(words, "run") && nvb_bolt_option(words, "--gpu-runtime", "nvbind");
}

int nvb_manager_run(nvb_manager *manager, const char *image, const char *const *command, const char *gpus,
	int *status, nvb_error **err)
{
	enum { OUR_FAILURE = 125 };
	_cleanup_strv_ char **words = NULL;
	int ended = 0, rc = check_image(image, err);

	if (rc < 0)
		return rc;
	if (!begin_run(&words, manager) || !nvb_bolt_word(&words, "--rm") ||
		!nvb_bolt_option(&words, "--gpu", gpus) || !add_command(&words, image, command))
		return nvb_fail_oom(err);
	rc = nvb_bolt_call(words, NULL, &ended, err);
	if (rc < 0)
		return rc;
	if (ended == OUR_FAILURE)
		return nvb_fail(err, NVB_ERR_SYSTEM,
			"bolt could not run %s; it has said why on standard error (or the program ended with "
			"125)",
			image);
	*status = ended;
	return 0;
}

/* What bolt's command line has no word for. */
static int check_request(const struct nvb_request *request, nvb_error **err)
{
	const char *what = !request					     ? NULL
			   : request->features				     ? "features"
			   : request->channel_count || request->all_channels ? "IMEX channels"
			   : request->setting_count			     ? "settings of a profile"
									     : NULL;

	if (!what)
		return 0;
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED, "a request with %s cannot be handed to bolt", what),
		"name profiles in nvb_bolt_run.profiles; features and channels are for engines of one's own");
}

static bool add_selector(char ***words, const struct nvb_selector *selector)
{
	const char *option = selector->kind == NVB_SELECT_COUNT ? "--gpus"
			     : selector->kind == NVB_SELECT_CDI ? "--cdi-device"
								: "--gpu";

	return nvb_bolt_option(words, option, selector->text);
}

static bool add_limits(char ***words, const struct nvb_request *request)
{
	char memory[32], share[16];

	snprintf(memory, sizeof(memory), "%" PRIu64 "B", request->memory_limit);
	snprintf(share, sizeof(share), "%u%%", request->compute_limit);
	return nvb_bolt_option(
		       words, "--isolation", nvb_choice_name(nvb_isolation_names, (int)request->isolation)) &&
	       nvb_bolt_option(words, "--gpu-memory-limit", request->memory_limit ? memory : NULL) &&
	       nvb_bolt_option(words, "--gpu-compute-limit", request->compute_limit ? share : NULL) &&
	       (request->mig_match == NVB_MIG_MATCH_UP ||
		       nvb_bolt_option(words, "--mig-match",
			       nvb_choice_name(nvb_mig_match_names, (int)request->mig_match)));
}

static bool add_request(char ***words, const struct nvb_request *request)
{
	char capabilities[NVB_CAPABILITIES_TEXT];
	bool ok = true;

	if (!request || (!request->selector_count && !request->none))
		return true;
	if (request->none)
		ok = nvb_bolt_option(words, "--gpu", "none");
	for (size_t i = 0; ok && i < request->selector_count; i++)
		ok = add_selector(words, &request->selectors[i]);
	if (ok && request->capabilities != NVB_CAP_DEFAULT)
		ok = nvb_bolt_option(words, "--capabilities",
			nvb_capabilities_format(request->capabilities, capabilities));
	return ok && add_limits(words, request);
}

static int command_line(
	const nvb_manager *manager, const struct nvb_bolt_run *run, char ***words, nvb_error **err)
{
	_cleanup_free_ char *origin = NULL;
	bool ok;

	if (run->rootfs && run->image &&
		asprintf(&origin, "org.opencontainers.image.ref.name=%s", run->image) < 0) {
		origin = NULL;
		return nvb_fail_oom(err);
	}
	ok = begin_run(words, manager) && nvb_bolt_word(words, "--detach") &&
	     nvb_bolt_option(words, "--name", run->id) && nvb_bolt_option(words, "--annotation", origin) &&
	     (!run->remove || nvb_bolt_word(words, "--rm")) && add_request(words, run->request);
	for (const char *const *profile = run->profiles; ok && profile && *profile; profile++)
		ok = nvb_bolt_option(words, "--profile", *profile);
	ok = ok && add_command(words, run->rootfs ? run->rootfs : run->image, run->command);
	return ok ? 0 : nvb_fail_oom(err);
}

/* The "pid" of the one capsule in the list that `bolt capsule inspect` prints. */
static int read_pid(const char *text, pid_t *pid, nvb_error **err)
{
	struct nvb_jscan js;
	struct nvb_json key, value;
	uint64_t number = 0;
	char digits[24] = "";
	int more, rc;

	nvb_jscan_begin(&js, text, strlen(text));
	rc = nvb_jscan_enter(&js, NVB_JSON_ARRAY, err);
	if (rc == 0 && (more = nvb_jscan_next(&js, &key, err)) <= 0)
		rc = more < 0 ? more : nvb_fail(err, NVB_ERR_CORRUPT, "no capsule in it");
	if (rc == 0)
		rc = nvb_jscan_enter(&js, NVB_JSON_OBJECT, err);
	while (rc == 0 && (more = nvb_jscan_next(&js, &key, err)) != 0) {
		rc = more < 0 ? more : nvb_jscan_value(&js, &value, err);
		if (rc == 0 && key.size == 3 && memcmp(key.text, "pid", 3) == 0 &&
			value.type == NVB_JSON_NUMBER)
			snprintf(digits, sizeof(digits), "%.*s", (int)(value.size < 20 ? value.size : 20),
				value.text);
	}
	nvb_jscan_release(&js);
	if (rc == 0 && (!nvb_parse_u64(digits, &number) || !number || number > INT32_MAX))
		rc = nvb_fail(err, NVB_ERR_CANCELLED, "its program has ended already");
	if (rc == 0)
		*pid = (pid_t)number;
	return rc;
}

/* The answer is about the capsule whose id `run` printed, whatever its name means by now. */
static int ask_pid(const nvb_manager *manager, char *id, pid_t *pid, nvb_error **err)
{
	_cleanup_strv_ char **words = NULL;
	_cleanup_free_ char *said = NULL;
	int status, rc;

	id[strcspn(id, "\n")] = '\0';
	if (!nvb_bolt_begin(&words, manager) || !nvb_bolt_word(&words, "capsule") ||
		!nvb_bolt_word(&words, "inspect") || !nvb_bolt_word(&words, id))
		return nvb_fail_oom(err);
	rc = nvb_bolt_call(words, &said, &status, err);
	if (rc == 0)
		rc = read_pid(said, pid, err);
	return rc < 0 ? nvb_wrap(err, rc, "capsule %s", id) : 0;
}

int nvb_manager_run_rootfs(nvb_manager *manager, const struct nvb_bolt_run *run, pid_t *pid, nvb_error **err)
{
	_cleanup_strv_ char **words = NULL;
	_cleanup_free_ char *id = NULL;
	int status, rc = nvb_check_size("nvb_bolt_run", run->size, sizeof(*run), err);

	if (rc == 0 && !run->image && !run->rootfs)
		rc = nvb_fail(err, NVB_ERR_INVALID, "neither an image nor a root was named");
	if (rc == 0 && run->rootfs && *run->rootfs != '/')
		rc = nvb_fail(err, NVB_ERR_INVALID, "rootfs '%s': not an absolute path", run->rootfs);
	if (rc == 0 && !run->rootfs)
		rc = check_image(run->image, err);
	if (rc == 0)
		rc = check_request(run->request, err);
	if (rc == 0)
		rc = command_line(manager, run, &words, err);
	if (rc == 0)
		rc = nvb_bolt_call(words, &id, &status, err);
	return rc < 0 ? rc : ask_pid(manager, id, pid, err);
}
