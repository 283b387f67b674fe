/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/subject.h"

#include <stdarg.h>
#include <string.h>

#include "base/str.h"

const struct nvb_subject_kind nvb_subject_kinds[] = {
	{"bolt", nvb_bolt_prepare, nvb_bolt_finish},
	{"docker", nvb_docker_prepare, nvb_docker_finish},
	{"podman", nvb_podman_prepare, nvb_podman_finish},
	{"nvidia-runtime", nvb_nvidia_runtime_prepare, nvb_bundle_finish},
	{"bare", nvb_bare_prepare, nvb_bundle_finish},
	{NULL},
};

int nvb_subject_open(struct nvb_subject *subject, const struct nvb_subject_kind *kind, bool gpu,
	struct nvb_benchmark *benchmark, nvb_error **err)
{
	int rc;

	*subject = (struct nvb_subject){.kind = kind, .gpu = gpu, .namespace_fd = -1};
	if (asprintf(&subject->name, "%s%s", kind->name, benchmark->gpu && !gpu ? NVB_RECORD_PLAIN : "") <
		0) {
		subject->name = NULL;
		return nvb_fail_oom(err);
	}
	if (asprintf(&subject->container, "%s-%s", benchmark->name, subject->name) < 0) {
		subject->container = NULL;
		return nvb_fail_oom(err);
	}
	rc = kind->prepare(subject, benchmark, err);
	if (rc < 0) {
		nvb_subject_close(subject, benchmark);
		return nvb_wrap(err, rc, "%s", kind->name);
	}
	return 0;
}

void nvb_subject_close(struct nvb_subject *subject, struct nvb_benchmark *benchmark)
{
	if (!subject->kind)
		return;
	/* What was cancelled is cleaned up to its end all the same. */
	benchmark->cancel_fd = -1;
	subject->kind->finish(subject, benchmark);
	nvb_closep(&subject->namespace_fd);
	free(subject->name);
	free(subject->what);
	free(subject->container);
	free(subject->image);
	free(subject->file);
	free(subject->text);
	nvb_words_free(subject->argv);
	nvb_words_free(subject->start);
	nvb_words_free(subject->remove);
	*subject = (struct nvb_subject){.namespace_fd = -1};
}

bool nvb_words(const char ***argv, ...)
{
	const char *word;
	va_list words;
	bool added = true;

	va_start(words, argv);
	while (added && (word = va_arg(words, const char *)))
		added = nvb_strv_add((char ***)argv, word);
	va_end(words);
	return added;
}

bool nvb_words_list(const char ***argv, const char *const *list)
{
	bool added = true;

	for (; added && list && *list; list++)
		added = nvb_strv_add((char ***)argv, *list);
	return added;
}

void nvb_words_free(const char **argv)
{
	nvb_strv_free((char **)argv);
}

bool nvb_words_program(const char ***argv, const struct nvb_subject *subject)
{
	return nvb_words(argv, NVB_BENCHMARK_FIRST, NULL) &&
	       (!subject->gpu || nvb_words(argv, NVB_BENCHMARK_GPU, "start", NULL));
}

int nvb_first_line(struct nvb_benchmark *benchmark, const char *const *argv, char **line, nvb_error **err)
{
	_cleanup_command_result_ struct nvb_command_result result = {0};
	struct nvb_command command = nvb_benchmark_command(benchmark, argv);
	int rc = nvb_command_must(&command, &result, err);

	if (rc < 0)
		return rc;
	*line = strndup(result.output, strcspn(result.output, "\r\n"));
	return *line ? 0 : nvb_fail_oom(err);
}
