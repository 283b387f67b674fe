/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/logging.h"

#include <ctype.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/journal.h"
#include "cli/output.h"
#include "cli/progress.h"

enum { MOST_FIELDS = 8, LONGEST_NAME = 31 };

struct field {
	char name[LONGEST_NAME + 1];
	char *value;
};

static void emit(void *data, enum nvb_log_level level, const char *message);

static struct {
	const char *program;
	enum nvb_log_format format;
	int journal; /* -1: stderr */
	struct field fields[MOST_FIELDS];
	size_t field_count;
	struct nvb_log log;
} state = {.journal = -1};

int nvb_logging_parse_environment(
	const char *text, enum nvb_log_level *level, enum nvb_log_format *format, nvb_error **err)
{
	size_t size = text ? strcspn(text, ",") : 0;
	_cleanup_free_ char *word = text ? strndup(text, size) : NULL;
	int l = (int)*level, f = (int)*format, rc;

	if (!text)
		return 0;
	if (!word)
		return nvb_fail_oom(err);
	if (*word) {
		rc = nvb_choice_parse(nvb_log_level_choices, word, "NVBIND_LOG", &l, err);
		if (rc < 0)
			return rc;
	}
	if (text[size] && text[size + 1]) {
		rc = nvb_choice_parse(nvb_log_format_choices, text + size + 1, "NVBIND_LOG", &f, err);
		if (rc < 0)
			return rc;
	}
	*level = (enum nvb_log_level)l;
	*format = (enum nvb_log_format)f;
	return 0;
}

void nvb_logging_start(const char *program, enum nvb_log_level level, enum nvb_log_format format)
{
	if (state.journal >= 0)
		close(state.journal);
	state.journal = -1;
	/* Asked for JSON, a service gets JSON: whoever reads it is behind journald or instead of it. */
	if (format == NVB_LOG_TEXT && nvb_journal_is_stream(STDERR_FILENO, getenv("JOURNAL_STREAM")))
		state.journal = nvb_journal_connect(NVB_JOURNAL_SOCKET);
	state.program = program;
	state.format = format;
	state.log = (struct nvb_log){.level = level, .emit = emit};
}

const struct nvb_log *nvb_logging(void)
{
	return &state.log;
}

void nvb_logging_field(const char *name, const char *value)
{
	char *copy = strdup(value);
	size_t i = 0;

	if (!copy)
		return;
	while (i < state.field_count && !nvb_streq(state.fields[i].name, name))
		i++;
	if (i == MOST_FIELDS) {
		free(copy);
		return;
	}
	if (i == state.field_count)
		state.field_count++;
	free(state.fields[i].value);
	state.fields[i].value = copy;
	snprintf(state.fields[i].name, sizeof(state.fields[i].name), "%s", name);
}

static enum nvb_style style_of(enum nvb_log_level level)
{
	if (level <= NVB_LOG_ERROR)
		return NVB_STYLE_RED;
	if (level <= NVB_LOG_WARNING)
		return NVB_STYLE_YELLOW;
	return level >= NVB_LOG_DEBUG ? NVB_STYLE_DIM : NVB_STYLE_NONE;
}

static void add_text(struct nvb_strbuf *line, enum nvb_log_level level, const char *message)
{
	enum nvb_style style = style_of(level);

	nvb_sb_addf(line, "%s: %s%s:%s ", state.program, nvb_style_on(stderr, style),
		nvb_choice_name(nvb_log_level_choices, (int)level),
		style == NVB_STYLE_NONE ? "" : nvb_style_off(stderr));
	nvb_sb_add_visible(line, message);
}

static void add_json(struct nvb_strbuf *line, enum nvb_log_level level, const char *message)
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	nvb_sb_addf(line, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ\",\"level\":\"%s\",\"program\":",
		utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
		now.tv_nsec / 1000, nvb_choice_name(nvb_log_level_choices, (int)level));
	nvb_sb_add_json(line, state.program);
	nvb_sb_addf(line, ",\"pid\":%d,\"message\":", (int)getpid());
	nvb_sb_add_json(line, message);
	for (size_t i = 0; i < state.field_count; i++) {
		nvb_sb_addf(line, ",\"%s\":", state.fields[i].name);
		nvb_sb_add_json(line, state.fields[i].value);
	}
	nvb_sb_addc(line, '}');
}

static bool emit_journal(enum nvb_log_level level, const char *message)
{
	_cleanup_strbuf_ struct nvb_strbuf entry = {0};
	char priority[4], name[LONGEST_NAME + 8];

	snprintf(priority, sizeof(priority), "%d", (int)level);
	nvb_journal_add(&entry, "PRIORITY", priority);
	nvb_journal_add(&entry, "SYSLOG_IDENTIFIER", state.program);
	nvb_journal_add(&entry, "MESSAGE", message);
	for (size_t i = 0; i < state.field_count; i++) {
		snprintf(name, sizeof(name), "NVBIND_%s", state.fields[i].name);
		for (char *p = name; *p; p++)
			*p = (char)toupper((unsigned char)*p);
		nvb_journal_add(&entry, name, state.fields[i].value);
	}
	return nvb_journal_send(state.journal, &entry) == 0;
}

/* One write for a line, so that those of several threads and processes do not mix. */
static void emit(void *data, enum nvb_log_level level, const char *message)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	(void)data;
	if (state.journal >= 0 && emit_journal(level, message))
		return;
	if (state.format == NVB_LOG_JSON)
		add_json(&line, level, message);
	else
		add_text(&line, level, message);
	nvb_sb_addc(&line, '\n');
	nvb_progress_clear_line();
	if (!line.failed && line.s)
		nvb_write_all(STDERR_FILENO, line.s, line.len);
}

bool nvb_logging_report(enum nvb_log_level level, const char *message, const char *hint)
{
	_cleanup_free_ char *both = NULL;

	if (!state.program || (state.format != NVB_LOG_JSON && state.journal < 0))
		return false;
	if (hint && asprintf(&both, "%s (%s)", message, hint) < 0)
		return false;
	emit(NULL, level, both ? both : message);
	return true;
}
