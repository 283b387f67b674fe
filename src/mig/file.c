/* SPDX-License-Identifier: Apache-2.0 */
#include "mig/file.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/toml.h"
#include "cdi/node.h"

/* Reading: both syntaxes become one tree, which is taken apart here. */

enum { RULES_MAX = 4096, COUNT_MAX = 4096 };

struct reader {
	struct nvb_mig_file *file;
	nvb_error **err;
};

void nvb_mig_file_release(struct nvb_mig_file *file)
{
	nvb_arena_release(&file->arena);
	*file = (struct nvb_mig_file){.arena = {0}};
}

static int fail(const struct reader *r, unsigned line, const char *what, const char *word)
{
	return nvb_fail(r->err, NVB_ERR_INVALID, "%s:%u: %s%s%s%s", r->file->name, line, what,
		word ? " '" : "", word ? word : "", word ? "'" : "");
}

static int wrong_type(
	const struct reader *r, const struct nvb_cdi_node *node, const char *key, const char *want)
{
	return nvb_fail(r->err, NVB_ERR_INVALID, "%s:%u: '%s' must be %s, not %s", r->file->name, node->line,
		key, want, nvb_cdi_type_name(node->type));
}

/* A list's elements, or a single value as a list of one. */
static const struct nvb_cdi_node *element(const struct nvb_cdi_node *node, size_t i)
{
	if (node->type == NVB_CDI_LIST)
		return nvb_cdi_node_at(node, i);
	return i ? NULL : node;
}

static int read_numbers(const struct reader *r, const struct nvb_cdi_node *node, const char *key, bool hex,
	uint32_t **out, size_t *count)
{
	size_t n = node->type == NVB_CDI_LIST ? node->count : 1;
	uint32_t *list = nvb_arena_alloc(&r->file->arena, (n + 1) * sizeof(*list));
	const struct nvb_cdi_node *item;

	if (!list)
		return nvb_fail_oom(r->err);
	for (size_t i = 0; (item = element(node, i)); i++) {
		const char *digits = item->text ? item->text : "";
		const char *behind = nvb_after(digits, "0x");
		uint64_t value;
		bool fine;

		if (hex)
			behind = behind ? behind : nvb_after(digits, "0X");
		fine = hex && behind ? nvb_parse_u64_base(behind, 16, &value) : nvb_parse_u64(digits, &value);
		if (!fine || value > UINT32_MAX || (item->type != NVB_CDI_NUMBER && !hex))
			return wrong_type(r, item, key,
				hex ? "a PCI device id such as 0x233010DE, or a list of them"
				    : "'all' or a list of GPU numbers");
		list[i] = (uint32_t)value;
	}
	*out = list;
	*count = n;
	return 0;
}

static int read_devices(const struct reader *r, const struct nvb_cdi_node *node, struct nvb_mig_rule *rule)
{
	if (node->type == NVB_CDI_STRING && nvb_streq(node->text, "all")) {
		rule->all = true;
		return 0;
	}
	if (node->type != NVB_CDI_LIST)
		return wrong_type(r, node, "devices", "'all' or a list of GPU numbers");
	return read_numbers(r, node, "devices", false, &rule->devices, &rule->device_count);
}

static int read_filter(const struct reader *r, const struct nvb_cdi_node *node, struct nvb_mig_rule *rule)
{
	if (node->type == NVB_CDI_NULL || (node->type == NVB_CDI_STRING && !*node->text))
		return 0;
	return read_numbers(r, node, "device-filter", true, &rule->filters, &rule->filter_count);
}

static int read_enabled(const struct reader *r, const struct nvb_cdi_node *node, struct nvb_mig_rule *rule)
{
	if (node->type != NVB_CDI_BOOL)
		return wrong_type(r, node, "mig-enabled", "true or false");
	rule->enabled = strchr("tTyY", node->text[0]) || nvb_streq(node->text, "on") ||
			nvb_streq(node->text, "On") || nvb_streq(node->text, "ON");
	return 0;
}

/* "2c.3g.40gb" before "1c.3g.40gb": parts of an instance fill it best from the largest on. */
static int by_compute(const void *a, const void *b)
{
	const struct nvb_mig_wanted *x = a, *y = b;
	unsigned long n = strtoul(x->name, NULL, 10), m = strtoul(y->name, NULL, 10);

	return n != m ? (n < m) - (n > m) : strcmp(x->name, y->name);
}

