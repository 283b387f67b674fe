/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/str.h"
#include "benchmark/subject.h"

/* bolt surge run, from nothing to nothing; its log says when it had planned. */

static bool add_words(
	const char ***argv, const struct nvb_subject *subject, const struct nvb_benchmark *benchmark)
{
	bool added = nvb_words(argv, benchmark->bolt, NULL);

	added = added && nvb_words_list(argv, benchmark->common);
	added = added && nvb_words(argv, "--log-level", "debug", "--log-format", "json", "surge", "run",
				 "--rm", "--name", subject->container, "--network", "host", NULL);
	if (benchmark->runtime)
		added = added && nvb_words(argv, "--runtime", benchmark->runtime, NULL);
	if (subject->gpu)
		added = added && nvb_words(argv, "--gpu", "all", NULL);
	return added && nvb_words(argv, benchmark->root, NULL) && nvb_words_program(argv, subject);
}

int nvb_bolt_prepare(struct nvb_subject *subject, struct nvb_benchmark *benchmark, nvb_error **err)
{
	const char *version_words[] = {benchmark->bolt, "--version", NULL};
	_cleanup_free_ char *version = NULL;
	struct nvb_start_times times;
	int rc = nvb_first_line(benchmark, version_words, &version, err);

	if (rc < 0)
		return nvb_hint(err, rc, "bolt has a package of its own, nvbind-bolt");
	if (!add_words(&subject->argv, subject, benchmark))
		return nvb_fail_oom(err);
	subject->own_log = true;
	/* Its first start on a host looks which runtime works and makes the driver tree. */
	rc = nvb_subject_start(subject, benchmark, &times, err);
	if (rc < 0)
		return rc;
	if (asprintf(&subject->what,
		    "%s; --rm, the host's network%s; its log at level debug is read, and in its figure",
		    version, subject->gpu ? ", all GPUs" : ", no GPUs") < 0)
		return nvb_fail_oom(err);
	return 0;
}

void nvb_bolt_finish(struct nvb_subject *subject, struct nvb_benchmark *benchmark)
{
	_cleanup_words_ const char **words = NULL;
	bool added = nvb_words(&words, benchmark->bolt, NULL);

	added = added && nvb_words_list(&words, benchmark->common);
	/* Of a start that was given up; as a rule there is none. */
	if (added && nvb_words(&words, "capsule", "rm", "--force", subject->container, NULL)) {
		struct nvb_command command = nvb_benchmark_command(benchmark, words);

		nvb_command_must(&command, NULL, NULL);
	}
}
