/* SPDX-License-Identifier: Apache-2.0 */
#include "base/jscan.h"

#include <ctype.h>
#include <stdarg.h>

#include "base/guard.h"
#include "base/jscan_string.h"
#include "base/str.h"

enum {
	FEW_KEYS = 16,	    /* up to here every pair is compared */
	PATH_KEY_MAX = 100, /* bytes of a key shown in a message */
	PATH_STEPS_MAX = 12,
};

static const char *const type_names[] = {
	[NVB_JSON_NULL] = "null",
	[NVB_JSON_BOOL] = "a boolean",
	[NVB_JSON_NUMBER] = "a number",
	[NVB_JSON_STRING] = "a string",
	[NVB_JSON_ARRAY] = "an array",
	[NVB_JSON_OBJECT] = "an object",
};

const char *nvb_json_type_name(enum nvb_json_type type)
{
	return type_names[type];
}

void nvb_jscan_begin(struct nvb_jscan *js, const char *text, size_t size)
{
	/* The stacks are some kilobytes and need no clearing. */
	js->text = text;
	js->size = size;
	js->at = js->tail = 0;
	js->left = (struct nvb_jscan_extent){0};
	js->depth = 0;
	js->key_count = 0;
	js->key_capacity = NVB_JSCAN_INLINE_KEYS;
	js->keys = js->inline_keys;
}

void nvb_jscan_release(struct nvb_jscan *js)
{
	if (js->keys != js->inline_keys)
		free(js->keys);
	js->keys = js->inline_keys;
}

static struct nvb_json key_json(const struct nvb_jscan *js, const struct nvb_jscan_key *key)
{
	return (struct nvb_json){NVB_JSON_STRING, js->text + key->at, key->size, key->escaped};
}

static bool is_plain_name(const struct nvb_json *key)
{
	for (size_t i = 0; i < key->size; i++)
		if (!isalnum((unsigned char)key->text[i]) && key->text[i] != '_' && key->text[i] != '-')
			return false;
	return key->size > 0;
}

/* The member or element that is being read at one level. */
static void add_path_step(struct nvb_strbuf *sb, const struct nvb_jscan *js, uint32_t depth)
{
	const struct nvb_jscan_level *level = &js->levels[depth];
	uint32_t keys = depth + 1 < js->depth ? level[1].first_key : js->key_count;
	struct nvb_json key;

	if (!level->is_object) {
		nvb_sb_addf(sb, "[%u]", level->count - 1);
		return;
	}
	key = key_json(js, &js->keys[keys - 1]);
	if (key.size > PATH_KEY_MAX)
		nvb_sb_addf(sb, "[a key of %zu bytes]", key.size);
	else if (is_plain_name(&key))
		nvb_sb_addf(sb, "%s%.*s", sb->len ? "." : "", (int)key.size, key.text);
	else
		nvb_sb_addf(sb, "[\"%.*s\"]", (int)key.size, key.text);
}

/* `between`: the innermost array or object itself is wrong, not what is read in it. */
__attribute__((format(printf, 5, 0), cold)) static int fail_at(
	const struct nvb_jscan *js, size_t offset, bool between, nvb_error **err, const char *fmt, va_list ap)
{
	_cleanup_strbuf_ struct nvb_strbuf path = {0};
	_cleanup_free_ char *message = NULL;

	for (uint32_t i = 0; i < js->depth && i < PATH_STEPS_MAX; i++)
		if (js->levels[i].count && !(between && i + 1 == js->depth))
			add_path_step(&path, js, i);
	if (js->depth > PATH_STEPS_MAX)
		nvb_sb_add(&path, "...");
	if (vasprintf(&message, fmt, ap) < 0) {
		message = NULL;
		return nvb_fail_oom(err);
	}
	return nvb_fail(err, NVB_ERR_CORRUPT, "%s%s%s (byte %zu)", path.len ? path.s : "",
		path.len ? ": " : "", message, offset);
}

int nvb_jscan_fail(const struct nvb_jscan *js, size_t offset, nvb_error **err, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = fail_at(js, offset, false, err, fmt, ap);
	va_end(ap);
	return rc;
}

__attribute__((format(printf, 4, 5), cold)) static int fail_between(
	const struct nvb_jscan *js, size_t offset, nvb_error **err, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = fail_at(js, offset, true, err, fmt, ap);
	va_end(ap);
	return rc;
}

