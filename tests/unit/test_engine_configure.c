/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/configure.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/check.h"
#include "engine/containerd.h"
#include "engine/http.h"
#include "engine/record.h"
#include "engine/replace.h"
#include "scratch.h"

static char state[80], daemon_json[80];

static int make(void **unused)
{
	int rc = scratch_make(unused);

	snprintf(state, sizeof(state), "%s/state", scratch.path);
	snprintf(daemon_json, sizeof(daemon_json), "%s/daemon.json", scratch.path);
	return rc;
}
#define test(f) cmocka_unit_test_setup_teardown(f, make, scratch_remove)

static void configure_docker(bool set_default)
{
	_cleanup_engine_outcome_ struct engine_outcome outcome = {0};
	const struct engine_request request = {
		.file = daemon_json,
		.name = "nvbind",
		.runtime_path = "/r",
		.set_default = set_default,
		.state_directory = state,
	};

	assert_int_equal(engine_configure(engine_get(ENGINE_DOCKER), &request, false, &outcome, NULL), 0);
	assert_true(outcome.changed);
}

static void undo_docker(void)
{
	_cleanup_engine_outcome_ struct engine_outcome outcome = {0};
	_cleanup_error_ nvb_error *err = NULL;

	if (engine_undo(engine_get(ENGINE_DOCKER), daemon_json, state, false, &outcome, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
}

static void assert_holds(const char *path, const char *text)
{
	_cleanup_free_ char *data = NULL;

	assert_int_equal(nvb_file_read(scratch.fd, path, 65536, &data, NULL, NULL), 0);
	assert_string_equal(data, text);
}

static void a_crash_before_the_file_was_written_leaves_nothing_to_undo(void **unused)
{
	static const char text[] = "{\"debug\": true}\n";

	(void)unused;
	scratch_write("daemon.json", text);
	configure_docker(false);
	scratch_write("daemon.json", text); /* as if the rename had not come to be */
	undo_docker();
	assert_holds("daemon.json", text);
	/* And a second start begins anew. */
	configure_docker(false);
	scratch_write("daemon.json", text);
	configure_docker(true);
	undo_docker();
	assert_holds("daemon.json", text);
}

static void a_backup_follows_edits_in_between(void **unused)
{
	(void)unused;
	scratch_write("daemon.json", "{\"debug\": true}\n");
	configure_docker(false);
	scratch_write("daemon.json", "{\"debug\": false, \"runtimes\": {\"nvbind\": {\"path\": \"/r\"}}}\n");
	configure_docker(true);
	undo_docker();
	assert_holds("daemon.json", "{\"debug\": false}\n");
}

static void a_file_that_is_gone_is_no_trouble(void **unused)
{
	(void)unused;
	scratch_write("daemon.json", "{}\n");
	configure_docker(false);
	assert_int_equal(unlinkat(scratch.fd, "daemon.json", 0), 0);
	undo_docker();
	assert_int_equal(faccessat(scratch.fd, "daemon.json", F_OK, 0), -1);
}

static void a_value_that_was_there_comes_back(void **unused)
{
	static const char text[] =
		"{\"default-runtime\": \"kata\", \"runtimes\": {\"nvbind\": {\"path\": \"/old\"}}}";

	(void)unused;
	scratch_write("daemon.json", text);
	configure_docker(true);
	scratch_write("daemon.json", "{\"x\": 1, \"default-runtime\": \"nvbind\", \"runtimes\": {\"nvbind\": "
				     "{\"path\": \"/r\"}}}");
	undo_docker();
	assert_holds("daemon.json", "{\"x\": 1, \"default-runtime\": \"kata\", \"runtimes\": {\"nvbind\": "
				    "{\"path\": \"/old\"}}}");
}

static void a_damaged_record_is_said_and_touches_nothing(void **unused)
{
	_cleanup_engine_outcome_ struct engine_outcome outcome = {0};
	_cleanup_error_ nvb_error *err = NULL;
	_cleanup_free_ char *directory = NULL, *record = NULL;

	(void)unused;
	scratch_write("daemon.json", "{}\n");
	configure_docker(false);
	assert_int_equal(engine_record_directory(state, daemon_json, &directory, NULL), 0);
	assert_true(asprintf(&record, "%s/record.toml", directory) > 0);
	assert_int_equal(nvb_file_write(AT_FDCWD, record, "file = 1\n", 9, 0600, NULL), 0);
	assert_true(engine_undo(engine_get(ENGINE_DOCKER), daemon_json, state, false, &outcome, &err) < 0);
	assert_non_null(strstr(nvb_error_message(err), "record.toml:1:8"));
}

/* Somebody else writes between our reading and our replacing. */
static void a_file_changed_meanwhile_is_not_replaced(void **unused)
{
	struct stat seen, none;

	(void)unused;
	scratch_write("daemon.json", "1");
	assert_int_equal(stat(daemon_json, &seen), 0);
	scratch_write("daemon.json", "theirs");
	assert_int_equal(engine_replace(daemon_json, &seen, "ours", 4, NULL), -NVB_ERR_BUSY);
	assert_holds("daemon.json", "theirs");
	assert_int_equal(engine_replace(daemon_json, NULL, "ours", 4, NULL), -NVB_ERR_BUSY);
	assert_holds("daemon.json", "theirs");
	assert_int_equal(stat(daemon_json, &seen), 0);
	assert_int_equal(engine_replace(daemon_json, &seen, "ours", 4, NULL), 0);
	assert_holds("daemon.json", "ours");
	assert_int_equal(stat(scratch_path(".nvb-"), &none), -1);
}

static void containerd_gets_a_drop_in_only_where_it_is_merged(void **unused)
{
	static const struct {
		const char *text, *file;
	} cases[] = {
		{NULL, "config.toml"},
		{"version = 2\n", "config.toml"},
		{"version = 3\n", "config.toml"},
		/* containerd 1 would put the imported table in the place of the whole one. */
		{"version = 2\nimports = [\"conf.d/*.toml\"]\n", "config.toml"},
		{"version = 3\nimports = [\"conf.d/*.toml\"]\n", "conf.d/99-nvbind.toml"},
		{"version = 3\nimports = [\"/elsewhere/*.toml\", \"conf.d/*\"]\n", "conf.d/99-nvbind.toml"},
		{"version = 3\nimports = [\"/elsewhere/*.toml\"]\n", "config.toml"},
	};

	(void)unused;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *file = NULL;

		if (cases[i].text)
			scratch_write("config.toml", cases[i].text);
		assert_int_equal(engine_containerd_target(scratch_path("config.toml"), &file, NULL), 0);
		assert_string_equal(file, scratch_path(cases[i].file));
	}
}

/* A daemon that says one thing to everybody, once. */
static pid_t serve(const char *path, const char *answer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
	char request[512];
	pid_t pid;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	if (pid == 0) {
		peer = accept(fd, NULL, NULL);
		if (read(peer, request, sizeof(request)) > 0)
			nvb_write_all(peer, answer, strlen(answer));
		_exit(0);
	}
	close(fd);
	return pid;
}

static void what_a_daemon_answers(void **unused)
{
	static const struct {
		const char *answer;
		int rc;
		const char *body;
	} cases[] = {
		{"HTTP/1.0 200 OK\r\nContent-Type: x\r\n\r\n{}", 0, "{}"},
		{"HTTP/1.1 200 OK\r\n\r\n", 0, ""},
		{"HTTP/1.0 404 Not Found\r\n\r\nno", -NVB_ERR_CORRUPT, NULL},
		{"SSH-2.0-x\r\n", -NVB_ERR_CORRUPT, NULL},
		{"", -NVB_ERR_CORRUPT, NULL},
	};
	_cleanup_free_ char *path = strdup(scratch_path("s")), *none = NULL;
	size_t size;

	(void)unused;
	assert_int_equal(engine_http_get(path, "/info", 100, &none, &size, NULL), -NVB_ERR_NOT_FOUND);
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_free_ char *body = NULL;
		pid_t pid = serve(path, cases[i].answer);

		assert_int_equal(engine_http_get(path, "/info", 100, &body, &size, NULL), cases[i].rc);
		if (cases[i].body)
			assert_string_equal(body, cases[i].body);
		else
			assert_null(body);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		/* Nobody is behind it any more. */
		assert_int_equal(engine_socket_try(path, NULL), -NVB_ERR_NOT_FOUND);
		assert_int_equal(unlink(path), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_crash_before_the_file_was_written_leaves_nothing_to_undo),
		test(a_backup_follows_edits_in_between),
		test(a_file_that_is_gone_is_no_trouble),
		test(a_value_that_was_there_comes_back),
		test(a_damaged_record_is_said_and_touches_nothing),
		test(a_file_changed_meanwhile_is_not_replaced),
		test(containerd_gets_a_drop_in_only_where_it_is_merged),
		test(what_a_daemon_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
