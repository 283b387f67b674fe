/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "benchmark/subject.h"
#include "engine/docker_info.h"

/* docker run, by the daemon that the docker command finds; the image is imported for this run. */

struct way {
	const char *what;
	const char *runtime; /* of the daemon's, that must be there */
	bool cdi;	     /* the daemon must read CDI specs */
	const char *const *words;
};

static const char *const by_gpus[] = {"--gpus", "all", NULL};
static const char *const by_nvidia[] = {"--runtime", "nvidia", "--env", "NVIDIA_VISIBLE_DEVICES=all", "--env",
	"NVIDIA_DRIVER_CAPABILITIES=compute,utility", NULL};
static const char *const by_cdi[] = {"--device", "nvidia.com/gpu=all", NULL};
static const char *const by_nvbind[] = {"--runtime", "nvbind", "--env", "NVIDIA_VISIBLE_DEVICES=all", "--env",
	"NVIDIA_DRIVER_CAPABILITIES=compute,utility", NULL};

/* As people give docker GPUs, NVIDIA's ways first: the first one that works is measured. */
static const struct way ways[] = {
	{"GPUs by --gpus all", NULL, false, by_gpus},
	{"GPUs by the runtime 'nvidia'", "nvidia", false, by_nvidia},
	{"GPUs by CDI", NULL, true, by_cdi},
	{"GPUs by the runtime 'nvbind'", "nvbind", false, by_nvbind},
};

static bool make_words(struct nvb_subject *subject, const struct way *way)
{
	bool added;

	nvb_words_free(NVB_TAKE_PTR(subject->argv));
	added = nvb_words(&subject->argv, "docker", "run", "--rm", "--name", subject->container, "--network",
		"host", NULL);
	for (size_t i = 0; way && way->words[i]; i++)
		added = added && nvb_words(&subject->argv, way->words[i], NULL);
	return added && nvb_words(&subject->argv, subject->image, NULL) &&
	       nvb_words_program(&subject->argv, subject);
}

static int ask_daemon(struct nvb_benchmark *benchmark, struct docker_info *info, nvb_error **err)
{
	const char *words[] = {"docker", "info", "--format", "{{json .}}", NULL};
	_cleanup_command_result_ struct nvb_command_result result = {0};
	struct nvb_command command = nvb_benchmark_command(benchmark, words);
	int rc = nvb_command_must(&command, &result, err);

	if (rc == 0)
		rc = docker_info_parse(info, result.output, result.output_size, err);
	/* The client is there and leaves with 0 also when the daemon is not. */
	if (rc == 0 && info->error)
		rc = nvb_fail(err, NVB_ERR_NOT_FOUND, "%s", info->error);
	return rc == 0 ? 0 : nvb_hint(err, rc, "start its daemon (dockerd), or leave docker out");
}

static int import_image(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err)
{
	_cleanup_close_ int archive = -1;
	const char *words[] = {"docker", "import", "-", NULL, NULL};
	struct nvb_command command;
	pid_t tar;
	int rc;

	if (!(subject->image = strdup(subject->container)))
		return nvb_fail_oom(err);
	words[3] = subject->image;
	rc = nvb_benchmark_archive(benchmark, &archive, &tar, err);
	if (rc < 0)
		return rc;
	command = nvb_benchmark_command(benchmark, words);
	command.input = archive;
	rc = nvb_command_must(&command, NULL, err);
	nvb_command_stop(tar);
	return rc;
}

static int find_way(struct nvb_subject *subject, struct nvb_benchmark *benchmark,
	const struct docker_info *info, const struct way **found, nvb_error **err)
{
	_cleanup_error_ nvb_error *last = NULL;
	struct nvb_start_times times;

	for (size_t i = 0; i < NVB_ELEMENTS(ways); i++) {
		const struct way *way = &ways[i];
		_cleanup_error_ nvb_error *why = NULL;
		int rc;

		if ((way->runtime && !nvb_strv_contains(info->runtimes, way->runtime)) ||
			(way->cdi && !(info->cdi_directories && info->cdi_directories[0])))
			continue;
		if (!make_words(subject, way))
			return nvb_fail_oom(err);
		rc = nvb_subject_start(subject, benchmark, &times, &why);
		if (rc == 0) {
			*found = way;
			return 0;
		}
		if (rc == -NVB_ERR_CANCELLED) {
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
		nvb_error_free(last);
		last = NVB_TAKE_PTR(why);
	}
	return nvb_hint(err,
		nvb_fail(err, NVB_ERR_UNSUPPORTED, "its containers get no GPU: %s",
			last ? nvb_error_message(last) : "no way is known"),
		"install a runtime for it ('nvbind runtime configure --runtime docker'), or compare without "
		"--gpu");
}

int nvb_docker_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err)
{
	const char *version_words[] = {"docker", "--version", NULL};
	_cleanup_free_ char *version = NULL;
	struct docker_info info = {0};
	const struct way *way = NULL;
	struct nvb_start_times times;
	int rc = nvb_first_line(benchmark, version_words, &version, err);

	if (rc < 0)
		return nvb_hint(err, rc, "install docker, or leave it out");
	rc = ask_daemon(benchmark, &info, err);
	if (rc == 0)
		rc = import_image(subject, benchmark, err);
	if (rc == 0 && subject->gpu)
		rc = find_way(subject, benchmark, &info, &way, err);
	else if (rc == 0 && !make_words(subject, NULL))
		rc = nvb_fail_oom(err);
	else if (rc == 0)
		rc = nvb_subject_start(subject, benchmark, &times, err);
	if (rc == 0 && asprintf(&subject->what, "%s, daemon %s; --rm, the host's network, %s", version,
			       info.version ? info.version : "of unknown version",
			       way ? way->what : "no GPUs") < 0) {
		subject->what = NULL;
		rc = nvb_fail_oom(err);
	}
	docker_info_release(&info);
	return rc;
}

void nvb_docker_finish(struct nvb_subject *subject, struct nvb_benchmark *benchmark)
{
	const char *remove[] = {"docker", "rm", "--force", subject->container, NULL};
	const char *remove_image[] = {"docker", "rmi", "--force", subject->image, NULL};
	struct nvb_command command = nvb_benchmark_command(benchmark, remove);

	if (!subject->image)
		return;
	nvb_command_must(&command, NULL, NULL);
	command = nvb_benchmark_command(benchmark, remove_image);
	nvb_command_must(&command, NULL, NULL);
}
