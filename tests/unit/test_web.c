/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <json-c/json.h>
#include <sys/stat.h>

#include "sampler/sample.h"
#include "scratch.h"
#include "web/access.h"
#include "web/address.h"
#include "web/feed.h"
#include "web/history.h"
#include "web/request.h"

/* The parts of the server that need no connection. */

static void addresses(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: refused */
		bool loopback, any;
	} cases[] = {
		{"127.0.0.1:9400", "127.0.0.1:9400", true, false},
		{"localhost:1", "127.0.0.1:1", true, false},
		{"127.8.8.8:65535", "127.8.8.8:65535", true, false},
		{"0.0.0.0:0", "0.0.0.0:0", false, true},
		{"192.0.2.7:9400", "192.0.2.7:9400", false, false},
		{"[::1]:9400", "[::1]:9400", true, false},
		{"[::]:9400", "[::]:9400", false, true},
		{"[2001:db8::5]:80", "[2001:db8::5]:80", false, false},
		{"", NULL},
		{":9400", NULL},
		{"9400", NULL},
		{"127.0.0.1", NULL},
		{"127.0.0.1:", NULL},
		{"127.0.0.1:65536", NULL},
		{"127.0.0.1:-1", NULL},
		{"127.0.0.1:0x50", NULL},
		{"::1:9400", NULL},
		{"[::1]", NULL},
		{"[127.0.0.1]:9400", NULL},
		{"[::1:9400", NULL},
		{"example.com:9400", NULL},
		{"127.1:9400", NULL},
		{"[0123456789012345678901234567890123456789012345678901234567890]:1", NULL},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		_cleanup_error_ nvb_error *err = NULL;
		struct nvb_web_address address = {.length = 77};
		char text[NVB_WEB_ADDRESS_TEXT];
		int rc = nvb_web_address_parse(cases[i].text, &address, &err);

		if (!cases[i].back) {
			if (rc != -NVB_ERR_INVALID || address.length != 77)
				fail_msg("taken: %s", cases[i].text);
			assert_non_null(nvb_error_hint(err));
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(nvb_web_address_text(&address, text), cases[i].back);
		assert_int_equal(nvb_web_address_is_loopback(&address), cases[i].loopback);
		assert_int_equal(nvb_web_address_is_any(&address), cases[i].any);
	}
}

static void hosts(void **state)
{
	char *names[] = {(char *)"gpu1.example", NULL};
	static const char *const good[] = {"127.0.0.1", "127.0.0.1:9400", "[::1]:9400", "[::1]", "localhost",
		"LocalHost:1", "192.0.2.7:80", "gpu1.example", "GPU1.Example:9400"};
	static const char *const bad[] = {"", ":", ":9400", "evil.example", "evil.example:9400",
		"localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1:9400@evil", "localhost:99999",
		"localhost:", "[::1", "[]", "[::1]x", "[evil]:80", "gpu1.example.", "gpu1", "127.0.0.1 ",
		"localhost:9400:9400", "1", "0x7f.1"};

	(void)state;
	assert_false(nvb_host_allowed(NULL, names));
	for (size_t i = 0; i < NVB_ELEMENTS(good); i++)
		if (!nvb_host_allowed(good[i], names))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < NVB_ELEMENTS(bad); i++)
		if (nvb_host_allowed(bad[i], names))
			fail_msg("allowed: %s", bad[i]);
	assert_false(nvb_host_allowed("gpu1.example", NULL));
}

static void cookies(void **state)
{
	char out[8] = "before";

	(void)state;
	assert_true(nvb_request_cookie("a=1; sid=abc; b=2", "sid", out, sizeof(out)));
	assert_string_equal(out, "abc");
	assert_true(nvb_request_cookie("sid=x", "sid", out, sizeof(out)));
	assert_string_equal(out, "x");
	assert_false(nvb_request_cookie("xsid=abc", "sid", out, sizeof(out)));
	assert_false(nvb_request_cookie("sidx=abc; a=sid=abc", "sid", out, sizeof(out)));
	assert_false(nvb_request_cookie("sid=", "sid", out, sizeof(out)));
	assert_false(nvb_request_cookie("sid=12345678", "sid", out, sizeof(out)));
	assert_false(nvb_request_cookie(NULL, "sid", out, sizeof(out)));
	assert_false(nvb_request_cookie(";;; ;", "sid", out, sizeof(out)));
	assert_string_equal(out, "x");
}

static void bearers(void **state)
{
	char out[8] = "before";

	(void)state;
	assert_true(nvb_request_bearer("Bearer abc", out, sizeof(out)));
	assert_true(nvb_request_bearer("bEARER   abc  ", out, sizeof(out)));
	assert_string_equal(out, "abc");
	assert_false(nvb_request_bearer("Bearer", out, sizeof(out)));
	assert_false(nvb_request_bearer("Bearer ", out, sizeof(out)));
	assert_false(nvb_request_bearer("Basic abc", out, sizeof(out)));
	assert_false(nvb_request_bearer("Bearer 12345678", out, sizeof(out)));
	assert_false(nvb_request_bearer(NULL, out, sizeof(out)));
}

