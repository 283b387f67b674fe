/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "boltfile/values.h"
#include "boltfile/variables.h"
#include "network/port.h"
#include "request/request.h"

/* Lists that have a form of their own. In the model each is a list of strings, in the form a flag would have.
 */

static int oom(struct boltfile_reader *r)
{
	return nvb_fail_oom(r->err);
}

static int fail(struct boltfile_reader *r, const struct nvb_toml_value *v, const char *what)
{
	return nvb_toml_fail(&r->file->doc, v, r->err, "%s", what);
}

static int fail_list(struct boltfile_reader *r, const struct nvb_toml_value *v, const char *wanted)
{
	return nvb_toml_fail(&r->file->doc, v, r->err, "'%s' wants %s, this is %s", v->key, wanted,
		nvb_toml_type_name(v->type));
}

static int append_printed(struct boltfile_reader *r, struct boltfile_list *list, const char *printed)
{
	return printed ? nvb_boltfile_append(r, list, printed) : oom(r);
}

/* The name before '=' is there and no other line has it: of two for one name nobody knows which counts. */
static int check_pair(struct boltfile_reader *r, const struct nvb_toml_value *v,
	const struct boltfile_list *list, const char *text, bool name_alone)
{
	size_t n = strcspn(text, "=");

	if (n == 0 || (!text[n] && !name_alone))
		return nvb_toml_fail(&r->file->doc, v, r->err, "'%s' is not NAME=VALUE", text);
	for (size_t i = 0; i < list->count; i++)
		if (strncmp(list->items[i], text, n) == 0 && strchr("=", list->items[i][n]))
			return nvb_toml_fail(
				&r->file->doc, v, r->err, "'%.*s' stands in the list already", (int)n, text);
	return 0;
}

static int pair_of_member(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **text)
{
	const char *value = NULL;
	int rc;

	if (!v->key_size || strlen(v->key) != v->key_size || strchr(v->key, '='))
		return nvb_toml_fail_key(&r->file->doc, v, r->err, "no name such as these values have");
	if (v->type == NVB_TOML_ARRAY || v->type == NVB_TOML_TABLE)
		return fail_list(r, v, "a string");
	rc = nvb_boltfile_scalar(r, v, &value);
	if (rc < 0)
		return rc;
	*text = nvb_arena_printf(&r->file->arena, "%s=%s", v->key, value);
	return *text ? 0 : oom(r);
}

int nvb_boltfile_read_pairs(
	struct boltfile_reader *r, const struct nvb_toml_value *v, bool name_alone, char ***out)
{
	struct boltfile_list list = {0};
	int rc = 0;

	if (v->type != NVB_TOML_TABLE && v->type != NVB_TOML_ARRAY)
		return fail_list(r, v, "a table, or a list of NAME=VALUE");
	nvb_toml_foreach(item, v)
	{
		const char *text = NULL;

		rc = v->type == NVB_TOML_TABLE ? pair_of_member(r, item, &text)
					       : nvb_boltfile_text(r, item, &text);
		if (rc == 0)
			rc = check_pair(r, item, &list, text, name_alone && v->type == NVB_TOML_ARRAY);
		if (rc == 0)
			rc = nvb_boltfile_append(r, &list, text);
		if (rc < 0)
			return rc;
	}
	return nvb_boltfile_finish(r, &list, out);
}

/* { condition = "healthy" }; restart and required are compose's. */
static int read_condition(struct boltfile_reader *r, const struct nvb_toml_value *v, int *condition)
{
	static const char *const keys[] = {"condition"};
	const struct nvb_toml_value *word;
	const char *text = NULL;
	int rc;

	if (v->type == NVB_TOML_STRING) {
		word = v;
	} else if (v->type == NVB_TOML_TABLE) {
		rc = nvb_toml_check_keys(&r->file->doc, v, "a service that another depends on", keys,
			NVB_ELEMENTS(keys), r->err);
		if (rc < 0)
			return rc;
		word = nvb_toml_get(v, "condition");
	} else {
		return fail_list(r, v, "a table { condition = \"...\" }");
	}
	if (!word)
		return 0;
	rc = nvb_boltfile_text(r, word, &text);
	if (rc < 0)
		return rc;
	return nvb_boltfile_place(
		r, word, nvb_choice_parse(nvb_boltfile_conditions, text, "condition", condition, r->err));
}