/* The next byte that is no white space, or -1 at the end. */
static int next_byte(struct nvb_jscan *js)
{
	for (; js->at < js->size; js->at++) {
		char c = js->text[js->at];

		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return (unsigned char)c;
	}
	return -1;
}

static int read_string(struct nvb_jscan *js, struct nvb_json *string, bool between, nvb_error **err)
{
	const char *start = js->text + js->at + 1, *why, *at;
	const char *quote = nvb_jstring_scan(start, js->text + js->size, &string->escaped, &why, &at);

	if (!quote) {
		size_t offset = (size_t)(at - js->text);

		return between ? fail_between(js, offset, err, "%s", why)
			       : nvb_jscan_fail(js, offset, err, "%s", why);
	}
	string->type = NVB_JSON_STRING;
	string->text = start;
	string->size = (size_t)(quote - start);
	js->at = (size_t)(quote - js->text) + 1;
	return 0;
}

static size_t digits(const struct nvb_jscan *js, size_t at)
{
	while (at < js->size && js->text[at] >= '0' && js->text[at] <= '9')
		at++;
	return at;
}

/* number = [ "-" ] ( "0" | digits ) [ "." digits ] [ "e" [ sign ] digits ] */
static int read_number(struct nvb_jscan *js, struct nvb_json *value, nvb_error **err)
{
	size_t start = js->at, at = start + (js->text[start] == '-'), from = at;

	at = digits(js, at);
	if (at == from || (at - from > 1 && js->text[from] == '0'))
		return nvb_jscan_fail(js, start, err, "not a number");
	if (at < js->size && js->text[at] == '.') {
		from = ++at;
		at = digits(js, at);
		if (at == from)
			return nvb_jscan_fail(js, start, err, "not a number");
	}
	if (at < js->size && (js->text[at] == 'e' || js->text[at] == 'E')) {
		at++;
		if (at < js->size && (js->text[at] == '+' || js->text[at] == '-'))
			at++;
		from = at;
		at = digits(js, at);
		if (at == from)
			return nvb_jscan_fail(js, start, err, "not a number");
	}
	*value = (struct nvb_json){NVB_JSON_NUMBER, js->text + start, at - start, false};
	js->at = at;
	return 0;
}

static int read_word(struct nvb_jscan *js, const char *word, enum nvb_json_type type, struct nvb_json *value,
	nvb_error **err)
{
	size_t n = strlen(word);

	if (js->size - js->at < n || memcmp(js->text + js->at, word, n) != 0)
		return nvb_jscan_fail(js, js->at, err, "not a JSON value");
	*value = (struct nvb_json){type, js->text + js->at, n, false};
	js->at += n;
	return 0;
}

/* A value that is neither array nor object, whose first byte is `c`. */
static int read_scalar(struct nvb_jscan *js, int c, struct nvb_json *value, nvb_error **err)
{
	int rc;

	if (c == '"')
		rc = read_string(js, value, false, err);
	else if (c == '-' || (c >= '0' && c <= '9'))
		rc = read_number(js, value, err);
	else if (c == 't')
		rc = read_word(js, "true", NVB_JSON_BOOL, value, err);
	else if (c == 'f')
		rc = read_word(js, "false", NVB_JSON_BOOL, value, err);
	else if (c == 'n')
		rc = read_word(js, "null", NVB_JSON_NULL, value, err);
	else
		rc = nvb_jscan_fail(
			js, js->at, err, c < 0 ? "ends where a value should be" : "not a JSON value");
	js->tail = js->at;
	return rc;
}

static int push_level(struct nvb_jscan *js, bool is_object, nvb_error **err)
{
	if (js->depth == NVB_JSCAN_DEPTH)
		return nvb_jscan_fail(js, js->at, err, "more than %d levels deep", NVB_JSCAN_DEPTH);
	if (js->size > NVB_JSCAN_MAX)
		return nvb_jscan_fail(js, NVB_JSCAN_MAX, err, "more than %zu bytes", NVB_JSCAN_MAX);
	js->levels[js->depth++] = (struct nvb_jscan_level){
		.open = (uint32_t)js->at,
		.first_key = js->key_count,
		.is_object = is_object,
	};
	js->tail = ++js->at;
	return 0;
}

