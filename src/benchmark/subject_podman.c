/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "benchmark/subject.h"

/* podman run; the image is imported for this run, GPUs come by CDI. */

/* What a host may need to run any container at all: limits no higher than the caller's, a runtime that works.
 */
static const char *const plain[] = {NULL};
static const char *const limits[] = {"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", NULL};
static const char *const *const limitations[] = {plain, limits};
static const char *const runtimes[] = {NULL, "runc", "crun"};

static bool make_words(struct nvb_subject *subject, const char *runtime, const char *const *limitation)
{
	bool added;

	nvb_words_free(NVB_TAKE_PTR(subject->argv));
	added = nvb_words(&subject->argv, "podman", NULL);
	if (runtime)
		added = added && nvb_words(&subject->argv, "--runtime", runtime, NULL);
	added = added && nvb_words(&subject->argv, "run", "--rm", "--name", subject->container, "--network",
				 "host", NULL);
	for (size_t i = 0; limitation[i]; i++)
		added = added && nvb_words(&subject->argv, limitation[i], NULL);
	if (subject->gpu)
		added = added && nvb_words(&subject->argv, "--device", "nvidia.com/gpu=all", NULL);
	return added && nvb_words(&subject->argv, subject->image, NULL) &&
	       nvb_words_program(&subject->argv, subject);
}

static int import_image(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err)
{
	_cleanup_close_ int archive = -1;
	const char *words[] = {"podman", "import", "--quiet", "-", NULL, NULL};
	struct nvb_command command;
	pid_t tar;
	int rc;

	/* Without a host before the name short names are looked for in registries. */
	if (asprintf(&subject->image, "localhost/%s", subject->container) < 0) {
		subject->image = NULL;
		return nvb_fail_oom(err);
	}
	words[4] = subject->image;
	rc = nvb_benchmark_archive(benchmark, &archive, &tar, err);
	if (rc < 0)
		return rc;
	command = nvb_benchmark_command(benchmark, words);
	command.input = archive;
	rc = nvb_command_must(&command, NULL, err);
	nvb_command_stop(tar);
	return rc;
}

static int try_ways(
	struct nvb_subject *subject, struct nvb_benchmark *benchmark, const char **runtime, nvb_error **err)
{
	_cleanup_error_ nvb_error *first = NULL;
	struct nvb_start_times times;

	for (size_t i = 0; i < NVB_ELEMENTS(runtimes) * NVB_ELEMENTS(limitations); i++) {
		const char *wanted =
			benchmark->runtime ? benchmark->runtime : runtimes[i / NVB_ELEMENTS(limitations)];
		_cleanup_error_ nvb_error *why = NULL;
		int rc;

		if (benchmark->runtime && i >= NVB_ELEMENTS(limitations))
			break;
		if (!make_words(subject, wanted, limitations[i % NVB_ELEMENTS(limitations)]))
			return nvb_fail_oom(err);
		rc = nvb_subject_start(subject, benchmark, &times, &why);
		if (rc == 0 || rc == -NVB_ERR_CANCELLED) {
			*runtime = wanted;
			nvb_error_move(err, NVB_TAKE_PTR(why));
			return rc;
		}
		if (!first)
			first = NVB_TAKE_PTR(why);
	}
	return nvb_fail(err, NVB_ERR_UNSUPPORTED, "%s", first ? nvb_error_message(first) : "it runs nothing");
}

int nvb_podman_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err)
{
	const char *version_words[] = {"podman", "--version", NULL};
	_cleanup_free_ char *version = NULL;
	const char *runtime = NULL;
	int rc = nvb_first_line(benchmark, version_words, &version, err);

	if (rc < 0)
		return nvb_hint(err, rc, "install podman, or leave it out");
	rc = import_image(subject, benchmark, err);
	if (rc < 0)
		return rc;
	rc = try_ways(subject, benchmark, &runtime, err);
	if (rc < 0)
		return rc == -NVB_ERR_CANCELLED || !subject->gpu
			       ? rc
			       : nvb_hint(err, rc,
					 "its GPUs come by CDI: 'nvbind cdi generate --output /etc/cdi', or "
					 "compare "
					 "without --gpu");
	if (asprintf(&subject->what, "%s, runtime %s; --rm, the host's network, %s", version,
		    runtime ? runtime : "its default", subject->gpu ? "GPUs by CDI" : "no GPUs") < 0) {
		subject->what = NULL;
		return nvb_fail_oom(err);
	}
	return 0;
}

void nvb_podman_finish(struct nvb_subject *subject, struct nvb_benchmark *benchmark)
{
	const char *remove[] = {"podman", "rm", "--force", "--ignore", subject->container, NULL};
	const char *remove_image[] = {"podman", "rmi", "--force", subject->image, NULL};
	struct nvb_command command = nvb_benchmark_command(benchmark, remove);

	if (!subject->image)
		return;
	nvb_command_must(&command, NULL, NULL);
	command = nvb_benchmark_command(benchmark, remove_image);
	nvb_command_must(&command, NULL, NULL);
}
