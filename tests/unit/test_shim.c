/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "captured.h"
#include "scratch.h"
#include "shim/arguments.h"
#include "shim/candidates.h"
#include "shim/report.h"

/* "verb bundle config id log format", "-" for what is not there. */
static void assert_parsed(const char *line, const char *expected)
{
	_cleanup_strv_ char **argv = nvb_strv_split(line, " ");
	struct shim_arguments a;
	char got[512];

	shim_arguments_parse(&a, (int)nvb_strv_length(argv), argv);
	snprintf(got, sizeof(got), "%s %s %s %s %s %s %s %s", a.creates ? "create" : "pass",
		a.bundle ? a.bundle : "-", a.config ? a.config : "-", a.id ? a.id : "-",
		a.root ? a.root : "-", a.pid_file ? a.pid_file : "-", a.log ? a.log : "-",
		a.log_json ? "json" : "text");
	if (!nvb_streq(got, expected))
		fail_msg("'%s' is '%s', expected '%s'", line, got, expected);
}

static void command_lines_of_runtimes(void **state)
{
	static const char *const rows[][2] = {
		/* containerd and dockerd */
		{"r --root /run/runc --log /b/log.json --log-format json create --bundle /b --pid-file /b/p "
		 "id",
			"create /b - id /run/runc /b/p /b/log.json json"},
		/* conmon for podman and CRI-O */
		{"r --log-format=json --log /x/oci-log --systemd-cgroup create --bundle /b --pid-file /p ID",
			"create /b - ID - /p /x/oci-log json"},
		{"r run -b /b id", "create /b - id - - - text"},
		{"r run -b/b id", "create /b - id - - - text"},
		{"r run -b=/b id", "create /b - id - - - text"},
		{"r run -bundle /b id", "create /b - id - - - text"},
		{"r run -bundle=/b id", "create /b - id - - - text"},
		{"r run --b /b id", "create /b - id - - - text"},
		{"r run --bundle=/b id", "create /b - id - - - text"},
		{"r run id --bundle /b", "create /b - id - - - text"},
		{"r run --bundle /a --bundle=/b id", "create /b - id - - - text"},
		{"r run id", "create - - id - - - text"},
		{"r run -d --keep --no-pivot -b b id", "create b - id - - - text"},
		{"r run -- --bundle", "create - - --bundle - - - text"},
		{"r create -f my.json id", "create - my.json id - - - text"},
		{"r create --config=my.json id", "create - my.json id - - - text"},
		{"r create --console-socket create --preserve-fds 3 id", "create - - id - - - text"},
		/* Words that look like verbs, and options that nobody knows. */
		{"r --root create kill id", "pass - - - create - - text"},
		{"r --cgroup-manager systemd create id", "create - - id - - - text"},
		{"r --new-option value create id", "create - - id - - - text"},
		{"r --debug create id", "create - - id - - - text"},
		{"r kill create", "pass - - - - - - text"},
		{"r exec id create", "pass - - - - - - text"},
		{"r state id --bundle /b", "pass - - - - - - text"},
		{"r --version", "pass - - - - - - text"},
		{"r", "pass - - - - - - text"},
		{"r create --help", "pass - - - - - - text"},
		{"r --help create id", "pass - - id - - - text"},
		/* What the runtime will refuse itself. */
		{"r create --bundle", "pass - - - - - - text"},
		{"r create id -b", "pass - - id - - - text"},
		/* Logs that are no file. */
		{"r --log file:/l create id", "create - - id - - /l text"},
		{"r --log journald:x create id", "create - - id - - - text"},
		{"r --log=/l --log-format text create id", "create - - id - - /l text"},
		{"r --log", "pass - - - - - - text"},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++)
		assert_parsed(rows[i][0], rows[i][1]);
}

static void make(const char *name, mode_t mode)
{
	char path[512];

	scratch_write(name, "#!/bin/sh\n");
	snprintf(path, sizeof(path), "%s/%s", scratch.path, name);
	assert_int_equal(chmod(path, mode), 0);
}

