/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "captured.h"
#include "cli/output.h"
#include "cli/progress.h"

static void assert_visible(const char *text, const char *expected)
{
	_cleanup_strbuf_ struct nvb_strbuf sb = {0};

	nvb_sb_add_visible(&sb, text);
	assert_string_equal(sb.s, expected);
}

static void hostile_text_reaches_no_terminal(void **state)
{
	(void)state;
	assert_visible("plain \xc3\xa4\xe6\x97\xa5 text", "plain \xc3\xa4\xe6\x97\xa5 text");
	assert_visible("a\x1b[2Jb\x07", "a\\x1b[2Jb\\x07");
	assert_visible("a\r\n\tb\x7f", "a\\x0d\\n\\tb\\x7f");
	assert_visible("\xc2\x9b"
		       "2J",
		"\\u009b2J"); /* CSI as one C1 character */
	assert_visible("\xe2\x80\xae"
		       "exe\xe2\x81\xa6",
		"\\u202eexe\\u2066");					       /* right-to-left override */
	assert_visible("\xe2\x80\x8b\xef\xbb\xbf", "\\u200b\\ufeff");	       /* zero width */
	assert_visible("\xff\xc3(\xed\xa0\x80", "\\xff\\xc3(\\xed\\xa0\\x80"); /* not UTF-8 */
	assert_visible("\xf0\x9f", "\\xf0\\x9f");
}

static void widths_are_those_of_terminals(void **state)
{
	(void)state;
	assert_int_equal(nvb_text_width(""), 0);
	assert_int_equal(nvb_text_width("abc"), 3);
	assert_int_equal(nvb_text_width("\xc3\xa4\xe2\x82\xac"), 2);
	assert_int_equal(nvb_text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
	assert_int_equal(nvb_text_width("e\xcc\x81"), 1);
	assert_int_equal(nvb_text_width("\xf0\x9f\x98\x80"), 2);
}

static void bytes_have_three_digits(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{999, "999 B"},
		{1000, "0.98 KiB"},
		{1024, "1.00 KiB"},
		{1536, "1.50 KiB"},
		{10 * 1024, "10.0 KiB"},
		{640 * 1024, "640 KiB"},
		{1023 * 1024, "1.00 MiB"},
		{8ULL << 30, "8.00 GiB"},
		{UINT64_MAX, "16.0 EiB"},
	};
	char buffer[16];

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++)
		assert_string_equal(nvb_format_bytes(cases[i].bytes, buffer, sizeof(buffer)), cases[i].text);
}

static const struct nvb_column columns[] = {{"N", true}, {"NAME", false}, {"ID", false}, {NULL, false}};

static int print_table(void *data)
{
	_cleanup_table_ struct nvb_table table = {.columns = columns, .no_header = *(bool *)data};

	nvb_table_cellf(&table, "%d", 5);
	nvb_table_cell(&table, "\xe6\x97\xa5\n");
	nvb_table_cell(&table, "x");
	nvb_table_cellf(&table, "%d", 100);
	nvb_table_cell(&table, "a longer name");
	nvb_table_style(&table, NVB_STYLE_GREEN);
	nvb_table_cell(&table, NULL);
	return nvb_table_print(&table, stdout, NULL) < 0;
}

static int print_empty_table(void *data)
{
	struct nvb_table table = {.columns = columns};

	(void)data;
	return nvb_table_print(&table, stdout, NULL) < 0;
}

static struct captured child;

static void tables_line_up(void **state)
{
	bool no_header = false;

	(void)state;
	capture(&child, print_table, &no_header);
	assert_int_equal(child.status, 0);
	assert_string_equal(child.out, "  N  NAME           ID\n"
				       "  5  \xe6\x97\xa5\\n           x\n"
				       "100  a longer name  -\n");
	no_header = true;
	capture(&child, print_table, &no_header);
	assert_string_equal(child.out, "  5  \xe6\x97\xa5\\n           x\n"
				       "100  a longer name  -\n");
	capture(&child, print_empty_table, NULL);
	assert_string_equal(child.out, "N  NAME  ID\n");
}

static int report(void *data)
{
	nvb_error *err = NULL;

	(void)data;
	printf("before"); /* what was printed first must come out first */
	nvb_hint(&err, nvb_fail(&err, NVB_ERR_NOT_FOUND, "image 'a\x1b[31m\nb'"), "pull 'a\tb'");
	nvb_report_error("bolt", err);
	nvb_error_free(err);
	nvb_report_warning("bolt", "limit '%s' is not enforced", "\x1b");
	return 0;
}

