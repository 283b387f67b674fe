/* SPDX-License-Identifier: Apache-2.0 */
#include "config/import.h"

#include <sys/stat.h>

#include "base/str.h"
#include "base/toml.h"
#include "config/config.h"
#include "config/keys.h"

/* One key of ours with its value, as it will be written. */
struct entry {
	const struct config_key *key;
	char *value;
	const char *from; /* NVIDIA's key */
};

struct import {
	struct nvb_toml doc;
	struct entry *entries;
	size_t count, capacity;
	char **notes;
	nvb_error **err;
};

struct rule;
typedef int (*translator)(struct import *im, const struct rule *rule, const struct nvb_toml_value *v);

/* What becomes of one of NVIDIA's keys. */
struct rule {
	const char *from;	    /* its keys, joined by dots */
	translator translate;	    /* NULL: it has no counterpart */
	const char *section, *name; /* ours, where it has one */
	const char *same;	    /* the string that asks for what nvbind does anyway */
	const char *reason;	    /* why it has no counterpart, or not for other values than that */
};
#define BECOMES(from, translate, section, name)            \
	{                                                  \
		from, translate, section, name, NULL, NULL \
	}
#define HAS_NONE(from, reason)                       \
	{                                            \
		from, NULL, NULL, NULL, NULL, reason \
	}
#define UNLESS(from, same, reason)                          \
	{                                                   \
		from, unless_same, NULL, NULL, same, reason \
	}
#define UNLESS_OFF(from, reason)                           \
	{                                                  \
		from, unless_off, NULL, NULL, NULL, reason \
	}
#define UNLESS_EMPTY(from, reason)                           \
	{                                                    \
		from, unless_empty, NULL, NULL, NULL, reason \
	}

static int add_note(struct import *im, const struct nvb_toml_value *v, const char *from, const char *reason)
{
	return nvb_strv_addf(&im->notes, "%s:%u: %s: %s", im->doc.file, v->key_line, from, reason)
		       ? 0
		       : nvb_fail_oom(im->err);
}

static const struct config_key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < nvb_config_table_size; i++)
		if (nvb_streq(nvb_config_table[i].section, section) &&
			nvb_streq(nvb_config_table[i].name, name))
			return &nvb_config_table[i];
	return NULL;
}

/* Takes `value` over; a second one for the same key of ours replaces the first. */
static int set(struct import *im, const struct rule *rule, char *value)
{
	const struct config_key *key = find_key(rule->section, rule->name);
	struct entry *entry = NULL;

	for (size_t i = 0; i < im->count; i++)
		if (im->entries[i].key == key)
			entry = &im->entries[i];
	if (!entry && value && key && NVB_GROW(im->entries, im->count, im->capacity)) {
		entry = &im->entries[im->count++];
		*entry = (struct entry){.key = key};
	}
	if (!entry || !value) {
		free(value);
		return nvb_fail_oom(im->err);
	}
	free(entry->value);
	entry->value = value;
	entry->from = rule->from;
	return 0;
}

static int set_bool(struct import *im, const struct rule *rule, bool value)
{
	return set(im, rule, strdup(value ? "true" : "false"));
}

static int set_list(struct import *im, const struct rule *rule, char *const *list)
{
	struct nvb_strbuf sb = {0};

	nvb_sb_addc(&sb, '[');
	nvb_strv_foreach (word, list) {
		nvb_sb_add(&sb, word == list ? "" : ", ");
		nvb_sb_add_json(&sb, *word);
	}
	nvb_sb_addc(&sb, ']');
	return set(im, rule, nvb_sb_finish(&sb));
}

/* Translations. */

static int flag(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	bool value = false;
	int rc = nvb_toml_bool(&im->doc, v, &value, im->err);

	return rc < 0 ? rc : set_bool(im, rule, value);
}

static int inverted(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	bool value = false;
	int rc = nvb_toml_bool(&im->doc, v, &value, im->err);

	return rc < 0 ? rc : set_bool(im, rule, !value);
}

/* Switches that say something only when they are on. */
static int flag_if_on(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	bool value = false;
	int rc = nvb_toml_bool(&im->doc, v, &value, im->err);

	return rc < 0 || !value ? rc : set_bool(im, rule, true);
}

static int inverted_if_on(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	bool value = false;
	int rc = nvb_toml_bool(&im->doc, v, &value, im->err);

	return rc < 0 || !value ? rc : set_bool(im, rule, false);
}

/* "a,b": NVIDIA's lists in a string. */
static int words(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	_cleanup_strv_ char **list = NULL;
	const char *value = NULL;
	int rc = nvb_toml_string(&im->doc, v, &value, im->err);

	if (rc < 0)
		return rc;
	list = nvb_strv_split(value, ", ");
	if (!list)
		return nvb_fail_oom(im->err);
	return list[0] ? set_list(im, rule, list) : 0;
}

