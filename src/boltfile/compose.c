/* SPDX-License-Identifier: Apache-2.0 */
#include "boltfile/compose.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "boltfile/compose_parts.h"

enum how {
	TEXT,	  /* as it is */
	WORDS,	  /* a list, or a string */
	LIST,	  /* a list of strings, or one */
	PAIRS,	  /* a map, or a list of NAME=VALUE */
	HOSTS,	  /* a map, or a list of NAME:ADDRESS or NAME=ADDRESS */
	DURATION, /* "1m30s" */
	PATHS,	  /* a path, or a list of paths and { path } */
	PART,	  /* `part` writes it */
	IGNORE,	  /* read elsewhere */
	LOST,
};

/* Keys of a service, in the order in which they are written; what is not here is lost without a reason of its
 * own. */
static const struct row {
	const char *key;
	enum how how;
	const char *as; /* in a Boltfile; NULL: the same */
	void (*part)(struct compose *c, const node *n);
	const char *why;
} rows[] = {
	{"image", TEXT, NULL, NULL, NULL},
	{"build", IGNORE, NULL, NULL, NULL},
	{"container_name", TEXT, NULL, NULL, NULL},
	{"entrypoint", WORDS, NULL, NULL, NULL},
	{"command", WORDS, NULL, NULL, NULL},
	{"environment", PAIRS, NULL, NULL, NULL},
	{"env_file", PATHS, NULL, NULL, NULL},
	{"working_dir", TEXT, NULL, NULL, NULL},
	{"user", TEXT, NULL, NULL, NULL},
	{"hostname", TEXT, NULL, NULL, NULL},
	{"depends_on", PART, NULL, compose_depends, NULL},
	{"restart", TEXT, NULL, NULL, NULL},
	{"pull_policy", TEXT, "pull", NULL, NULL},
	{"stop_signal", TEXT, NULL, NULL, NULL},
	{"stop_grace_period", DURATION, NULL, NULL, NULL},
	{"scale", TEXT, "replicas", NULL, NULL},
	{"ports", PART, NULL, compose_ports, NULL},
	{"networks", PART, NULL, compose_networks, NULL},
	{"network_mode", TEXT, NULL, NULL, NULL},
	{"extra_hosts", HOSTS, NULL, NULL, NULL},
	{"volumes", PART, NULL, compose_volumes, NULL},
	{"tmpfs", LIST, NULL, NULL, NULL},
	{"shm_size", TEXT, NULL, NULL, NULL},
	{"labels", PAIRS, NULL, NULL, NULL},
	{"annotations", PAIRS, NULL, NULL, NULL},
	{"devices", LIST, NULL, NULL, NULL},
	{"privileged", TEXT, NULL, NULL, NULL},
	{"read_only", TEXT, NULL, NULL, NULL},
	{"cap_add", LIST, NULL, NULL, NULL},
	{"cap_drop", LIST, NULL, NULL, NULL},
	{"security_opt", LIST, NULL, NULL, NULL},
	{"ulimits", IGNORE, NULL, NULL, NULL},
	{"stdin_open", TEXT, NULL, NULL, NULL},
	{"tty", TEXT, NULL, NULL, NULL},
	{"healthcheck", PART, NULL, compose_health, NULL},
	{"deploy", PART, NULL, compose_deploy, NULL},
	{"logging", PART, NULL, compose_logging, NULL},
	{"cpus", IGNORE, NULL, NULL, NULL},
	{"mem_limit", IGNORE, NULL, NULL, NULL},
	{"pids_limit", IGNORE, NULL, NULL, NULL},
	{"gpus", IGNORE, NULL, NULL, NULL},
	{"runtime", IGNORE, NULL, NULL, NULL},
	{"secrets", LOST, NULL, NULL, "bolt keeps no secrets; mount the file in 'volumes'"},
	{"configs", LOST, NULL, NULL, "bolt keeps no configurations; mount the file in 'volumes'"},
	{"extends", LOST, NULL, NULL, "write the other service's keys here ('docker compose config' does)"},
	{"profiles", LOST, NULL, NULL, "name the services to bring up: bolt surge up SERVICE..."},
	{"expose", LOST, NULL, NULL, "services on one network reach every port of each other"},
	{"links", LOST, NULL, NULL, "services find each other by their names on a network"},
	{"init", LOST, NULL, NULL, "the program is the capsule's first process"},
	{"sysctls", LOST, NULL, NULL, "capsules share the host's kernel settings"},
	{"pid", LOST, NULL, NULL, "a capsule has processes of its own alone"},
	{"ipc", LOST, NULL, NULL, "a capsule has shared memory of its own alone"},
	{"dns", LOST, NULL, NULL, "names are looked up as the host does"},
	{"group_add", LOST, NULL, NULL, "the groups are those that the image gives the user"},
	{"platform", LOST, NULL, NULL, "an image runs on the host's own platform"},
	{"develop", LOST, NULL, NULL, "bolt watches no source files"},
};

