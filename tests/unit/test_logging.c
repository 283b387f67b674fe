/* SPDX-License-Identifier: Apache-2.0 */
#include "captured.h"
#include "scratch.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cli/journal.h"
#include "cli/logging.h"
#include "cli/output.h"

static struct captured child;

static int log_text(void *data)
{
	(void)data;
	nvb_warning(nvb_logging(), "before the start");
	nvb_logging_start("bolt", NVB_LOG_INFO, NVB_LOG_TEXT);
	nvb_logging_field("capsule", "c1");
	nvb_error_log(nvb_logging(), "broken");
	nvb_warning(nvb_logging(), "name '%s'", "a\x1b\nb");
	nvb_info(nvb_logging(), "said");
	nvb_debug(nvb_logging(), "not said");
	return 0;
}

static void text_is_a_line_for_each_message(void **state)
{
	(void)state;
	capture(&child, log_text, NULL);
	assert_string_equal(child.out, "");
	assert_string_equal(child.err, "bolt: error: broken\n"
				       "bolt: warning: name 'a\\x1b\\nb'\n"
				       "bolt: info: said\n");
}

static int log_json(void *data)
{
	(void)data;
	nvb_logging_start("bolt", NVB_LOG_DEBUG, NVB_LOG_JSON);
	nvb_logging_field("capsule", "c1");
	nvb_logging_field("gpu", "0");
	nvb_logging_field("capsule", "c\"2");
	nvb_debug(nvb_logging(), "name '%s'", "a\"\n\xff");
	return 0;
}

static void json_is_an_object_for_each_message(void **state)
{
	int year, month, day, hour, minute, second, micro, pid, n = 0;

	(void)state;
	capture(&child, log_json, NULL);
	assert_int_equal(sscanf(child.err,
				 "{\"time\":\"%4d-%2d-%2dT%2d:%2d:%2d.%6dZ\",\"level\":\"debug\",\"program\":"
				 "\"bolt\",\"pid\":%d,%n",
				 &year, &month, &day, &hour, &minute, &second, &micro, &pid, &n),
		8);
	assert_true(year > 2000 && pid > 0 && n > 0);
	assert_string_equal(child.err + n, "\"message\":\"name 'a\\\"\\n\\ufffd'\",\"capsule\":\"c\\\"2\","
					   "\"gpu\":\"0\"}\n");
}

static int report_json(void *data)
{
	_cleanup_error_ nvb_error *err = NULL;

	(void)data;
	nvb_hint(&err, nvb_fail(&err, NVB_ERR_NOT_FOUND, "no such GPU: 9"), "there are 8");
	nvb_report_error("bolt", err);
	nvb_logging_start("bolt", NVB_LOG_ERROR, NVB_LOG_JSON);
	nvb_report_error("bolt", err);
	nvb_report_warning("bolt", "lim%s", "it");
	return 0;
}

static void reports_are_json_once_messages_are(void **state)
{
	const char *json;

	(void)state;
	capture(&child, report_json, NULL);
	json = strchr(child.err, '\n');
	assert_non_null(json);
	assert_memory_equal(child.err, "bolt: no such GPU: 9 (there are 8)", (size_t)(json - child.err));
	assert_int_equal(json[1], '{');
	assert_non_null(strstr(json, "\"level\":\"error\""));
	assert_non_null(strstr(json, "\"message\":\"no such GPU: 9 (there are 8)\"}\n{"));
	assert_non_null(strstr(json, "\"level\":\"warning\""));
	assert_non_null(strstr(json, "\"message\":\"limit\"}\n"));
}

static void the_environment_says_level_and_format(void **state)
{
	static const struct {
		const char *text;
		enum nvb_log_level level;
		enum nvb_log_format format;
	} cases[] = {
		{NULL, NVB_LOG_WARNING, NVB_LOG_TEXT},
		{"", NVB_LOG_WARNING, NVB_LOG_TEXT},
		{"debug", NVB_LOG_DEBUG, NVB_LOG_TEXT},
		{"error,json", NVB_LOG_ERROR, NVB_LOG_JSON},
		{",json", NVB_LOG_WARNING, NVB_LOG_JSON},
		{"info,", NVB_LOG_INFO, NVB_LOG_TEXT},
	};
	_cleanup_error_ nvb_error *err = NULL;
	enum nvb_log_level level;
	enum nvb_log_format format;

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		level = NVB_LOG_WARNING;
		format = NVB_LOG_TEXT;
		assert_int_equal(nvb_logging_parse_environment(cases[i].text, &level, &format, NULL), 0);
		assert_int_equal(level, cases[i].level);
		assert_int_equal(format, cases[i].format);
	}
	level = NVB_LOG_WARNING;
	assert_int_equal(
		nvb_logging_parse_environment("info,jason", &level, &format, &err), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(err), "NVBIND_LOG: no such value 'jason'; one of text, json");
	assert_int_equal(level, NVB_LOG_WARNING);
}