/* The capabilities among them that we know; an empty list is NVIDIA's spelling for none at all. */
static int capabilities(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	_cleanup_strv_ char **list = NULL, **known = NULL;
	const char *value = NULL;
	int rc = nvb_toml_string(&im->doc, v, &value, im->err), bit;

	if (rc < 0)
		return rc;
	list = nvb_strv_split(value, ", ");
	if (!list)
		return nvb_fail_oom(im->err);
	nvb_strv_foreach (word, list) {
		bool found = nvb_choice_parse(nvb_config_capability_choices, *word, "", &bit, NULL) == 0;
		_cleanup_free_ char *reason = NULL;

		if (found) {
			if (!nvb_strv_add(&known, *word))
				return nvb_fail_oom(im->err);
			continue;
		}
		if (asprintf(&reason, "'%s' is no driver capability that is known", *word) < 0) {
			reason = NULL;
			return nvb_fail_oom(im->err);
		}
		rc = add_note(im, v, rule->from, reason);
		if (rc < 0)
			return rc;
	}
	if (known)
		return set_list(im, rule, known);
	return add_note(im, v, rule->from,
		"no capability is left: nvbind refuses an empty list; take the runtime "
		"out of the engine to give no container a GPU");
}

/* A list, without what ours could not hold: `absolute` wants paths, else names or paths. */
static int list_of(struct import *im, const struct rule *rule, const struct nvb_toml_value *v, bool absolute)
{
	_cleanup_strv_ char **list = NULL, **kept = NULL;
	int rc = nvb_toml_strv(&im->doc, v, &list, im->err);

	if (rc < 0)
		return rc;
	nvb_strv_foreach (word, list) {
		if (**word == '/' || (!absolute && **word && !strchr(*word, '/'))) {
			if (!nvb_strv_add(&kept, *word))
				return nvb_fail_oom(im->err);
			continue;
		}
		rc = add_note(im, v, rule->from, "a relative path would mean another place in each process");
		if (rc < 0)
			return rc;
	}
	return kept ? set_list(im, rule, kept) : 0;
}

/* Their default is what nvbind-runtime does of itself; written down it would bind bolt as well. */
static int programs(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	_cleanup_strv_ char **list = NULL;
	int rc = nvb_toml_strv(&im->doc, v, &list, im->err);

	if (rc < 0 ||
		(nvb_strv_length(list) == 2 && nvb_streq(list[0], "runc") && nvb_streq(list[1], "crun")))
		return rc;
	return list_of(im, rule, v, false);
}

static int directories(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	return list_of(im, rule, v, true);
}

static int prefixes(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	_cleanup_strv_ char **list = NULL;
	int rc = nvb_toml_strv(&im->doc, v, &list, im->err);

	if (rc < 0 || !list[0])
		return rc;
	nvb_strv_foreach (word, list)
		if (!**word)
			return nvb_toml_fail(
				&im->doc, v, im->err, "an empty prefix would match every annotation");
	return set_list(im, rule, list);
}

/* NVIDIA logs to a file that is /dev/null unless `debug` names another; what its "info" says, nobody sees. */
static int level(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	static const struct nvb_choice theirs[] = {
		{"panic", NVB_LOG_ERROR},
		{"fatal", NVB_LOG_ERROR},
		{"error", NVB_LOG_ERROR},
		{"warn", NVB_LOG_WARNING},
		{"warning", NVB_LOG_WARNING},
		{"info", NVB_LOG_INFO},
		{"debug", NVB_LOG_DEBUG},
		{"trace", NVB_LOG_DEBUG},
		{NULL, 0},
	};
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	int value, rc = nvb_toml_choice(&im->doc, v, theirs, &value, im->err);

	if (rc < 0 || value == NVB_LOG_INFO || value == NVB_LOG_WARNING)
		return rc;
	nvb_sb_add_json(&sb, nvb_choice_name(nvb_log_level_choices, value));
	return set(im, rule, nvb_sb_finish(&sb));
}

static int compat_mode(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	static const struct nvb_choice modes[] = {
		{"disabled", 0}, {"hook", 1}, {"ldconfig", 1}, {"mount", 1}, {NULL, 0}};
	int value, rc = nvb_toml_choice(&im->doc, v, modes, &value, im->err);

	return rc < 0 ? rc : set_bool(im, rule, value != 0);
}

