/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the official TOML 1.0 cases (toml-lang/toml-test) where they are present: what valid/ holds must parse
 * to the values in the .json beside it, what invalid/ holds must be refused. Usage: toml_suite DIRECTORY;
 * $NVB_TESTDATA/toml-test takes its place when set. 77 when the cases are not there.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <math.h>

#include "base/file.h"
#include "tagged.h"

enum { LARGEST = 1024 * 1024, SKIPPED = 77 };

static unsigned failures;

static void complain(const char *file, const char *what)
{
	printf("FAIL %s: %s\n", file, what);
	failures++;
}

static bool equal_floats(const char *a, const char *b)
{
	double x = strtod(a, NULL), y = strtod(b, NULL);

	return (isnan(x) && isnan(y)) || (x == y && signbit(x) == signbit(y));
}

static bool equal(struct json_object *a, struct json_object *b);

static bool equal_arrays(struct json_object *a, struct json_object *b)
{
	size_t n = json_object_array_length(a);

	if (n != json_object_array_length(b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!equal(json_object_array_get_idx(a, i), json_object_array_get_idx(b, i)))
			return false;
	return true;
}

static bool equal_objects(struct json_object *a, struct json_object *b)
{
	struct json_object *type, *x, *y;

	if (json_object_object_length(a) != json_object_object_length(b))
		return false;
	if (json_object_object_get_ex(a, "type", &type) && json_object_is_type(type, json_type_string) &&
		nvb_streq(json_object_get_string(type), "float")) {
		return json_object_object_get_ex(a, "value", &x) &&
		       json_object_object_get_ex(b, "value", &y) &&
		       equal_floats(json_object_get_string(x), json_object_get_string(y));
	}
	json_object_object_foreach(
		a, key, value) if (!json_object_object_get_ex(b, key, &y) || !equal(value, y)) return false;
	return true;
}

static bool equal(struct json_object *a, struct json_object *b)
{
	enum json_type type = json_object_get_type(a);

	if (type != json_object_get_type(b))
		return false;
	if (type == json_type_array)
		return equal_arrays(a, b);
	if (type == json_type_object)
		return equal_objects(a, b);
	return json_object_equal(a, b);
}

static void check_valid(int dir, const char *file)
{
	_cleanup_free_ char *name = strdup(file), *expected = NULL;
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	_cleanup_error_ nvb_error *err = NULL;
	struct json_object *a, *b;

	memcpy(name + strlen(name) - 4, "json", 4); /* .toml becomes .json */
	if (nvb_toml_read(&doc, dir, file, LARGEST, &err) < 0 ||
		nvb_file_read(dir, name, LARGEST, &expected, NULL, &err) < 0) {
		complain(file, nvb_error_message(err));
		return;
	}
	tagged_json(&sb, &doc.root);
	a = json_tokener_parse(expected);
	b = json_tokener_parse(sb.s);
	if (!a || !b || !equal(a, b))
		complain(file, sb.s);
	json_object_put(a);
	json_object_put(b);
}

/* An error is one line and says where. */
static void check_invalid(int dir, const char *file)
{
	_cleanup_toml_ struct nvb_toml doc = {0};
	_cleanup_error_ nvb_error *err = NULL;
	unsigned line = 0, column = 0;
	const char *place;

	if (nvb_toml_read(&doc, dir, file, LARGEST, &err) == 0) {
		complain(file, "accepted");
		return;
	}
	place = nvb_after(nvb_error_message(err), file);
	if (nvb_error_code(err) != NVB_ERR_INVALID || !place ||
		sscanf(place, ":%u:%u: ", &line, &column) != 2 || !line || !column || strchr(place, '\n'))
		complain(file, nvb_error_message(err));
	else if (getenv("VERBOSE"))
		printf("%s\n", nvb_error_message(err));
}

int main(int argc, char **argv)
{
	const char *testdata = getenv("NVB_TESTDATA");
	_cleanup_free_ char *directory = NULL, *list = NULL;
	_cleanup_close_ int dir = -1;
	unsigned valid = 0, invalid = 0;

	if (asprintf(&directory, "%s%s", testdata ? testdata : (argc > 1 ? argv[1] : "."),
		    testdata ? "/toml-test" : "") < 0)
		return 1;
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || nvb_file_read(dir, "files-toml-1.0.0", LARGEST, &list, NULL, NULL) < 0) {
		printf("SKIP: no TOML cases in %s\n", directory);
		return SKIPPED;
	}
	for (char *state = NULL, *file = strtok_r(list, "\n", &state); file;
		file = strtok_r(NULL, "\n", &state)) {
		if (!nvb_ends_with(file, ".toml"))
			continue;
		if (nvb_after(file, "valid/")) {
			check_valid(dir, file);
			valid++;
		} else {
			check_invalid(dir, file);
			invalid++;
		}
	}
	printf("%u valid, %u invalid, %u failed\n", valid, invalid, failures);
	return failures != 0 || valid == 0 || invalid == 0;
}
