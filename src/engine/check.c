/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/program.h"

const char *const engine_status_names[] = {
	[ENGINE_GOOD] = "good",
	[ENGINE_NOTE] = "note",
	[ENGINE_PROBLEM] = "problem",
};

void engine_report_release(struct engine_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->findings[i].text);
		free(report->findings[i].hint);
	}
	free(report->findings);
	*report = (struct engine_report){0};
}

static int add(const struct engine_check *check, enum engine_status status, const char *text,
	const char *hint, nvb_error **err)
{
	struct engine_report *report = check->report;
	struct engine_finding finding = {status, strdup(text), hint ? strdup(hint) : NULL};

	if (!finding.text || (hint && !finding.hint) ||
		!NVB_GROW(report->findings, report->count, report->capacity)) {
		free(finding.text);
		free(finding.hint);
		return nvb_fail_oom(err);
	}
	report->findings[report->count++] = finding;
	report->problems += status == ENGINE_PROBLEM;
	return 0;
}

int engine_find(const struct engine_check *check, nvb_error **err, enum engine_status status,
	const char *hint, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return nvb_fail_oom(err);
	}
	return add(check, status, text, hint, err);
}

int engine_find_error(
	const struct engine_check *check, nvb_error **err, enum engine_status status, nvb_error *failure)
{
	int rc = add(check, status, nvb_error_message(failure), nvb_error_hint(failure), err);

	nvb_error_free(failure);
	return rc;
}

const char *engine_configure_command(const struct engine_check *check, char *buffer, size_t size)
{
	const char *name = nvb_streq(check->name, "nvbind") ? NULL : check->name;

	snprintf(buffer, size, "nvbind runtime configure --runtime %s%s%s", check->engine->name,
		name ? " --name " : "", name ? name : "");
	return buffer;
}

int engine_check_program(
	const struct engine_check *check, const char *file, const char *program, nvb_error **err)
{
	char command[128];
	struct stat st;

	if (!program)
		return engine_find(check, err, ENGINE_PROBLEM,
			engine_configure_command(check, command, sizeof(command)), "%s has no runtime '%s'",
			file, check->name);
	if (*program != '/')
		return engine_find(check, err, ENGINE_NOTE, NULL,
			"%s names %s: '%s', which the engine looks for in its own PATH", file, check->name,
			program);
	if (stat(program, &st) < 0)
		return engine_find(check, err, ENGINE_PROBLEM,
			"install nvbind-runtime there, or configure again with --runtime-path",
			"%s names %s, and it is not there: %s", file, program, strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode) || access(program, X_OK) < 0)
		return engine_find(check, err, ENGINE_PROBLEM, "chmod 755 it",
			"%s names %s, which cannot be executed", file, program);
	return engine_find(check, err, ENGINE_GOOD, NULL, "%s names %s", file, program);
}

static int check_default(const struct engine_check *check, const struct engine_view *files,
	const struct engine_view *running, nvb_error **err)
{
	bool wanted = nvb_streq0(files->default_runtime, check->name),
	     have = nvb_streq0(running->default_runtime, check->name);

	if (wanted && !have)
		return engine_find(check, err, ENGINE_PROBLEM, check->engine->reload,
			"%s uses %s for containers that name no runtime, the file says %s",
			check->engine->name, running->default_runtime ? running->default_runtime : "another",
			check->name);
	return engine_find(check, err, have && !wanted ? ENGINE_NOTE : ENGINE_GOOD, NULL,
		"containers that name no runtime get %s",
		running->default_runtime ? running->default_runtime : "the engine's own choice");
}

int engine_check_view(const struct engine_check *check, const char *file, const struct engine_view *files,
	const struct engine_view *running, nvb_error **err)
{
	int rc;

	if (!running->program)
		rc = engine_find(check, err, ENGINE_PROBLEM, files->program ? check->engine->reload : NULL,
			"%s as it runs does not know '%s'", check->engine->name, check->name);
	else if (files->program && !nvb_streq(files->program, running->program))
		rc = engine_find(check, err, ENGINE_PROBLEM, check->engine->reload,
			"%s as it runs calls %s, %s says %s", check->engine->name, running->program, file,
			files->program);
	else
		rc = engine_find(check, err, ENGINE_GOOD, NULL, "%s as it runs calls %s for '%s'",
			check->engine->name, running->program, check->name);
	return rc < 0 || !running->program ? rc : check_default(check, files, running, err);
}

int engine_check_silent(const struct engine_check *check, nvb_error *failure, nvb_error **err)
{
	enum nvb_error_code code = nvb_error_code(failure);
	char hint[128];

	snprintf(hint, sizeof(hint), "%s", code == NVB_ERR_PERMISSION ? "run it with sudo" : "");
	if (code == NVB_ERR_NOT_FOUND)
		snprintf(hint, sizeof(hint), "systemctl start %s", check->engine->name);
	nvb_wrap(&failure, 0, code == NVB_ERR_NOT_FOUND ? "%s does not run" : "%s does not say what it knows",
		check->engine->name);
	if (*hint)
		nvb_hint(&failure, 0, "%s", hint);
	return engine_find_error(check, err, ENGINE_PROBLEM, failure);
}

bool engine_is_here(const struct engine *engine)
{
	_cleanup_free_ char *program = engine_find_program(engine->program);

	return program || access(engine->file, F_OK) == 0;
}

int engine_check(const struct engine_check *check, nvb_error **err)
{
	return check->engine->check(check, err);
}
