/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "cli/logging.h"
#include "cli/progress.h"

const struct nvb_choice nvb_format_choices[] = {
	{"table", NVB_FORMAT_TABLE},
	{"json", NVB_FORMAT_JSON},
	{NULL, 0},
};

bool nvb_colour(FILE *f)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	/* https://no-color.org: set and not empty, whatever its value. */
	if ((no_color && *no_color) || !term || nvb_streq(term, "dumb"))
		return false;
	return isatty(fileno(f));
}

const char *nvb_style_on(FILE *f, enum nvb_style style)
{
	static const char *const sequences[] = {
		[NVB_STYLE_NONE] = "",
		[NVB_STYLE_BOLD] = "\x1b[1m",
		[NVB_STYLE_DIM] = "\x1b[2m",
		[NVB_STYLE_RED] = "\x1b[31m",
		[NVB_STYLE_YELLOW] = "\x1b[33m",
		[NVB_STYLE_GREEN] = "\x1b[32m",
	};

	return nvb_colour(f) ? sequences[style] : "";
}

const char *nvb_style_off(FILE *f)
{
	return nvb_colour(f) ? "\x1b[0m" : "";
}

unsigned nvb_terminal_width(FILE *f)
{
	struct winsize size;

	if (ioctl(fileno(f), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

int nvb_stdout_flush(nvb_error **err)
{
	/* A write that failed earlier leaves its mark but not its reason. */
	bool failed = ferror(stdout);

	errno = 0;
	if (fflush(stdout) == 0 && !failed)
		return 0;
	clearerr(stdout);
	return nvb_fail_errno(err, errno ? errno : EIO, "writing to standard output");
}

int nvb_stdout_write(const char *text, size_t size, nvb_error **err)
{
	errno = 0;
	if (fwrite(text, 1, size, stdout) == size)
		return nvb_stdout_flush(err);
	clearerr(stdout);
	return nvb_fail_errno(err, errno ? errno : EIO, "writing to standard output");
}

/* One write, so that lines of several processes do not mix; stderr has no buffer of its own. */
static void report(struct nvb_strbuf *line)
{
	nvb_sb_addc(line, '\n');
	nvb_progress_clear_line();
	if (line->s && !line->failed)
		fputs(line->s, stderr);
	nvb_sb_release(line);
}

void nvb_report_error(const char *program, const nvb_error *error)
{
	const char *hint = nvb_error_hint(error);
	struct nvb_strbuf line = {0};

	fflush(stdout);
	/* Empty: another program of ours has said it already. */
	if (error && !*nvb_error_message(error))
		return;
	if (nvb_logging_report(NVB_LOG_ERROR, error ? nvb_error_message(error) : "failed", hint))
		return;
	nvb_sb_addf(&line, "%s%s%s: ", nvb_style_on(stderr, NVB_STYLE_RED), program, nvb_style_off(stderr));
	nvb_sb_add_visible(&line, error ? nvb_error_message(error) : "failed");
	if (hint) {
		nvb_sb_add(&line, " (");
		nvb_sb_add_visible(&line, hint);
		nvb_sb_addc(&line, ')');
	}
	report(&line);
}

void nvb_report_warning(const char *program, const char *fmt, ...)
{
	struct nvb_strbuf line = {0}, text = {0};
	va_list ap;
	char *s;

	fflush(stdout);
	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	if (s && nvb_logging_report(NVB_LOG_WARNING, s, NULL)) {
		free(s);
		return;
	}
	if (s)
		nvb_sb_add_visible(&text, s);
	free(s);
	nvb_sb_addf(&line, "%s: %swarning:%s %s", program, nvb_style_on(stderr, NVB_STYLE_YELLOW),
		nvb_style_off(stderr), text.s ? text.s : "");
	nvb_sb_release(&text);
	report(&line);
}

const char *nvb_format_bytes(uint64_t bytes, char *buffer, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;

	/* 999.5 would be printed as 1000: three digits are all there is room for. */
	while (value >= 999.5 && unit + 1 < NVB_ELEMENTS(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(buffer, size, "%.*f %s",
		unit == 0 || value >= 99.95 ? 0
		: value >= 9.995	    ? 1
					    : 2,
		value, units[unit]);
	return buffer;
}