static int read_wanted(const struct reader *r, const struct nvb_cdi_node *node, struct nvb_mig_rule *rule)
{
	uint32_t all = 0;

	if (node->type == NVB_CDI_NULL)
		return 0;
	if (node->type != NVB_CDI_MAP)
		return wrong_type(r, node, "mig-devices", "a map of profile names to numbers");
	rule->wanted = nvb_arena_alloc(&r->file->arena, (node->count + 1) * sizeof(*rule->wanted));
	if (!rule->wanted)
		return nvb_fail_oom(r->err);
	for (const struct nvb_cdi_item *item = node->first; item; item = item->next) {
		struct nvb_mig_wanted *wanted = &rule->wanted[rule->wanted_count];

		if (item->node->type != NVB_CDI_NUMBER || !nvb_parse_u32(item->node->text, &wanted->count) ||
			wanted->count > COUNT_MAX)
			return fail(r, item->line, "a number of devices was expected behind", item->key);
		wanted->name = item->key;
		all += wanted->count;
		rule->wanted_count += wanted->count > 0;
	}
	if (node->count && !all)
		return fail(r, node->line, "every number in 'mig-devices' is 0; for none write {}", NULL);
	qsort(rule->wanted, rule->wanted_count, sizeof(*rule->wanted), by_compute);
	return 0;
}

static const struct field {
	const char *name;
	int (*read)(const struct reader *r, const struct nvb_cdi_node *node, struct nvb_mig_rule *rule);
	bool required;
} fields[] = {
	{"devices", read_devices, true},
	{"device-filter", read_filter, false},
	{"mig-enabled", read_enabled, true},
	{"mig-devices", read_wanted, false},
};

static int unknown_key(
	const struct reader *r, const struct nvb_cdi_item *item, const char *const *names, size_t count)
{
	const char *nearest = nvb_nearest(item->key, names, count);
	int rc = fail(r, item->line, "there is no key", item->key);

	return nearest ? nvb_hint(r->err, rc, "did you mean %s?", nearest) : rc;
}

static int read_rule(const struct reader *r, const struct nvb_cdi_node *node, struct nvb_mig_rule *rule)
{
	const char *names[NVB_ELEMENTS(fields)];

	rule->line = node->line;
	if (node->type != NVB_CDI_MAP)
		return wrong_type(r, node, "mig-configs", "lists of maps");
	for (size_t f = 0; f < NVB_ELEMENTS(fields); f++) {
		const struct nvb_cdi_node *value = nvb_cdi_node_get(node, fields[f].name);
		int rc = value ? fields[f].read(r, value, rule) : 0;

		if (!value && fields[f].required)
			return fail(r, node->line, "a required key is missing:", fields[f].name);
		if (rc < 0)
			return rc;
		names[f] = fields[f].name;
	}
	for (const struct nvb_cdi_item *item = node->first; item; item = item->next) {
		bool known = false;

		for (size_t f = 0; f < NVB_ELEMENTS(fields); f++)
			known |= nvb_streq(item->key, names[f]);
		if (!known)
			return unknown_key(r, item, names, NVB_ELEMENTS(names));
	}
	if (rule->enabled && !nvb_cdi_node_get(node, "mig-devices"))
		return fail(r, node->line, "'mig-enabled: true' needs 'mig-devices' ({} for none)", NULL);
	if (!rule->enabled && rule->wanted_count)
		return fail(r, node->line, "'mig-devices' with 'mig-enabled: false'", NULL);
	return 0;
}

static int read_config(const struct reader *r, const struct nvb_cdi_item *item, struct nvb_mig_config *config)
{
	const struct nvb_cdi_node *list = item->node;
	int rc = 0;

	config->name = item->key;
	config->line = item->line;
	if (list->type != NVB_CDI_LIST || !list->count)
		return wrong_type(r, list, item->key, "a list of at least one rule");
	if (list->count > RULES_MAX)
		return fail(r, item->line, "too many rules in", item->key);
	config->rules = nvb_arena_alloc(&r->file->arena, list->count * sizeof(*config->rules));
	if (!config->rules)
		return nvb_fail_oom(r->err);
	for (const struct nvb_cdi_item *rule = list->first; rc == 0 && rule; rule = rule->next)
		rc = read_rule(r, rule->node, &config->rules[config->rule_count++]);
	return rc;
}