static void the_journal_is_known_by_device_and_inode(void **state)
{
	struct stat st;
	char text[64];

	(void)state;
	assert_int_equal(fstat(scratch.fd, &st), 0);
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino);
	assert_true(nvb_journal_is_stream(scratch.fd, text));
	assert_false(nvb_journal_is_stream(scratch.fd, NULL));
	assert_false(nvb_journal_is_stream(scratch.fd, ""));
	assert_false(nvb_journal_is_stream(scratch.fd, "1:1"));
	assert_false(nvb_journal_is_stream(-1, text));
	snprintf(text, sizeof(text), "%llu:", (unsigned long long)st.st_dev);
	assert_false(nvb_journal_is_stream(scratch.fd, text));
}

static void entries_follow_the_native_protocol(void **state)
{
	static const char expected[] = "PRIORITY=4\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nNVBIND_GPU=0\n";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_strbuf_ struct nvb_strbuf entry = {0};
	_cleanup_close_ int server = -1, client = -1;
	char received[256];

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/socket", scratch.path);
	assert_int_equal(nvb_journal_connect(address.sun_path), -2 /* ENOENT */);
	server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	client = nvb_journal_connect(address.sun_path);
	assert_true(client >= 0);
	nvb_journal_add(&entry, "PRIORITY", "4");
	nvb_journal_add(&entry, "MESSAGE", "a\nb");
	nvb_journal_add(&entry, "NVBIND_GPU", "0");
	assert_int_equal(nvb_journal_send(client, &entry), 0);
	assert_int_equal(recv(server, received, sizeof(received), 0), sizeof(expected) - 1);
	assert_memory_equal(received, expected, sizeof(expected) - 1);
}

/* A process as journald would start it, with a journald of our own: the socket has one name only, so /run is
 * replaced in a mount namespace. 77 where that cannot be had. */
static int log_as_a_service(void *data)
{
	static const char expected[] =
		"PRIORITY=4\nSYSLOG_IDENTIFIER=bolt\nMESSAGE=hello\nNVBIND_CAPSULE=c1\n";
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = NVB_JOURNAL_SOCKET};
	char stream[64], received[256];
	struct stat st;
	int server;

	(void)data;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
		return 77;
	nvb_file_mkdirs(AT_FDCWD, "/run/systemd/journal", 0755, NULL);
	server = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(server, (struct sockaddr *)&address, sizeof(address)) < 0 || fstat(STDERR_FILENO, &st) < 0)
		return 1;
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	nvb_logging_start("bolt", NVB_LOG_WARNING, NVB_LOG_TEXT);
	nvb_logging_field("capsule", "c1");
	nvb_warning(nvb_logging(), "hello");
	if (recv(server, received, sizeof(received), 0) != sizeof(expected) - 1 ||
		memcmp(received, expected, sizeof(expected) - 1) != 0)
		return 2;
	/* With stderr led elsewhere, and once journald is gone, messages go to stderr. */
	close(server);
	nvb_warning(nvb_logging(), "journald is gone");
	setenv("JOURNAL_STREAM", "1:1", 1);
	nvb_logging_start("bolt", NVB_LOG_WARNING, NVB_LOG_TEXT);
	nvb_warning(nvb_logging(), "not a service");
	return 0;
}

static void a_service_logs_to_the_journal(void **state)
{
	(void)state;
	capture(&child, log_as_a_service, NULL);
	if (child.status == 77)
		skip();
	assert_int_equal(child.status, 0);
	assert_string_equal(child.err, "bolt: warning: journald is gone\nbolt: warning: not a service\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_a_line_for_each_message),
		cmocka_unit_test(json_is_an_object_for_each_message),
		cmocka_unit_test(reports_are_json_once_messages_are),
		cmocka_unit_test(the_environment_says_level_and_format),
		scratch_test(the_journal_is_known_by_device_and_inode),
		scratch_test(entries_follow_the_native_protocol),
		cmocka_unit_test(a_service_logs_to_the_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