static int push_key(struct nvb_jscan *js, const struct nvb_json *key, nvb_error **err)
{
	if (js->key_count == js->key_capacity) {
		size_t capacity = (size_t)js->key_capacity * 2;
		bool is_inline = js->keys == js->inline_keys;
		struct nvb_jscan_key *grown =
			reallocarray(is_inline ? NULL : js->keys, capacity, sizeof(*grown));

		if (!grown)
			return nvb_fail_oom(err);
		if (is_inline)
			memcpy(grown, js->inline_keys, sizeof(js->inline_keys));
		js->keys = grown;
		js->key_capacity = (uint32_t)capacity;
	}
	js->keys[js->key_count++] = (struct nvb_jscan_key){
		.at = (uint32_t)(key->text - js->text),
		.size = (uint32_t)key->size,
		.escaped = key->escaped,
	};
	return 0;
}

static bool same_key(const struct nvb_jscan *js, const struct nvb_jscan_key *a, const struct nvb_jscan_key *b)
{
	struct nvb_json left, right;

	if (a->size != b->size && !a->escaped && !b->escaped)
		return false;
	left = key_json(js, a);
	right = key_json(js, b);
	return nvb_json_same(&left, &right);
}

static int compare_keys(const void *pa, const void *pb, void *data)
{
	const struct nvb_jscan_key *a = pa, *b = pb;
	const struct nvb_jscan *js = data;
	struct nvb_json left = key_json(js, a), right = key_json(js, b);
	int order = nvb_jstring_compare(&left, &right);

	return order ? order : (a->at > b->at) - (a->at < b->at);
}

/* The second of two equal keys, or NULL. Few keys are compared in pairs, many are sorted. */
static const struct nvb_jscan_key *find_duplicate(
	struct nvb_jscan *js, struct nvb_jscan_key *keys, uint32_t count)
{
	if (count <= FEW_KEYS) {
		for (uint32_t i = 1; i < count; i++)
			for (uint32_t j = 0; j < i; j++)
				if (same_key(js, &keys[i], &keys[j]))
					return &keys[i];
		return NULL;
	}
	qsort_r(keys, count, sizeof(*keys), compare_keys, js);
	for (uint32_t i = 1; i < count; i++)
		if (same_key(js, &keys[i - 1], &keys[i]))
			return &keys[i];
	return NULL;
}

static int leave_level(struct nvb_jscan *js, nvb_error **err)
{
	const struct nvb_jscan_level *level = &js->levels[--js->depth];
	const struct nvb_jscan_key *twice = NULL;
	struct nvb_json key;

	js->left = (struct nvb_jscan_extent){level->open, js->tail, js->at, level->count};
	if (level->is_object) {
		twice = find_duplicate(js, js->keys + level->first_key, js->key_count - level->first_key);
		js->key_count = level->first_key;
	}
	js->tail = ++js->at;
	if (!twice || !nvb_guard("json-twice"))
		return 0;
	key = key_json(js, twice);
	if (key.size > PATH_KEY_MAX)
		return nvb_jscan_fail(js, twice->at - 1, err, "a key of %zu bytes stands twice", key.size);
	return nvb_jscan_fail(
		js, twice->at - 1, err, "the key \"%.*s\" stands twice", (int)key.size, key.text);
}

static int read_key(struct nvb_jscan *js, int c, struct nvb_json *key, nvb_error **err)
{
	int rc;

	if (c != '"')
		return fail_between(js, js->at, err, "expected a key in quotes");
	rc = read_string(js, key, true, err);
	if (rc < 0)
		return rc;
	rc = push_key(js, key, err);
	if (rc < 0)
		return rc;
	js->levels[js->depth - 1].count++;
	if (next_byte(js) != ':')
		return nvb_jscan_fail(js, js->at, err, "expected ':' behind the key");
	js->at++;
	return 1;
}