/* Their root is the driver's and, where it has a /dev, the devices' as well. */
static int driver_root(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	static const struct rule dev = BECOMES("nvidia-container-cli.root", driver_root, "roots", "dev");
	const char *root = NULL;
	_cleanup_free_ char *below = NULL;
	struct nvb_strbuf sb = {0}, again = {0};
	struct stat st;
	int rc = nvb_toml_string(&im->doc, v, &root, im->err);

	if (rc < 0 || !*root || nvb_streq(root, "/"))
		return rc;
	if (*root != '/')
		return add_note(
			im, v, rule->from, "a relative path would mean another place in each process");
	nvb_sb_add_json(&sb, root);
	nvb_sb_add_json(&again, root);
	rc = set(im, rule, nvb_sb_finish(&sb));
	if (asprintf(&below, "%s/dev", root) < 0)
		below = NULL;
	if (rc == 0 && below && stat(below, &st) == 0 && S_ISDIR(st.st_mode))
		return set(im, &dev, nvb_sb_finish(&again));
	nvb_sb_release(&again);
	return rc;
}

/* Nothing to say when the string asks for what nvbind does anyway. */
static int unless_same(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	const char *value = NULL;
	int rc = nvb_toml_string(&im->doc, v, &value, im->err);

	return rc < 0 || nvb_streq(value, rule->same) ? rc : add_note(im, v, rule->from, rule->reason);
}

/* The same for a switch that is off. */
static int unless_off(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	bool value = false;
	int rc = nvb_toml_bool(&im->doc, v, &value, im->err);

	return rc < 0 || !value ? rc : add_note(im, v, rule->from, rule->reason);
}

/* And for a list that is empty. */
static int unless_empty(struct import *im, const struct rule *rule, const struct nvb_toml_value *v)
{
	_cleanup_strv_ char **list = NULL;
	int rc = nvb_toml_strv(&im->doc, v, &list, im->err);

	return rc < 0 || !list[0] ? rc : add_note(im, v, rule->from, rule->reason);
}

#define NO_CLI	"nvbind-runtime does the work itself and runs no nvidia-container-cli"
#define NO_HOOK "specs and the runtime name nvbind-hook; [hook] path says where it is"
#define NO_FILE "messages go to the engine's log or the journal; [log] level says how many"
#define NO_CSV	"Tegra's CSV files are not read"

/* Source: NVIDIA Container Toolkit 1.18, api/config/v1. */
static const struct rule rules[] = {
	BECOMES("disable-require", inverted, "runtime", "check-requirements"),
	BECOMES("swarm-resource", words, "runtime", "swarm-resources"),
	BECOMES("accept-nvidia-visible-devices-envvar-when-unprivileged", flag, "runtime",
		"accept-environment-when-unprivileged"),
	BECOMES("accept-nvidia-visible-devices-as-volume-mounts", flag, "runtime", "accept-volume-mounts"),
	BECOMES("supported-driver-capabilities", capabilities, "runtime", "capabilities"),
	BECOMES("nvidia-container-cli.root", driver_root, "roots", "driver"),
	HAS_NONE("nvidia-container-cli.path", NO_CLI),
	UNLESS_EMPTY("nvidia-container-cli.environment", NO_CLI),
	UNLESS("nvidia-container-cli.debug", "", NO_FILE),
	HAS_NONE("nvidia-container-cli.ldcache",
		"libraries are found below the driver root, by its own ld.so.cache"),
	HAS_NONE("nvidia-container-cli.ldconfig", "nvbind writes ld.so.cache itself; no ldconfig is run"),
	HAS_NONE("nvidia-container-cli.load-kmods", "no kernel module is loaded for a container; "
						    "nvidia-persistenced or 'nvidia-modprobe -c0 -u' does it "
						    "at boot"),
	UNLESS_OFF("nvidia-container-cli.no-pivot", NO_CLI),
	UNLESS_OFF("nvidia-container-cli.no-cgroups",
		"not needed: without root devices are bind mounts, and the container's cgroup is left alone"),
	UNLESS("nvidia-container-cli.user", "", NO_CLI),
	UNLESS("nvidia-container-runtime.debug", "/dev/null", NO_FILE),
	BECOMES("nvidia-container-runtime.log-level", level, "log", "level"),
	BECOMES("nvidia-container-runtime.runtimes", programs, "runtime", "runtimes"),
	UNLESS("nvidia-container-runtime.mode", "auto",
		"there are no modes: variables, CDI names, mounts and annotations are all understood "
		"(Tegra's CSV "
		"files are not)"),
	BECOMES("nvidia-container-runtime.modes.cdi.spec-dirs", directories, "cdi", "directories"),
	UNLESS("nvidia-container-runtime.modes.cdi.default-kind", "nvidia.com/gpu",
		"names without a kind mean GPUs of this host; others are asked for with their kind"),
	BECOMES("nvidia-container-runtime.modes.cdi.annotation-prefixes", prefixes, "runtime",
		"annotation-prefixes"),
	HAS_NONE("nvidia-container-runtime.modes.csv.mount-spec-path", NO_CSV),
	HAS_NONE("nvidia-container-runtime.modes.csv.compat-container-root", NO_CSV),
	UNLESS_EMPTY("nvidia-container-runtime.modes.jit-cdi.nvcdi-feature-flags",
		"these switch parts of NVIDIA's own generator"),
	UNLESS_EMPTY("nvidia-container-runtime.modes.jit-cdi.nvcdi-disable-hooks",
		"there is one hook, whose work a plan lists"),
	BECOMES("nvidia-container-runtime.modes.legacy.cuda-compat-mode", compat_mode, "driver",
		"cuda-compat"),
	UNLESS("nvidia-container-runtime-hook.path", "nvidia-container-runtime-hook", NO_HOOK),
	UNLESS_OFF("nvidia-container-runtime-hook.skip-mode-detection", "there are no modes to be detected"),
	UNLESS("nvidia-ctk.path", "nvidia-ctk", NO_HOOK),
	BECOMES("features.disable-cuda-compat-lib-hook", inverted_if_on, "driver", "cuda-compat"),
	BECOMES("features.allow-cuda-compat-libs-from-container", flag_if_on, "driver", "cuda-compat"),
	UNLESS_OFF("features.allow-ldconfig-from-container",
		"nothing that an image brought is executed on the host, and this has no switch"),
	UNLESS_OFF("features.allow-unknown-oci-spec-fields",
		"fields of config.json that are not known are always kept as they are"),
	UNLESS_OFF("features.disable-imex-channel-creation", "IMEX channels are never created"),
	BECOMES("features.ignore-imex-channel-requests", inverted, "runtime", "accept-imex-channels"),
	UNLESS_OFF("features.no-additional-gids-for-device-nodes",
		"no group is added to a container for a device node"),
};