static bool field(const char *body, char *out, size_t size)
{
	return nvb_request_field(body, strlen(body), "token", out, size);
}

static void fields(void **state)
{
	char out[16] = "before", long_body[2 * NVB_REQUEST_FIELD];

	(void)state;
	assert_true(field("a=b&token=x%2By+z%3d&c", out, sizeof(out)));
	assert_string_equal(out, "x+y z=");
	assert_false(field("token=%0", out, sizeof(out)));
	assert_false(field("token=%zz", out, sizeof(out)));
	assert_false(field("token=a%00b", out, sizeof(out)));
	assert_false(field("token=", out, sizeof(out)));
	assert_false(field("tokens=x", out, sizeof(out)));
	assert_false(field("xtoken=x", out, sizeof(out)));
	assert_false(field("token=1234567890123456", out, sizeof(out)));
	assert_false(field("", out, sizeof(out)));
	memset(long_body, 'a', sizeof(long_body) - 1);
	long_body[sizeof(long_body) - 1] = '\0';
	memcpy(long_body, "token=", 6);
	assert_false(field(long_body, out, sizeof(out)));
	assert_string_equal(out, "x+y z=");
}

static int read_token(const char *content, mode_t mode, struct nvb_access *access, nvb_error **err)
{
	char path[300];

	scratch_write("token", content);
	snprintf(path, sizeof(path), "%s/token", scratch.path);
	assert_int_equal(chmod(path, mode), 0);
	return nvb_access_read_token(access, path, err);
}

static void tokens(void **state)
{
	struct nvb_access access = {0};

	(void)state;
	assert_false(nvb_access_is_token(&access, ""));
	assert_int_equal(read_token("0123456789abcdef\n", 0600, &access, NULL), 0);
	assert_true(nvb_access_is_token(&access, "0123456789abcdef"));
	assert_false(nvb_access_is_token(&access, "0123456789abcdeg"));
	assert_false(nvb_access_is_token(&access, "0123456789abcde"));
	assert_false(nvb_access_is_token(&access, "0123456789abcdef0123456789abcdef"));
	assert_false(nvb_access_is_token(&access, ""));
	assert_int_equal(read_token("0123456789abcdef\n", 0644, &access, NULL), -NVB_ERR_PERMISSION);
	assert_int_equal(read_token("0123456789abcdef\n", 0620, &access, NULL), -NVB_ERR_PERMISSION);
	assert_int_equal(read_token("0123456789abcdef\n", 0440, &access, NULL), 0);
	assert_int_equal(read_token("0123456789abcde\n", 0600, &access, NULL), -NVB_ERR_INVALID);
	assert_int_equal(read_token("01234567 9abcdef\n", 0600, &access, NULL), -NVB_ERR_INVALID);
	assert_int_equal(read_token("0123456789abcdef\nsecond\n", 0600, &access, NULL), -NVB_ERR_INVALID);
	assert_int_equal(read_token("", 0600, &access, NULL), -NVB_ERR_INVALID);
	assert_int_equal(nvb_access_read_token(&access, "/nonexistent/token", NULL), -NVB_ERR_NOT_FOUND);
	assert_true(nvb_access_is_token(&access, "0123456789abcdef"));
}

static void sessions(void **state)
{
	const uint64_t hour = UINT64_C(3600000000000);
	struct nvb_access access = {0};
	const char *session = NULL;
	char first[NVB_SECRET_TEXT], link[NVB_SECRET_TEXT];

	(void)state;
	assert_false(nvb_access_is_session(&access, "", 1));
	assert_int_equal(nvb_access_begin(&access, 1, &session, NULL), 0);
	strcpy(first, session);
	assert_int_equal(strlen(first), NVB_SECRET_TEXT - 1);
	assert_true(nvb_access_is_session(&access, first, 11 * hour));
	assert_true(nvb_access_is_session(&access, first, 22 * hour)); /* it was used meanwhile */
	assert_false(nvb_access_is_session(&access, first, 35 * hour));
	assert_false(nvb_access_is_session(&access, first, 35 * hour));

	/* More than there is room for: the one not used for longest goes. */
	assert_int_equal(nvb_access_begin(&access, 1, &session, NULL), 0);
	strcpy(first, session);
	for (size_t i = 0; i < NVB_ELEMENTS(access.sessions); i++)
		assert_int_equal(nvb_access_begin(&access, 2 + i, &session, NULL), 0);
	assert_false(nvb_access_is_session(&access, first, 50));
	assert_true(nvb_access_is_session(&access, session, 50));
	strcpy(first, session);
	nvb_access_end(&access, first);
	assert_false(nvb_access_is_session(&access, first, 50));

	assert_false(nvb_access_is_link(&access, ""));
	assert_int_equal(nvb_access_new_link(&access, NULL), 0);
	strcpy(link, access.link);
	assert_true(nvb_access_is_link(&access, link));
	assert_int_equal(nvb_access_new_link(&access, NULL), 0);
	assert_false(nvb_access_is_link(&access, link));
}

