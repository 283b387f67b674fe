/* SPDX-License-Identifier: Apache-2.0 */
#include <json-c/json.h>
#include <string.h>

#include "base/jscan.h"
#include "base/mem.h"
#include "fuzz.h"

/* What the scanner takes, json-c takes too: nothing is looser than another reader. */
static void check_with_json_c(const char *text, size_t size)
{
	json_tokener *tokener = json_tokener_new_ex(2 * NVB_JSCAN_DEPTH);
	json_object *object;

	FUZZ_CHECK(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, text, (int)size);
	/* A number at the very end could still go on, for json-c. */
	FUZZ_CHECK(json_tokener_get_error(tokener) == json_tokener_success ||
		   json_tokener_get_error(tokener) == json_tokener_continue);
	json_object_put(object);
	json_tokener_free(tokener);
}

static void check_string(const struct nvb_json *string)
{
	_cleanup_free_ char *copy = nvb_json_strdup(string);
	size_t n;

	FUZZ_CHECK(copy);
	n = strlen(copy);
	FUZZ_CHECK(n <= string->size);
	FUZZ_CHECK(nvb_json_equals(string, copy, n));
	FUZZ_CHECK(nvb_json_starts(string, copy, n / 2));
	FUZZ_CHECK(
		nvb_json_hash(string) == nvb_json_hash(&(struct nvb_json){NVB_JSON_STRING, copy, n, false}));
}

/* Walks through the document by hand; it must come to the same end as reading it whole. */
static int walk(struct nvb_jscan *js, nvb_error **err)
{
	struct nvb_json key, value;
	enum nvb_json_type type;
	int rc = nvb_jscan_peek(js, &type, err), more;

	if (rc < 0)
		return rc;
	if (type != NVB_JSON_OBJECT && type != NVB_JSON_ARRAY) {
		rc = nvb_jscan_expect(js, type, &value, err);
		if (rc == 0 && type == NVB_JSON_STRING)
			check_string(&value);
		return rc;
	}
	rc = nvb_jscan_enter(js, type, err);
	while (rc == 0 && (more = nvb_jscan_next(js, &key, err)) != 0) {
		if (more > 0 && type == NVB_JSON_OBJECT)
			check_string(&key);
		rc = more < 0 ? more : walk(js, err);
	}
	FUZZ_CHECK(rc < 0 || (js->text[js->left.open] == (type == NVB_JSON_OBJECT ? '{' : '[') &&
				     js->text[js->left.close] == (type == NVB_JSON_OBJECT ? '}' : ']') &&
				     js->left.tail > js->left.open && js->left.tail <= js->left.close));
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ nvb_error *whole_error = NULL, *walk_error = NULL;
	_cleanup_jscan_ struct nvb_jscan whole, walked;
	struct nvb_json value;
	int whole_rc, walk_rc;

	nvb_jscan_begin(&whole, (const char *)data, size);
	nvb_jscan_begin(&walked, (const char *)data, size);
	whole_rc = nvb_jscan_value(&whole, &value, &whole_error);
	if (whole_rc == 0)
		whole_rc = nvb_jscan_end(&whole, &whole_error);
	walk_rc = walk(&walked, &walk_error);
	if (walk_rc == 0)
		walk_rc = nvb_jscan_end(&walked, &walk_error);
	FUZZ_CHECK(whole_rc == walk_rc);
	FUZZ_CHECK((whole_rc < 0) == (whole_error != NULL));
	if (whole_rc < 0) {
		FUZZ_CHECK(!strchr(nvb_error_message(whole_error), '\n'));
		FUZZ_CHECK(strcmp(nvb_error_message(whole_error), nvb_error_message(walk_error)) == 0);
	} else {
		check_with_json_c((const char *)data, size);
	}
	return 0;
}