int nvb_jscan_next(struct nvb_jscan *js, struct nvb_json *key, nvb_error **err)
{
	struct nvb_jscan_level *level = &js->levels[js->depth - 1];
	struct nvb_json unused;
	char close = level->is_object ? '}' : ']';
	int c = next_byte(js);

	if (c == close)
		return leave_level(js, err);
	if (level->count) {
		if (c != ',')
			return fail_between(js, js->at, err,
				c < 0 ? "ends before its '%c'" : "expected ',' or '%c'", close);
		js->at++;
		c = next_byte(js);
	}
	if (c < 0 || c == close)
		return fail_between(
			js, js->at, err, c < 0 ? "ends before its '%c'" : "a ',' before its '%c'", close);
	if (level->is_object)
		return read_key(js, c, key ? key : &unused, err);
	level->count++;
	return 1;
}

static enum nvb_json_type type_of(int c)
{
	switch (c) {
	case '{':
		return NVB_JSON_OBJECT;
	case '[':
		return NVB_JSON_ARRAY;
	case '"':
		return NVB_JSON_STRING;
	case 't':
	case 'f':
		return NVB_JSON_BOOL;
	case 'n':
		return NVB_JSON_NULL;
	default:
		return NVB_JSON_NUMBER;
	}
}

int nvb_jscan_peek(struct nvb_jscan *js, enum nvb_json_type *type, nvb_error **err)
{
	int c = next_byte(js);

	if (c < 0 || !strchr("{[\"tfn-0123456789", c) || !c)
		return nvb_jscan_fail(
			js, js->at, err, c < 0 ? "ends where a value should be" : "not a JSON value");
	*type = type_of(c);
	return 0;
}

static int check_type(struct nvb_jscan *js, enum nvb_json_type wanted, nvb_error **err)
{
	enum nvb_json_type type;
	int rc = nvb_jscan_peek(js, &type, err);

	if (rc < 0)
		return rc;
	if (type != wanted)
		return nvb_jscan_fail(
			js, js->at, err, "must be %s, is %s", type_names[wanted], type_names[type]);
	return 0;
}

int nvb_jscan_enter(struct nvb_jscan *js, enum nvb_json_type type, nvb_error **err)
{
	int rc = check_type(js, type, err);

	return rc < 0 ? rc : push_level(js, type == NVB_JSON_OBJECT, err);
}

int nvb_jscan_value(struct nvb_jscan *js, struct nvb_json *value, nvb_error **err)
{
	int c = next_byte(js), rc;
	uint32_t outside = js->depth;
	size_t start = js->at;
	struct nvb_json inner;

	if (c != '{' && c != '[')
		return read_scalar(js, c, value, err);
	rc = push_level(js, c == '{', err);
	while (rc >= 0 && js->depth > outside) {
		rc = nvb_jscan_next(js, &inner, err);
		if (rc <= 0)
			continue;
		c = next_byte(js);
		rc = c == '{' || c == '[' ? push_level(js, c == '{', err) : read_scalar(js, c, &inner, err);
	}
	if (rc < 0)
		return rc;
	*value = (struct nvb_json){type_of(js->text[start]), js->text + start, js->at - start, false};
	return 0;
}

int nvb_jscan_expect(struct nvb_jscan *js, enum nvb_json_type type, struct nvb_json *value, nvb_error **err)
{
	int rc = check_type(js, type, err);

	return rc < 0 ? rc : nvb_jscan_value(js, value, err);
}

int nvb_jscan_end(struct nvb_jscan *js, nvb_error **err)
{
	if (next_byte(js) >= 0)
		return nvb_jscan_fail(js, js->at, err, "something stands behind the end of the document");
	return 0;
}

int nvb_jscan_match(const struct nvb_jscan *js, const struct nvb_json *key, const char *const *names,
	int *which, nvb_error **err)
{
	unsigned char first = key->size ? (unsigned char)key->text[0] : 0;

	*which = -1;
	for (int i = 0; names[i]; i++) {
		if (nvb_json_equals(key, names[i], strlen(names[i]))) {
			*which = i;
			return 0;
		}
	}
	for (int i = 0; names[i]; i++) {
		if ((first | 0x20) != (names[i][0] | 0x20) && first < 0x80 && !key->escaped)
			continue;
		if (nvb_guard("json-case") && nvb_jstring_folds_to(key, names[i]))
			return nvb_jscan_fail(js, (size_t)(key->text - js->text) - 1, err,
				"differs from \"%s\" only in case: runtimes disagree on what it means",
				names[i]);
	}
	return 0;
}