static nvb_sample *sample_at(uint64_t ms, double utilization)
{
	nvb_sample *sample = nvb_sample_new(1);

	assert_non_null(sample);
	sample->time = ms * 1000000;
	sample->interval = 100000000;
	sample->gpus[0].values[NVB_METRIC_UTILIZATION] =
		(struct nvb_value){.value = utilization, .state = NVB_VALUE_KNOWN};
	return sample;
}

static void add(struct nvb_history *history, uint64_t ms, double utilization)
{
	_cleanup_sample_ nvb_sample *sample = sample_at(ms, utilization);

	assert_int_equal(nvb_history_add(history, sample, NULL), 0);
}

static void past(void **state)
{
	struct nvb_history history = {0};

	(void)state;
	add(&history, 1000, 0.1);
	add(&history, 1900, 0.2); /* the same second: the last of it counts */
	add(&history, 2000, 0.3);
	assert_int_equal(history.count, 2);
	assert_int_equal(nvb_history_time(&history, 0), 1900);
	assert_int_equal(nvb_history_point(&history, 0, NVB_HISTORY_UTILIZATION, 0), 200);
	assert_int_equal(nvb_history_point(&history, 0, NVB_HISTORY_UTILIZATION, 1), 300);
	assert_int_equal(nvb_history_point(&history, 0, NVB_HISTORY_POWER, 1), NVB_HISTORY_UNKNOWN);
	for (unsigned i = 3; i < NVB_HISTORY_POINTS + 10; i++)
		add(&history, i * 1000, i / 1000.0);
	assert_int_equal(history.count, NVB_HISTORY_POINTS);
	assert_int_equal(nvb_history_time(&history, 0), 10000);
	assert_int_equal(nvb_history_point(&history, 0, NVB_HISTORY_UTILIZATION, 0), 10);
	assert_int_equal(nvb_history_time(&history, NVB_HISTORY_POINTS - 1), (NVB_HISTORY_POINTS + 9) * 1000);
	nvb_history_release(&history);
}

/* The JSON of an event, read by somebody else's reader. */
static struct json_object *data_of(const char *text, const char *event)
{
	_cleanup_free_ char *start = NULL;
	const char *at;
	struct json_object *json;

	assert_true(asprintf(&start, "event: %s\ndata: ", event) > 0);
	at = strstr(text, start);
	assert_non_null(at);
	at += strlen(start);
	assert_string_equal(strchr(at, '\n'), "\n\n"); /* one line, then the end */
	json = json_tokener_parse(at);
	assert_non_null(json);
	return json;
}

static void events(void **state)
{
	_cleanup_sample_ nvb_sample *sample = sample_at(5000, 0.5);
	struct nvb_sample_process process = {.pid = 9,
		.mig = NVB_NO_MIG,
		.name = "a\n\"b\xff",
		.owner = NVB_OWNER_CAPSULE,
		.owner_id = "c1"};
	_cleanup_strbuf_ struct nvb_strbuf out = {0}, greeting = {0};
	struct nvb_history history = {0};
	struct json_object *json, *gpu, *found;

	(void)state;
	sample->gpus[0].gpu.name = "x\ndata: y";
	sample->gpus[0].gpu.process_count = 1;
	sample->gpus[0].processes = &process;
	assert_int_equal(nvb_feed_sample(sample, &out, NULL), 0);
	json = data_of(out.s, "sample");
	gpu = json_object_array_get_idx(json_object_object_get(json, "gpus"), 0);
	assert_string_equal(json_object_get_string(json_object_object_get(gpu, "name")), "x\ndata: y");
	assert_true(json_object_get_double(json_object_object_get(gpu, "utilization")) == 0.5);
	assert_true(json_object_object_get_ex(gpu, "power", &found) && !found); /* null */
	found = json_object_array_get_idx(json_object_object_get(json, "processes"), 0);
	assert_string_equal(
		json_object_get_string(json_object_object_get(found, "name")), "a\n\"b\xef\xbf\xbd");
	found = json_object_array_get_idx(json_object_object_get(json, "workloads"), 0);
	assert_string_equal(json_object_get_string(json_object_object_get(found, "owner")), "capsule");
	json_object_put(json);

	add(&history, 5000, 0.5);
	assert_int_equal(nvb_feed_hello("ho\"st", &history, &greeting, NULL), 0);
	json = data_of(greeting.s, "hello");
	assert_string_equal(json_object_get_string(json_object_object_get(json, "host")), "ho\"st");
	gpu = json_object_array_get_idx(json_object_object_get(json, "gpus"), 0);
	assert_int_equal(
		json_object_get_int(json_object_array_get_idx(json_object_object_get(gpu, "utilization"), 0)),
		500);
	json_object_put(json);
	nvb_history_release(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(hosts),
		cmocka_unit_test(cookies),
		cmocka_unit_test(bearers),
		cmocka_unit_test(fields),
		scratch_test(tokens),
		cmocka_unit_test(sessions),
		cmocka_unit_test(past),
		cmocka_unit_test(events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