int nvb_boltfile_read_depends(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out)
{
	struct boltfile_list list = {0};

	if (v->type != NVB_TOML_TABLE && v->type != NVB_TOML_ARRAY)
		return fail_list(r, v, "a list of services, or a table");
	nvb_toml_foreach(item, v)
	{
		const char *name = item->key, *word;
		int condition = 0, rc;

		rc = v->type == NVB_TOML_TABLE ? read_condition(r, item, &condition)
					       : nvb_boltfile_text(r, item, &name);
		if (rc < 0)
			return rc;
		word = nvb_choice_name(nvb_boltfile_conditions, condition);
		rc = append_printed(r, &list, nvb_arena_printf(&r->file->arena, "%s:%s", name, word));
		if (rc < 0)
			return rc;
	}
	return nvb_boltfile_finish(r, &list, out);
}

/* A limit as a number or a word; of a table { soft, hard } both. */
static int read_limit(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **out)
{
	static const char *const keys[] = {"soft", "hard"};
	const struct nvb_toml_value *soft = v, *hard = NULL;
	const char *first = NULL, *second = NULL;
	int rc = 0;

	if (v->type == NVB_TOML_TABLE) {
		rc = nvb_toml_check_keys(&r->file->doc, v, "a limit", keys, NVB_ELEMENTS(keys), r->err);
		soft = nvb_toml_get(v, "soft");
		hard = nvb_toml_get(v, "hard");
		if (rc == 0 && (!soft || !hard))
			return fail(r, v, "a limit has 'soft' and 'hard'");
	}
	if (rc == 0)
		rc = nvb_boltfile_scalar(r, soft, &first);
	if (rc == 0 && hard)
		rc = nvb_boltfile_scalar(r, hard, &second);
	if (rc < 0)
		return rc;
	*out = nvb_arena_printf(
		&r->file->arena, "%s=%s%s%s", v->key, first, second ? ":" : "", second ? second : "");
	return *out ? 0 : oom(r);
}

int nvb_boltfile_read_limits(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out)
{
	struct boltfile_list list = {0};

	if (v->type != NVB_TOML_TABLE)
		return nvb_boltfile_read_pairs(r, v, false, out);
	nvb_toml_foreach(item, v)
	{
		const char *text = NULL;
		int rc = read_limit(r, item, &text);

		if (rc == 0)
			rc = nvb_boltfile_append(r, &list, text);
		if (rc < 0)
			return rc;
	}
	return nvb_boltfile_finish(r, &list, out);
}

/* A relative source counts from the Boltfile's directory, "~/" from the home; a bare name is a volume's. */
static int absolute_source(struct boltfile_reader *r, const char *text, const char **out)
{
	const char *home = NULL;

	if (*text == '.' && strchr("/:", text[1 + (text[1] == '.')])) {
		*out = nvb_arena_printf(&r->file->arena, "%s/%s", r->file->directory,
			nvb_after(text, "./") ? text + 2 : text);
	} else if (nvb_after(text, "~/")) {
		const char *missing = NULL;
		int rc = nvb_variables_expand(
			r->variables, &r->file->arena, "${HOME:?'~' means it}", &home, &missing, r->err);

		if (rc < 0)
			return rc;
		*out = nvb_arena_printf(&r->file->arena, "%s%s", home, text + 1);
	} else {
		*out = text;
	}
	return *out ? 0 : oom(r);
}

/* compose's long form; what other types than these mean stands elsewhere in a Boltfile. */
static int volume_of_table(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **out)
{
	static const char *const keys[] = {"type", "source", "target", "read_only"};
	const char *source = NULL, *target = NULL;
	bool read_only = false;
	int rc = nvb_toml_check_keys(&r->file->doc, v, "a volume", keys, NVB_ELEMENTS(keys), r->err);

	if (rc == 0 && nvb_toml_get(v, "source"))
		rc = nvb_boltfile_text(r, nvb_toml_get(v, "source"), &source);
	if (rc == 0 && nvb_toml_get(v, "target"))
		rc = nvb_boltfile_text(r, nvb_toml_get(v, "target"), &target);
	if (rc == 0)
		rc = nvb_toml_get_bool(&r->file->doc, v, "read_only", &read_only, r->err);
	if (rc < 0)
		return rc;
	if (!source || !target)
		return fail(r, v, "a volume has 'source' and 'target'");
	*out = nvb_arena_printf(&r->file->arena, "%s:%s%s", source, target, read_only ? ":ro" : "");
	return *out ? 0 : oom(r);
}

