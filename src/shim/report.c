/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/report.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/str.h"
#include "cli/output.h"

static const char *level_name(enum nvb_log_level level)
{
	switch (level) {
	case NVB_LOG_ERROR:
		return "error";
	case NVB_LOG_WARNING:
		return "warning";
	case NVB_LOG_INFO:
		return "info";
	case NVB_LOG_DEBUG:
		break;
	}
	return "debug";
}

static void add_time(struct nvb_strbuf *line)
{
	time_t now = time(NULL);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	nvb_sb_add_json(line, text);
}

/* One record, in one write, so that a runtime's own stand beside it. */
static void write_log(const struct shim_arguments *arguments, enum nvb_log_level level, const char *message)
{
	_cleanup_close_ int fd =
		open(arguments->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	if (fd < 0)
		return;
	if (arguments->log_json) {
		nvb_sb_addf(&line, "{\"level\":\"%s\",\"msg\":", level_name(level));
		nvb_sb_add_json(&line, message);
		nvb_sb_add(&line, ",\"time\":");
		add_time(&line);
		nvb_sb_add(&line, "}\n");
	} else {
		nvb_sb_add(&line, "time=");
		add_time(&line);
		nvb_sb_addf(&line, " level=%s msg=", level_name(level));
		nvb_sb_add_json(&line, message);
		nvb_sb_addc(&line, '\n');
	}
	if (!line.failed && nvb_write_all(fd, line.s, line.len) < 0)
		return; /* a full disk: stderr has it, too */
}

static void write_stderr(const char *message)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	nvb_sb_addf(&line, "%s\n", message);
	if (!line.failed && nvb_write_all(STDERR_FILENO, line.s, line.len) < 0)
		return; /* nobody listens */
}

static bool has_log(const struct shim_arguments *arguments)
{
	/* runc's default: its log is stderr itself. */
	return arguments->log && !nvb_streq(arguments->log, "/dev/stderr");
}

/* The longest that is shown: an engine puts it into one line of its own, an image may have written most of
 * it. */
enum { MESSAGE_MAX = 1000 };

/* Made fit to be shown, and cut where it is too long: between characters. */
static void add_shown(struct nvb_strbuf *sb, const char *text)
{
	size_t n = strlen(text) > MESSAGE_MAX ? MESSAGE_MAX : strlen(text);
	_cleanup_free_ char *start = NULL;

	while (n && n < strlen(text) && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	start = strndup(text, n);
	nvb_sb_add_visible(sb, start ? start : "");
	if (text[n])
		nvb_sb_add(sb, "...");
}

void shim_report_error(const struct shim_arguments *arguments, const nvb_error *error)
{
	_cleanup_strbuf_ struct nvb_strbuf message = {0};
	const char *hint = nvb_error_hint(error);

	nvb_sb_add(&message, "nvbind-runtime: ");
	add_shown(&message, nvb_error_message(error));
	if (hint) {
		nvb_sb_add(&message, " (");
		add_shown(&message, hint);
		nvb_sb_addc(&message, ')');
	}
	if (has_log(arguments))
		write_log(arguments, NVB_LOG_ERROR,
			message.failed ? "nvbind-runtime: out of memory" : message.s);
	write_stderr(message.failed ? "nvbind-runtime: out of memory" : message.s);
}

void shim_report_message(
	const struct shim_arguments *arguments, enum nvb_log_level level, const char *message)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};

	nvb_sb_addf(&text, "nvbind-runtime: %s", level == NVB_LOG_WARNING ? "warning: " : "");
	add_shown(&text, message);
	if (text.failed)
		return;
	if (has_log(arguments))
		write_log(arguments, level, text.s);
	else
		write_stderr(text.s);
}