/* Reading and writing. */

static int import_value(struct import *im, const char *from, const struct nvb_toml_value *v)
{
	for (size_t i = 0; i < NVB_ELEMENTS(rules); i++) {
		const struct rule *rule = &rules[i];

		if (!nvb_streq(rule->from, from))
			continue;
		return rule->translate ? rule->translate(im, rule, v) : add_note(im, v, from, rule->reason);
	}
	return add_note(im, v, from, "not a key of NVIDIA's runtime that is known here");
}

static bool is_rule(const char *from)
{
	for (size_t i = 0; i < NVB_ELEMENTS(rules); i++)
		if (nvb_streq(rules[i].from, from))
			return true;
	return false;
}

static int import_table(struct import *im, const char *above, const struct nvb_toml_value *table)
{
	nvb_toml_foreach(v, table)
	{
		_cleanup_free_ char *from = NULL;
		int rc;

		if (asprintf(&from, "%s%s%s", above, *above ? "." : "", v->key) < 0) {
			from = NULL;
			return nvb_fail_oom(im->err);
		}
		rc = v->type == NVB_TOML_TABLE && !is_rule(from) ? import_table(im, from, v)
								 : import_value(im, from, v);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* In the order of our own table, so that a section comes once. */
static void render(struct nvb_strbuf *sb, const struct import *im)
{
	const char *section = "";

	nvb_sb_add(sb, "# From the settings of NVIDIA's container runtime, ");
	nvb_sb_add(sb, "by 'nvbind config import'. What is not here is as built in.\n");
	for (size_t i = 0; i < nvb_config_table_size; i++) {
		for (size_t j = 0; j < im->count; j++) {
			const struct entry *entry = &im->entries[j];

			if (entry->key != &nvb_config_table[i])
				continue;
			if (!nvb_streq(section, entry->key->section))
				nvb_sb_addf(sb, "\n[%s]\n", entry->key->section);
			section = entry->key->section;
			nvb_sb_addf(sb, "%s = %s # %s\n", entry->key->name, entry->value, entry->from);
		}
	}
}

/* What is handed out is a configuration: it has been read. */
static int finish(struct import *im, char **text)
{
	_cleanup_config_ struct nvb_config config = {0};
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};
	int rc = nvb_config_init(&config, im->err);

	render(&sb, im);
	if (sb.failed)
		return nvb_fail_oom(im->err);
	if (rc == 0)
		rc = nvb_config_parse(&config, sb.s, sb.len, "the imported configuration", im->err);
	if (rc == 0)
		*text = nvb_sb_finish(&sb);
	return rc;
}

int nvb_config_import(
	const char *data, size_t size, const char *file, char **text, char ***notes, nvb_error **err)
{
	struct import im = {.err = err};
	int rc = nvb_toml_parse(&im.doc, data, size, file, err);

	if (rc == 0)
		rc = import_table(&im, "", &im.doc.root);
	if (rc == 0)
		rc = finish(&im, text);
	if (rc == 0)
		*notes = NVB_TAKE_PTR(im.notes);
	for (size_t i = 0; i < im.count; i++)
		free(im.entries[i].value);
	free(im.entries);
	nvb_strv_free(im.notes);
	nvb_toml_release(&im.doc);
	return rc;
}
