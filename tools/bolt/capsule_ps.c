/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "base/str.h"
#include "capsule/capsules.h"
#include "capsule/lifecycle.h"
#include "cli/output.h"
#include "verbs.h"

/* bolt capsule ps */

static struct {
	bool all, quiet;
	char **filters;
	int format;
} opt = {.format = NVB_FORMAT_TABLE};

static const struct nvb_option ps_options[] = {
	{"all", 'a', NVB_OPTION_FLAG(&opt.all), "also those that do not run"},
	{"quiet", 'q', NVB_OPTION_FLAG(&opt.quiet), "ids alone"},
	{"filter", 'f', NVB_OPTION_LIST("KEY=VALUE", &opt.filters),
		"those whose name, id, image, state (of all), health or label is so (repeatable)"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &opt.format), "table or json"},
	{NULL},
};
const struct nvb_option_group capsule_ps_groups[] = {{"Options", ps_options}, {NULL}};

/* filters */

static bool contains(const char *text, const char *part)
{
	return text && strstr(text, part);
}

static bool match_name(const struct nvb_state *state, const struct nvb_capsule_info *c, const char *value)
{
	(void)state;
	return contains(c->name, value);
}

static bool match_id(const struct nvb_state *state, const struct nvb_capsule_info *c, const char *value)
{
	(void)state;
	return nvb_after(c->id, value);
}

static bool match_image(const struct nvb_state *state, const struct nvb_capsule_info *c, const char *value)
{
	(void)state;
	return contains(c->image, value);
}

static bool match_state(const struct nvb_state *state, const struct nvb_capsule_info *c, const char *value)
{
	(void)state;
	return nvb_streq(nvb_choice_name(nvb_capsule_states, (int)c->state), value);
}

static bool match_health(const struct nvb_state *state, const struct nvb_capsule_info *c, const char *value)
{
	(void)state;
	return nvb_streq(c->health ? c->health : "none", value);
}

/* "KEY" or "KEY=VALUE". */
static bool match_label(const struct nvb_state *state, const struct nvb_capsule_info *c, const char *value)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	bool found = false;

	nvb_capsule_definition_init(&definition);
	if (nvb_capsule_definition_of(state, c->id, &definition, NULL) < 0)
		return false;
	nvb_strv_foreach (label, definition.labels) {
		const char *rest = nvb_after(*label, value);

		found = found || (rest && (!*rest || (*rest == '=' && !strchr(value, '='))));
	}
	return found;
}

static const struct {
	const char *key;
	bool (*match)(const struct nvb_state *state, const struct nvb_capsule_info *c, const char *value);
} keys[] = {
	{"name", match_name},
	{"id", match_id},
	{"image", match_image},
	{"ancestor", match_image},
	{"state", match_state},
	{"status", match_state},
	{"health", match_health},
	{"label", match_label},
};

static size_t find_key(const char *filter)
{
	size_t i = 0;

	while (i < NVB_ELEMENTS(keys) &&
		(!nvb_after(filter, keys[i].key) || filter[strlen(keys[i].key)] != '='))
		i++;
	return i;
}

static int check_filters(nvb_error **err)
{
	nvb_strv_foreach (filter, opt.filters) {
		size_t i = find_key(*filter);
		int value;

		if (i == NVB_ELEMENTS(keys))
			return nvb_hint(err,
				nvb_fail(err, NVB_ERR_INVALID, "filter '%s': there is no such", *filter),
				"name=, id=, image=, state=, health=, label=");
		if (keys[i].match != match_state)
			continue;
		/* Who asks for a state means all that are in it. */
		opt.all = true;
		if (nvb_choice_parse(nvb_capsule_states, strchr(*filter, '=') + 1, "state", &value, err) < 0)
			return -NVB_ERR_INVALID;
	}
	return 0;
}

/* As docker: one of those with the same key, and of each key. */
static bool passes(const struct nvb_state *state, const struct nvb_capsule_info *c)
{
	bool asked[NVB_ELEMENTS(keys)] = {false}, met[NVB_ELEMENTS(keys)] = {false};

	nvb_strv_foreach (filter, opt.filters) {
		size_t i = find_key(*filter);

		asked[i] = true;
		met[i] = met[i] || keys[i].match(state, c, strchr(*filter, '=') + 1);
	}
	for (size_t i = 0; i < NVB_ELEMENTS(keys); i++)
		if (asked[i] && !met[i])
			return false;
	return true;
}

static size_t filter(const struct nvb_state *state, struct nvb_capsule_info *list, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		struct nvb_capsule_info item = list[i];

		if (passes(state, &item)) {
			list[i] = list[kept];
			list[kept++] = item;
		}
	}
	return kept;
}

/* printing */