size_t compose_count(const node *n)
{
	return n && n->type == NVB_CDI_LIST ? n->count : 0;
}

const char *compose_text(const node *n)
{
	return n && n->type != NVB_CDI_NULL && n->type != NVB_CDI_LIST && n->type != NVB_CDI_MAP ? n->text
												 : NULL;
}

static void take_over(struct compose *c, node *to, const node *from, unsigned depth)
{
	for (const struct nvb_cdi_item *item = from->first; item; item = item->next)
		if (!nvb_streq(item->key, "<<") && !nvb_cdi_node_get(to, item->key))
			c->oom = !nvb_cdi_node_append(&c->arena, to, item->key, item->line, item->node) ||
				 c->oom;
	for (const struct nvb_cdi_item *item = from->first; item && depth < NVB_CDI_DEPTH;
		item = item->next) {
		if (!nvb_streq(item->key, "<<"))
			continue;
		if (item->node->type == NVB_CDI_MAP)
			take_over(c, to, item->node, depth + 1);
		for (size_t i = 0; i < compose_count(item->node); i++)
			if (nvb_cdi_node_at(item->node, i)->type == NVB_CDI_MAP)
				take_over(c, to, nvb_cdi_node_at(item->node, i), depth + 1);
	}
}

const node *compose_map(struct compose *c, const node *n)
{
	node *merged;

	if (!n || n->type != NVB_CDI_MAP || !nvb_cdi_node_get(n, "<<"))
		return n && n->type == NVB_CDI_MAP ? n : NULL;
	merged = nvb_cdi_node_new(&c->arena, NVB_CDI_MAP, n->line);
	if (merged)
		take_over(c, merged, n, 0);
	c->oom = c->oom || !merged;
	return merged;
}

const node *compose_get(struct compose *c, const node *map, const char *key)
{
	return nvb_cdi_node_get(compose_map(c, map), key);
}

/* On one line, whatever names the file has. */
static void add_line(struct nvb_strbuf *out, const char *text)
{
	for (; *text; text++)
		nvb_sb_addc(out, (char)((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text));
}

void compose_lose(
	struct compose *c, struct nvb_strbuf *out, const node *at, const char *path, const char *why)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	nvb_sb_add(out, "# ");
	add_line(out, path);
	nvb_sb_add(out, ": ");
	add_line(out, why);
	nvb_sb_addc(out, '\n');
	nvb_sb_addf(&line, "%s:%u: ", c->file, at->line);
	if (c->service) {
		nvb_sb_add(&line, "services.");
		add_line(&line, c->service);
		nvb_sb_addc(&line, '.');
	}
	add_line(&line, path);
	nvb_sb_add(&line, ": ");
	add_line(&line, why);
	c->oom = c->oom || line.failed || !nvb_strv_add(&c->lost, line.s);
}

void compose_quote(struct nvb_strbuf *out, const char *text)
{
	nvb_sb_addc(out, '"');
	for (const char *s = text; *s; s++) {
		unsigned char b = (unsigned char)*s;
		size_t n = 0;

		if (b == '$' && s[1] == '$') {
			nvb_sb_add(out, "$$");
			s++;
			continue;
		}
		while (b == '$' && (isalpha((unsigned char)s[1]) || s[1] == '_') &&
			(isalnum((unsigned char)s[n + 1]) || s[n + 1] == '_'))
			n++;
		if (n) {
			nvb_sb_addf(out, "${%.*s}", (int)n, s + 1);
			s += n;
		} else if (b == '"' || b == '\\') {
			nvb_sb_addf(out, "\\%c", b);
		} else if (b < 0x20 || b == 0x7f) {
			nvb_sb_addf(out, b == '\n' ? "\\n" : b == '\t' ? "\\t" : "\\u%04x", b);
		} else {
			nvb_sb_addc(out, (char)b);
		}
	}
	nvb_sb_addc(out, '"');
}