int nvb_boltfile_read_volumes(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out)
{
	struct boltfile_list list = {0};

	if (v->type != NVB_TOML_ARRAY)
		return fail_list(r, v, "a list of volumes");
	nvb_toml_foreach(item, v)
	{
		const char *text = NULL;
		int rc = item->type == NVB_TOML_TABLE ? volume_of_table(r, item, &text)
						      : nvb_boltfile_text(r, item, &text);

		if (rc == 0 && !strchr(text, ':'))
			rc = nvb_hint(r->err,
				nvb_toml_fail(
					&r->file->doc, item, r->err, "volume '%s': there is no ':'", text),
				"SOURCE:TARGET[:ro]");
		if (rc == 0)
			rc = nvb_boltfile_place(r, item, absolute_source(r, text, &text));
		if (rc == 0)
			rc = nvb_boltfile_append(r, &list, text);
		if (rc < 0)
			return rc;
	}
	return nvb_boltfile_finish(r, &list, out);
}

/* "3000" is 3000 on both sides, as in Bolt. */
static int read_port(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **out)
{
	struct nvb_port_range range;
	const char *text = NULL;
	size_t n;
	int rc = v->type == NVB_TOML_INTEGER ? nvb_boltfile_scalar(r, v, &text)
					     : nvb_boltfile_text(r, v, &text);

	if (rc < 0)
		return rc;
	n = strcspn(text, "/");
	if (n > 0 && strspn(text, "0123456789-") == n)
		text = nvb_arena_printf(&r->file->arena, "%.*s:%s", (int)n, text, text);
	if (!text)
		return oom(r);
	rc = nvb_boltfile_place(r, v, nvb_port_parse(text, &range, r->err));
	if (rc == 0)
		*out = text;
	return rc;
}

int nvb_boltfile_read_ports(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out)
{
	struct boltfile_list list = {0};

	if (v->type != NVB_TOML_ARRAY)
		return fail_list(r, v, "a list of ports");
	nvb_toml_foreach(item, v)
	{
		const char *text = NULL;
		int rc = read_port(r, item, &text);

		if (rc == 0)
			rc = nvb_boltfile_append(r, &list, text);
		if (rc < 0)
			return rc;
	}
	return nvb_boltfile_finish(r, &list, out);
}

static void release_request(nvb_request **request)
{
	nvb_request_free(*request);
}

/* "0" is gpu:0, "all" gpu:all: one spelling for each. */
static int read_device(struct boltfile_reader *r, const struct nvb_toml_value *v, const char **out)
{
	_cleanup_(release_request) nvb_request *request = NULL;
	const char *text = NULL;
	int rc = v->type == NVB_TOML_INTEGER ? nvb_boltfile_scalar(r, v, &text)
					     : nvb_boltfile_text(r, v, &text);

	if (rc == 0)
		rc = nvb_request_new(&request, r->err);
	if (rc == 0)
		rc = nvb_boltfile_place(r, v, nvb_request_add_gpus(request, text, r->err));
	if (rc < 0)
		return rc;
	if (nvb_streq(text, "all") || text[strspn(text, "0123456789")] == '\0')
		text = nvb_arena_printf(&r->file->arena, "gpu:%s", text);
	*out = text;
	return text ? 0 : oom(r);
}

int nvb_boltfile_read_devices(struct boltfile_reader *r, const struct nvb_toml_value *v, char ***out)
{
	struct boltfile_list list = {0};
	const char *text = NULL;
	int rc = 0;

	if (v->type == NVB_TOML_STRING || v->type == NVB_TOML_INTEGER) {
		rc = read_device(r, v, &text);
		if (rc == 0)
			rc = nvb_boltfile_append(r, &list, text);
	} else if (v->type != NVB_TOML_ARRAY) {
		return fail_list(r, v, "a list of GPUs such as [\"gpu:0\"]");
	}
	nvb_toml_foreach(item, v->type == NVB_TOML_ARRAY ? v : NULL)
	{
		if (rc == 0)
			rc = read_device(r, item, &text);
		if (rc == 0)
			rc = nvb_boltfile_append(r, &list, text);
	}
	return rc < 0 ? rc : nvb_boltfile_finish(r, &list, out);
}