static const char *age(long long since, char *text, size_t size)
{
	static const struct {
		long long seconds;
		const char *name;
	} units[] = {{604800, "week"}, {86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	long long passed = (long long)time(NULL) - since;

	for (size_t i = 0; i < NVB_ELEMENTS(units); i++)
		if (passed >= 2 * units[i].seconds || (i + 1 == NVB_ELEMENTS(units) && passed >= 0)) {
			snprintf(text, size, "%lld %s%s", passed / units[i].seconds, units[i].name,
				passed / units[i].seconds == 1 ? "" : "s");
			return text;
		}
	snprintf(text, size, "?");
	return text;
}

static void describe(const struct nvb_capsule_info *c, char *text, size_t size)
{
	char when[32];

	switch (c->state) {
	case NVB_CAPSULE_CREATED:
		snprintf(text, size, "created");
		return;
	case NVB_CAPSULE_STARTING:
		snprintf(text, size, "starting");
		return;
	case NVB_CAPSULE_EXITED:
		if (c->error)
			snprintf(text, size, "failed to start (%d)", c->status);
		else if (!c->ended)
			snprintf(text, size, "ended with the host");
		else if (c->status < 0)
			snprintf(text, size, "ended %s ago, status unknown",
				age(c->ended, when, sizeof(when)));
		else
			snprintf(text, size, "ended with %d %s ago", c->status,
				age(c->ended, when, sizeof(when)));
		return;
	case NVB_CAPSULE_DEAD:
		snprintf(text, size, "dead, to be cleaned up");
		return;
	case NVB_CAPSULE_RESTARTING:
		snprintf(text, size, "restarting (%llu times so far)", (unsigned long long)c->restarts);
		return;
	case NVB_CAPSULE_RUNNING:
	case NVB_CAPSULE_PAUSED:
		break;
	}
	snprintf(text, size, "up %s%s%s%s%s%s", age(c->since, when, sizeof(when)),
		c->state == NVB_CAPSULE_PAUSED ? " (paused)" : "", c->health ? " (" : "",
		c->health ? c->health : "", c->health ? ")" : "", c->unsupervised ? " (no supervisor)" : "");
}

static int print_table(const struct nvb_capsule_info *list, size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {
		{"ID"}, {"NAME"}, {"IMAGE"}, {"COMMAND"}, {"CREATED"}, {"STATE"}, {"PORTS"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	int rc;

	for (size_t i = 0; i < count; i++) {
		time_t created = (time_t)list[i].created;
		char when[32] = "", state[96];
		struct tm local;

		if (created && localtime_r(&created, &local))
			strftime(when, sizeof(when), "%F %T", &local);
		describe(&list[i], state, sizeof(state));
		nvb_table_cellf(&table, "%.12s", list[i].id);
		nvb_table_cell(&table, list[i].name);
		nvb_table_cell(&table, list[i].image);
		nvb_table_cellf(&table, "%.30s", list[i].command ? list[i].command : "-");
		nvb_table_cell(&table, when);
		nvb_table_cell(&table, state);
		nvb_table_cell(&table, list[i].ports);
	}
	rc = nvb_table_print(&table, stdout, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

static void add_text(struct nvb_strbuf *out, const char *key, const char *value)
{
	nvb_sb_addf(out, ", \"%s\": ", key);
	value ? nvb_sb_add_json(out, value) : nvb_sb_add(out, "null");
}

static int print_json(const struct nvb_capsule_info *list, size_t count, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0};

	for (size_t i = 0; i < count; i++) {
		const struct nvb_capsule_info *c = &list[i];
		bool running = c->state != NVB_CAPSULE_CREATED && c->state != NVB_CAPSULE_EXITED &&
			       c->state != NVB_CAPSULE_DEAD;

		nvb_sb_addf(&out, "%s\n  {\"id\": \"%s\"", i ? "," : "[", c->id);
		add_text(&out, "name", c->name);
		add_text(&out, "image", c->image);
		add_text(&out, "command", c->command);
		add_text(&out, "state", nvb_choice_name(nvb_capsule_states, (int)c->state));
		add_text(&out, "health", c->health);
		add_text(&out, "ports", c->ports);
		add_text(&out, "error", c->error);
		nvb_sb_addf(&out, ", \"created\": %lld, \"since\": %lld, \"running\": %s, \"restarts\": %llu",
			c->created, c->since, running ? "true" : "false", (unsigned long long)c->restarts);
		if (running || c->status < 0)
			nvb_sb_add(&out, ", \"status\": null}");
		else
			nvb_sb_addf(&out, ", \"status\": %d}", c->status);
	}
	nvb_sb_add(&out, count ? "\n]\n" : "[]\n");
	return out.failed ? nvb_fail_oom(err) : nvb_stdout_write(out.s, out.len, err);
}

static int print_ids(const struct nvb_capsule_info *list, size_t count, nvb_error **err)
{
	for (size_t i = 0; i < count; i++)
		printf("%.12s\n", list[i].id);
	return nvb_stdout_flush(err);
}

int capsule_ps(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	struct nvb_capsule_info *list = NULL;
	size_t count = 0, shown;
	int rc = check_filters(err);

	(void)argc;
	(void)argv;
	if (rc == 0)
		rc = nvb_state_open(&state, err);
	if (rc == 0)
		rc = nvb_capsules_list(&state, opt.all, &list, &count, err);
	if (rc < 0)
		return rc;
	shown = opt.filters ? filter(&state, list, count) : count;
	rc = opt.quiet			     ? print_ids(list, shown, err)
	     : opt.format == NVB_FORMAT_JSON ? print_json(list, shown, err)
					     : print_table(list, shown, err);
	nvb_capsules_free(list, count);
	return rc;
}