void compose_put(struct nvb_strbuf *out, const char *key, const char *text)
{
	nvb_sb_addf(out, "%s = ", key);
	compose_quote(out, text);
	nvb_sb_addc(out, '\n');
}

void compose_put_list(struct nvb_strbuf *out, const char *key, char *const *list)
{
	nvb_sb_addf(out, "%s = [", key);
	nvb_strv_foreach (item, list) {
		nvb_sb_add(out, item == list ? "" : ", ");
		compose_quote(out, *item);
	}
	nvb_sb_add(out, "]\n");
}

const char *compose_duration(struct compose *c, const char *text)
{
	static const struct {
		const char *unit;
		unsigned long long ns;
	} units[] = {{"ms", 1000000}, {"us", 1000}, {"ns", 1}, {"h", 3600000000000}, {"m", 60000000000},
		{"s", 1000000000}};
	unsigned long long total = 0;

	for (char *end; *text; text = end) {
		unsigned long long amount = strtoull(text, &end, 10);
		size_t i = 0;

		if (end == text || amount > 1000000000)
			return NULL;
		while (i < NVB_ELEMENTS(units) && !nvb_after(end, units[i].unit))
			i++;
		if (i == NVB_ELEMENTS(units))
			return NULL;
		end += strlen(units[i].unit);
		total += amount * units[i].ns;
	}
	return total % 1000000000 ? nvb_arena_printf(&c->arena, "%llums", total / 1000000)
				  : nvb_arena_printf(&c->arena, "%llus", total / 1000000000);
}

void compose_header(struct nvb_strbuf *out, const char *kind, const char *name, const char *rest)
{
	bool bare = *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
						"0123456789_-")];

	nvb_sb_addf(out, "\n[%s.", kind);
	if (bare)
		nvb_sb_add(out, name);
	else
		compose_quote(out, name);
	nvb_sb_addf(out, "%s]\n", rest);
}

/* YAML's words for them; false for what is neither. */
static bool put_bool(struct nvb_strbuf *out, const char *key, const node *n)
{
	static const char *const words[] = {"true", "yes", "on", "false", "no", "off"};

	for (size_t i = 0; n->plain && i < NVB_ELEMENTS(words); i++)
		if (strcasecmp(n->text, words[i]) == 0) {
			nvb_sb_addf(out, "%s = %s\n", key, i < 3 ? "true" : "false");
			return true;
		}
	return false;
}

static void put_scalar(struct nvb_strbuf *out, const char *key, const node *n)
{
	if (compose_text(n) && !(n->type == NVB_CDI_BOOL && put_bool(out, key, n)))
		compose_put(out, key, compose_text(n));
}

/* Pairs as "NAME<separator>VALUE" words; a null value is the name alone. */
static bool collect_pairs(struct compose *c, const node *n, char separator, char ***list)
{
	const node *map = compose_map(c, n);
	bool ok = true;

	for (const struct nvb_cdi_item *item = map ? map->first : n->first; ok && item; item = item->next) {
		const char *text = compose_text(item->node);

		if (!map)
			ok = !text || nvb_strv_add(list, text);
		else if (text)
			ok = nvb_strv_addf(list, "%s%c%s", item->key, separator, text);
		else if (item->node->type == NVB_CDI_NULL)
			ok = nvb_strv_add(list, item->key);
	}
	return ok;
}

static void put_list(struct compose *c, const char *key, const node *n, enum how how)
{
	_cleanup_strv_ char **list = NULL;
	bool ok = true;

	if (compose_text(n)) {
		ok = nvb_strv_add(&list, compose_text(n));
	} else if (how == PATHS) {
		for (size_t i = 0; ok && i < compose_count(n); i++) {
			const node *at = nvb_cdi_node_at(n, i);
			const char *path = compose_text(at) ? compose_text(at)
							    : compose_text(compose_get(c, at, "path"));

			ok = !path || nvb_strv_add(&list, path);
		}
	} else {
		ok = collect_pairs(c, n, how == HOSTS ? ':' : '=', &list);
	}
	if (how == HOSTS)
		nvb_strv_foreach (host, list)
			if (strchr(*host, '='))
				*strchr(*host, '=') = ':';
	c->oom = c->oom || !ok;
	if (list || n->type == NVB_CDI_LIST)
		compose_put_list(&c->keys, key, list);
}