/* Names end up in messages, which are one line. */
static bool is_plain(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

/* Depth is bounded by the readers; an alias is looked at where it stands as well. */
static int check_text(const struct reader *r, const struct nvb_cdi_node *node)
{
	int rc = 0;

	if (!is_plain(node->text))
		return fail(r, node->line, "a text holds a control character", NULL);
	for (const struct nvb_cdi_item *item = node->first; rc == 0 && item; item = item->next)
		rc = is_plain(item->key) ? check_text(r, item->node)
					 : fail(r, item->line, "a key holds a control character", NULL);
	return rc;
}

static int read_document(const struct reader *r, const struct nvb_cdi_node *root)
{
	static const char *const keys[] = {"version", "mig-configs"};
	const struct nvb_cdi_node *version = nvb_cdi_node_get(root, "version"),
				  *configs = nvb_cdi_node_get(root, "mig-configs");
	int rc = 0;

	if (root->type != NVB_CDI_MAP)
		return wrong_type(r, root, "the document", "a map");
	for (const struct nvb_cdi_item *item = root->first; item; item = item->next)
		if (!nvb_streq(item->key, keys[0]) && !nvb_streq(item->key, keys[1]))
			return unknown_key(r, item, keys, NVB_ELEMENTS(keys));
	if (!version || !nvb_streq0(version->text, "v1"))
		return fail(r, version ? version->line : 1, "'version: v1' was expected", NULL);
	if (!configs || configs->type != NVB_CDI_MAP || !configs->count)
		return fail(r, configs ? configs->line : 1, "'mig-configs' must be a map of configurations",
			NULL);
	r->file->configs = nvb_arena_alloc(&r->file->arena, configs->count * sizeof(*r->file->configs));
	if (!r->file->configs)
		return nvb_fail_oom(r->err);
	for (const struct nvb_cdi_item *item = configs->first; rc == 0 && item; item = item->next)
		rc = read_config(r, item, &r->file->configs[r->file->config_count++]);
	return rc;
}

/* A TOML value as a node of the tree; dates have no place in these files. */
static int convert(const struct reader *r, const struct nvb_toml_value *value, struct nvb_cdi_node **out)
{
	static const enum nvb_cdi_type types[] = {
		[NVB_TOML_STRING] = NVB_CDI_STRING,
		[NVB_TOML_INTEGER] = NVB_CDI_NUMBER,
		[NVB_TOML_BOOLEAN] = NVB_CDI_BOOL,
		[NVB_TOML_ARRAY] = NVB_CDI_LIST,
		[NVB_TOML_TABLE] = NVB_CDI_MAP,
	};
	struct nvb_arena *arena = &r->file->arena;
	struct nvb_cdi_node *node;

	if (value->type != NVB_TOML_STRING && value->type != NVB_TOML_INTEGER &&
		value->type != NVB_TOML_BOOLEAN && value->type != NVB_TOML_ARRAY &&
		value->type != NVB_TOML_TABLE)
		return fail(r, value->line, nvb_toml_type_name(value->type), "has no place here");
	node = nvb_cdi_node_new(arena, types[value->type], value->line);
	if (!node)
		return nvb_fail_oom(r->err);
	if (value->type == NVB_TOML_STRING)
		node->text = strlen(value->string.s) == value->string.size
				     ? nvb_arena_strdup(arena, value->string.s)
				     : nvb_arena_strdup(arena, "");
	else if (value->type == NVB_TOML_INTEGER)
		node->text = nvb_arena_printf(arena, "%lld", (long long)value->integer);
	else if (value->type == NVB_TOML_BOOLEAN)
		node->text = nvb_arena_strdup(arena, value->boolean ? "true" : "false");
	nvb_toml_foreach(child, value)
	{
		struct nvb_cdi_node *below = NULL;
		const char *key = child->key ? nvb_arena_strdup(arena, child->key) : NULL;
		int rc = convert(r, child, &below);

		if (rc < 0)
			return rc;
		if ((child->key && !key) || !nvb_cdi_node_append(arena, node, key,
						    child->key ? child->key_line : child->line, below))
			return nvb_fail_oom(r->err);
	}
	*out = node;
	return 0;
}

static int read_toml(const struct reader *r, const char *data, size_t size, struct nvb_cdi_node **root)
{
	_cleanup_toml_ struct nvb_toml toml = {0};
	int rc = nvb_toml_parse(&toml, data, size, r->file->name, r->err);

	return rc < 0 ? rc : convert(r, &toml.root, root);
}

int nvb_mig_file_parse(
	struct nvb_mig_file *out, const char *data, size_t size, const char *name, nvb_error **err)
{
	_cleanup_mig_file_ struct nvb_mig_file file = {.arena = {0}};
	struct reader r = {.file = &file, .err = err};
	struct nvb_cdi_node *root = NULL;
	int rc;

	file.name = nvb_arena_strdup(&file.arena, name);
	if (!file.name)
		return nvb_fail_oom(err);
	if (nvb_ends_with(name, ".toml"))
		rc = read_toml(&r, data, size, &root);
	else
		rc = nvb_cdi_parse_yaml(&file.arena, data, size, file.name, &root, err);
	if (rc == 0)
		rc = check_text(&r, root);
	if (rc == 0)
		rc = read_document(&r, root);
	if (rc < 0)
		return rc;
	*out = file;
	file = (struct nvb_mig_file){.arena = {0}};
	return 0;
}

int nvb_mig_file_choose(const struct nvb_mig_file *file, const char *name,
	const struct nvb_mig_config **config, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf names = {0};
	int rc;

	for (size_t i = 0; i < file->config_count; i++)
		if (name ? nvb_streq(file->configs[i].name, name) : file->config_count == 1) {
			*config = &file->configs[i];
			return 0;
		}
	for (size_t i = 0; i < file->config_count; i++)
		nvb_sb_addf(&names, "%s%s", i ? ", " : "", file->configs[i].name);
	if (names.failed)
		return nvb_fail_oom(err);
	rc = name ? nvb_fail(err, NVB_ERR_NOT_FOUND, "%s: there is no configuration '%s'", file->name, name)
		  : nvb_fail(err, NVB_ERR_INVALID, "%s: it has %zu configurations, and none was chosen",
			    file->name, file->config_count);
	return nvb_hint(err, rc, "--config NAME, one of %s", names.s);
}