static void errors_are_one_line(void **state)
{
	(void)state;
	capture(&child, report, NULL);
	assert_string_equal(child.out, "before");
	assert_string_equal(child.err, "bolt: image 'a\\x1b[31m\\nb' (pull 'a\\tb')\n"
				       "bolt: warning: limit '\\x1b' is not enforced\n");
}

/* Runs f in a child on a terminal of 60 columns and returns what it wrote there. */
static const char *on_terminal(void (*f)(void), const char *term, const char *no_color)
{
	static char text[65536];
	struct winsize size = {.ws_col = 60, .ws_row = 20};
	size_t used = 0;
	ssize_t n;
	int master, status;
	pid_t pid = forkpty(&master, NULL, NULL, &size);

	if (pid == 0) {
		setenv("TERM", term, 1);
		if (no_color)
			setenv("NO_COLOR", no_color, 1);
		else
			unsetenv("NO_COLOR");
		f();
		fflush(stdout);
		_exit(0);
	}
	while (used < sizeof(text) - 1 && (n = read(master, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(master);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return text;
}

static void print_styled(void)
{
	printf("%sx%s %u", nvb_style_on(stdout, NVB_STYLE_BOLD), nvb_style_off(stdout),
		nvb_terminal_width(stdout));
}

static void colour_is_for_terminals_that_want_it(void **state)
{
	(void)state;
	assert_string_equal(on_terminal(print_styled, "xterm", NULL), "\x1b[1mx\x1b[0m 60");
	assert_string_equal(on_terminal(print_styled, "xterm", ""), "\x1b[1mx\x1b[0m 60");
	assert_string_equal(on_terminal(print_styled, "xterm", "1"), "x 60");
	assert_string_equal(on_terminal(print_styled, "dumb", NULL), "x 60");
}

static void progress(void)
{
	struct nvb_progress p;

	nvb_progress_begin(
		&p, "pulling \x1b[2J\xe6\x97\xa5 a very long name of an image that does not fit", 1000);
	for (unsigned i = 0; i <= 10; i++)
		nvb_progress_set(&p, i * 100);
	nvb_report_warning("bolt", "between");
	nvb_progress_end(&p);
	fputs("done", stderr);
}

static int progress_elsewhere(void *data)
{
	(void)data;
	progress();
	return 0;
}

static void progress_is_for_terminals_alone(void **state)
{
	const char *text = on_terminal(progress, "xterm", "1");
	const char *wiped = "\r\x1b[K";

	(void)state;
	assert_ptr_equal(strstr(text, wiped), text);
	assert_non_null(strstr(text, "pulling"));
	assert_non_null(strstr(text, "0 B / 0.98 KiB"));
	assert_null(strstr(text, "\x1b[2J"));
	/* Wiped before the warning, and nothing left to wipe at the end. */
	assert_non_null(strstr(text, "\r\x1b[Kbolt: warning: between\r\ndone"));
	for (const char *line = text; (line = strstr(line, wiped)); line += strlen(wiped))
		assert_true(strcspn(line + strlen(wiped), "\r") < 60);
	assert_string_equal(
		strstr(on_terminal(progress, "dumb", NULL), "bolt: "), "bolt: warning: between\r\ndone");
	capture(&child, progress_elsewhere, NULL);
	assert_string_equal(child.err, "bolt: warning: between\ndone");
}

static void without_an_end(void)
{
	struct nvb_progress p;

	nvb_progress_begin(&p, "waiting", 0);
	nvb_progress_set(&p, 0);
	p.started -= 7000000000;
	p.drawn = 0;
	nvb_progress_set(&p, 0);
	nvb_progress_end(&p);
}

static void progress_without_an_end_shows_time(void **state)
{
	(void)state;
	assert_string_equal(
		on_terminal(without_an_end, "xterm", "1"), "\r\x1b[Kwaiting  \r\x1b[Kwaiting  7 s\r\x1b[K");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_text_reaches_no_terminal),
		cmocka_unit_test(widths_are_those_of_terminals),
		cmocka_unit_test(bytes_have_three_digits),
		cmocka_unit_test(tables_line_up),
		cmocka_unit_test(errors_are_one_line),
		cmocka_unit_test(colour_is_for_terminals_that_want_it),
		cmocka_unit_test(progress_is_for_terminals_alone),
		cmocka_unit_test(progress_without_an_end_shows_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