static void put_ulimits(struct compose *c, const node *n)
{
	const node *map = compose_map(c, n);
	_cleanup_strv_ char **list = NULL;

	for (const struct nvb_cdi_item *item = map ? map->first : NULL; item; item = item->next) {
		const char *soft = compose_text(compose_get(c, item->node, "soft"));
		const char *hard = compose_text(compose_get(c, item->node, "hard"));
		const char *one = compose_text(item->node);

		if (one ? !nvb_strv_addf(&list, "%s=%s", item->key, one)
			: soft && hard && !nvb_strv_addf(&list, "%s=%s:%s", item->key, soft, hard))
			c->oom = true;
	}
	if (list)
		compose_put_list(&c->keys, "ulimits", list);
}

static void put_key(struct compose *c, const struct row *row, const node *n)
{
	const char *as = row->as ? row->as : row->key, *duration;

	if (n->type == NVB_CDI_NULL)
		return;
	switch (row->how) {
	case TEXT:
		put_scalar(&c->keys, as, n);
		break;
	case WORDS:
		if (compose_text(n))
			compose_put(&c->keys, as, compose_text(n));
		else
			put_list(c, as, n, LIST);
		break;
	case DURATION:
		duration = compose_text(n) ? compose_duration(c, compose_text(n)) : NULL;
		if (duration)
			compose_put(&c->keys, as, duration);
		else
			compose_lose(c, &c->keys, n, row->key, "no duration such as 1m30s");
		break;
	case LIST:
	case PAIRS:
	case HOSTS:
	case PATHS:
		put_list(c, as, n, row->how);
		break;
	case PART:
		row->part(c, n);
		break;
	case LOST:
		compose_lose(c, &c->keys, n, row->key, row->why);
		break;
	case IGNORE:
		break;
	}
}

/* What `docker compose build` calls an image that the file does not name. */
static void put_built_image(struct compose *c, const node *service)
{
	const node *build = compose_get(c, service, "build");
	const char *name;

	if (!build)
		return;
	compose_lose(c, &c->keys, build, "build",
		"bolt builds no images; 'docker compose build' does, and 'bolt image pull "
		"docker-daemon:IMAGE' fetches it");
	if (compose_get(c, service, "image"))
		return;
	name = nvb_arena_printf(&c->arena, "%s-%s", c->project ? c->project : "project", c->service);
	if (name)
		compose_put(&c->keys, "image", name);
}

static void put_resources(struct compose *c, const node *service)
{
	static const struct {
		const char *key, *as;
	} limits[] = {{"cpus", "cpus"}, {"mem_limit", "memory"}, {"pids_limit", "pids"}};
	const node *deployed =
		compose_get(c, compose_get(c, compose_get(c, service, "deploy"), "resources"), "limits");
	static const char *const names[] = {"cpus", "memory", "pids"};
	bool any = false;

	for (size_t i = 0; i < NVB_ELEMENTS(limits); i++) {
		const char *text = compose_text(compose_get(c, deployed, names[i]));

		if (!text)
			text = compose_text(compose_get(c, service, limits[i].key));
		if (!text || nvb_streq(text, "-1") || nvb_streq(text, "0"))
			continue;
		if (!any)
			compose_header(&c->tables, "services", c->service, ".resources");
		any = true;
		compose_put(&c->tables, limits[i].as, text);
	}
}

static void note_unknown(struct compose *c, const node *service)
{
	const node *map = compose_map(c, service);

	for (const struct nvb_cdi_item *item = map ? map->first : NULL; item; item = item->next) {
		bool known = nvb_after(item->key, "x-") != NULL;

		for (size_t i = 0; i < NVB_ELEMENTS(rows); i++)
			known = known || nvb_streq(rows[i].key, item->key);
		if (!known && item->node->type != NVB_CDI_NULL)
			compose_lose(c, &c->keys, item->node, item->key, "has no counterpart in a Boltfile");
	}
}