/* The name of the runtime that is found below the scratch directory, or NULL. */
static const char *find(const char *const *names, const char *self)
{
	static char found[512];
	_cleanup_strv_ char **paths = NULL;
	_cleanup_free_ char *path = NULL;
	char own[512];

	for (; *names; names++)
		assert_true(nvb_strv_addf(&paths, "%s/%s", scratch.path, *names));
	snprintf(own, sizeof(own), "%s/%s", scratch.path, self);
	if (shim_find_runtime(paths, own, &path, NULL) < 0)
		return NULL;
	snprintf(found, sizeof(found), "%s", strrchr(path, '/') + 1);
	return found;
}

static void the_first_program_that_is_not_we(void **state)
{
	char from[512], to[512];

	(void)state;
	make("self", 0755);
	make("data", 0644);
	make("runc", 0755);
	make("crun", 0755);
	snprintf(from, sizeof(from), "%s/self", scratch.path);
	snprintf(to, sizeof(to), "%s/link", scratch.path);
	assert_int_equal(symlink(from, to), 0);
	snprintf(to, sizeof(to), "%s/hard", scratch.path);
	assert_int_equal(link(from, to), 0);
	snprintf(to, sizeof(to), "%s/directory", scratch.path);
	assert_int_equal(mkdir(to, 0755), 0);
	assert_string_equal(find((const char *const[]){"crun", "runc", NULL}, "self"), "crun");
	assert_string_equal(
		find((const char *const[]){"gone", "data", "directory", "self", "link", "hard", "runc", NULL},
			"self"),
		"runc");
	assert_null(find((const char *const[]){"gone", "self", NULL}, "self"));
}

static void none_is_an_error_that_names_all(void **state)
{
	char *names[] = {(char *)"nvb-no-such-runtime", (char *)"/nowhere/crun", NULL};
	_cleanup_error_ nvb_error *err = NULL;
	char *path = NULL;

	(void)state;
	assert_int_equal(shim_find_runtime(names, "/proc/self/exe", &path, &err), -NVB_ERR_NOT_FOUND);
	assert_null(path);
	assert_string_equal(nvb_error_message(err),
		"no OCI runtime: none of nvb-no-such-runtime, /nowhere/crun is a program");
}

static int report(void *data)
{
	_cleanup_error_ nvb_error *err = NULL;

	nvb_hint(&err, nvb_fail(&err, NVB_ERR_INVALID, "a \"b\"\nlevel=error \033[31m"), "c");
	shim_report_error(data, err);
	shim_report_message(data, NVB_LOG_WARNING, "w");
	return 0;
}

static char *logged(const struct shim_arguments *arguments, struct captured *child)
{
	char *text = NULL;

	capture(child, report, (void *)arguments);
	assert_int_equal(nvb_file_read(AT_FDCWD, arguments->log, 4096, &text, NULL, NULL), 0);
	return text;
}

static void errors_are_one_line_wherever_they_go(void **state)
{
	struct shim_arguments arguments = {0};
	struct captured child;
	char path[512];
	char *text;

	(void)state;
	capture(&child, report, &arguments);
	assert_string_equal(child.err, "nvbind-runtime: a \"b\"\\nlevel=error \\x1b[31m (c)\n"
				       "nvbind-runtime: warning: w\n");
	snprintf(path, sizeof(path), "%s/log", scratch.path);
	arguments.log = path;
	text = logged(&arguments, &child);
	assert_string_equal(child.err, "nvbind-runtime: a \"b\"\\nlevel=error \\x1b[31m (c)\n");
	assert_non_null(strstr(
		text, " level=error msg=\"nvbind-runtime: a \\\"b\\\"\\\\nlevel=error \\\\x1b[31m (c)\"\n"));
	assert_non_null(strstr(text, " level=warning msg=\"nvbind-runtime: warning: w\"\n"));
	free(text);
	/* A second writer appends. */
	arguments.log_json = true;
	text = logged(&arguments, &child);
	assert_non_null(strstr(text, "time=\""));
	assert_non_null(strstr(text, "{\"level\":\"error\",\"msg\":\"nvbind-runtime: a "
				     "\\\"b\\\"\\\\nlevel=error \\\\x1b[31m (c)\",\"time\":\""));
	free(text);
	/* One that cannot be written is no reason to say nothing. */
	arguments.log = "/nowhere/log";
	capture(&child, report, &arguments);
	assert_non_null(strstr(child.err, "nvbind-runtime: a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines_of_runtimes),
		scratch_test(the_first_program_that_is_not_we),
		cmocka_unit_test(none_is_an_error_that_names_all),
		scratch_test(errors_are_one_line_wherever_they_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