static void put_service(struct compose *c, struct nvb_strbuf *out, const char *name, const node *service)
{
	bool deployed = compose_get(c, compose_get(c, service, "deploy"), "replicas");

	c->service = name;
	c->has_network = false;
	compose_header(out, "services", name, "");
	put_built_image(c, service);
	for (size_t i = 0; i < NVB_ELEMENTS(rows); i++) {
		const node *n = compose_get(c, service, rows[i].key);

		/* Both are there after a merge; the newer word counts. */
		if (n && !(nvb_streq(rows[i].key, "scale") && deployed))
			put_key(c, &rows[i], n);
	}
	if (compose_get(c, service, "ulimits"))
		put_ulimits(c, compose_get(c, service, "ulimits"));
	/* compose puts every service on a network of the project's. */
	if (!c->has_network && !compose_get(c, service, "network_mode"))
		nvb_sb_add(&c->keys, "networks = [\"default\"]\n");
	put_resources(c, service);
	compose_gpus(c, service);
	note_unknown(c, service);
	nvb_sb_add(out, c->keys.s ? c->keys.s : "");
	nvb_sb_add(out, c->tables.s ? c->tables.s : "");
	out->failed = out->failed || c->keys.failed || c->tables.failed;
	nvb_sb_release(&c->keys);
	nvb_sb_release(&c->tables);
	c->service = NULL;
}

/* [networks.NAME], [volumes.NAME] */
static void put_parts(struct compose *c, struct nvb_strbuf *out, const char *kind, const node *parts)
{
	static const char *const taken[] = {"name", "external", "driver", "internal"};
	const node *map = compose_map(c, parts);

	for (const struct nvb_cdi_item *item = map ? map->first : NULL; item; item = item->next) {
		const node *part = compose_map(c, item->node);
		const node *range =
			nvb_cdi_node_at(compose_get(c, compose_get(c, part, "ipam"), "config"), 0);

		compose_header(out, kind, item->key, "");
		for (const struct nvb_cdi_item *key = part ? part->first : NULL; key; key = key->next) {
			const char *text = compose_text(key->node);
			bool known = nvb_streq(key->key, "ipam") || nvb_after(key->key, "x-");

			for (size_t i = 0; i < NVB_ELEMENTS(taken); i++) {
				if (!nvb_streq(taken[i], key->key) || !text)
					continue;
				known = true;
				put_scalar(out, key->key, key->node);
			}
			if (!known && key->node->type != NVB_CDI_NULL)
				compose_lose(c, out, key->node,
					nvb_arena_printf(&c->arena, "%s.%s.%s", kind, item->key, key->key),
					"has no counterpart in a Boltfile");
		}
		if (compose_text(compose_get(c, range, "subnet")))
			compose_put(out, "subnet", compose_text(compose_get(c, range, "subnet")));
		if (compose_text(compose_get(c, range, "gateway")))
			compose_put(out, "gateway", compose_text(compose_get(c, range, "gateway")));
	}
}

static int put_file(struct compose *c, struct nvb_strbuf *out, const node *root)
{
	const node *services = compose_map(c, compose_get(c, root, "services"));
	const node *map = compose_map(c, root);

	if (!services || !services->first)
		return nvb_hint(c->err,
			nvb_fail(c->err, NVB_ERR_INVALID, "%s: there are no services in it", c->file),
			"is it a Compose file?");
	c->project = compose_text(compose_get(c, root, "name"));
	if (c->project)
		compose_put(out, "project", c->project);
	for (const struct nvb_cdi_item *item = map->first; item; item = item->next)
		if (nvb_streq(item->key, "secrets") || nvb_streq(item->key, "configs") ||
			nvb_streq(item->key, "include"))
			compose_lose(c, out, item->node, item->key,
				nvb_streq(item->key, "include")
					? "import that file, too, and put both together"
					: "mount the files in 'volumes'");
	for (const struct nvb_cdi_item *item = services->first; item; item = item->next)
		put_service(c, out, item->key, item->node);
	put_parts(c, out, "networks", compose_get(c, root, "networks"));
	put_parts(c, out, "volumes", compose_get(c, root, "volumes"));
	return out->failed || c->oom ? nvb_fail_oom(c->err) : 0;
}

int nvb_compose_import(
	const char *data, size_t size, const char *file, char **toml, char ***lost, nvb_error **err)
{
	struct compose c = {.file = file, .err = err};
	_cleanup_strbuf_ struct nvb_strbuf out = {0};
	node *root = NULL;
	int rc = nvb_cdi_parse_yaml(&c.arena, data, size, file, &root, err);

	if (rc == 0)
		rc = put_file(&c, &out, root);
	nvb_sb_release(&c.keys);
	nvb_sb_release(&c.tables);
	nvb_arena_release(&c.arena);
	if (rc < 0) {
		nvb_strv_free(c.lost);
		return rc;
	}
	/* The first line is empty, before the first table. */
	*toml = nvb_sb_finish(&out);
	*lost = c.lost;
	return 0;
}
