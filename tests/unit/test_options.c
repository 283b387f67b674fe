/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "base/str.h"
#include "captured.h"
#include "cli/options.h"

static const struct nvb_choice modes[] = {{"shared", 1}, {"exclusive", 2}, {NULL, 0}};

static struct {
	bool rm, interactive, tty, name_given;
	const char *name;
	char **env;
	uint32_t count;
	uint64_t memory, interval;
	int mode;
	char called[64];
} opt;

static int call(const struct nvb_option *option, const char *value, nvb_error **err)
{
	if (value && nvb_streq(value, "bad"))
		return nvb_fail(err, NVB_ERR_INVALID, "bad value");
	snprintf(opt.called, sizeof(opt.called), "%s=%s", option->name, value ? value : "(none)");
	return 0;
}

static const struct nvb_option run_options[] = {
	{"rm", 0, NVB_OPTION_FLAG(&opt.rm), "remove the capsule when it ends"},
	{"interactive", 'i', NVB_OPTION_FLAG(&opt.interactive), "keep standard input open"},
	{"tty", 't', NVB_OPTION_FLAG(&opt.tty), "give the program a terminal"},
	{.name = "name",
		.letter = 'n',
		.kind = NVB_KIND_STRING,
		.argument = "NAME",
		.to.string = &opt.name,
		.given = &opt.name_given,
		.help = "name the capsule"},
	{"env", 'e', NVB_OPTION_LIST("KEY=VALUE", &opt.env), "set a variable (repeatable)"},
	{"count", 0, NVB_OPTION_U32("N", &opt.count), "a number"},
	{"memory", 'm', NVB_OPTION_SIZE("SIZE", &opt.memory), "a size"},
	{"interval", 0, NVB_OPTION_DURATION("TIME", &opt.interval), "a duration"},
	{"mode", 0, NVB_OPTION_CHOICE("MODE", modes, &opt.mode), "who else may use it"},
	{"call", 'c', NVB_OPTION_CALLBACK("VALUE", call, NULL), "call with a value"},
	{"poke", 0, NVB_OPTION_CALLBACK(NULL, call, NULL), "call without a value"},
	{"secret", 0, NVB_OPTION_FLAG(&opt.rm), NULL},
	{NULL},
};

static const struct nvb_option_group *const run_groups[] = {NVB_GROUPS({"Options", run_options}), NULL};

/* Splits `line` at blanks, parses it, and joins the arguments with '|'. */
static int parse(const char *line, enum nvb_options_end end, char *arguments, size_t size, nvb_error **err)
{
	static char **words;
	int argc, rc;

	nvb_strv_free(words); /* opt.name points into them until the next call */
	words = nvb_strv_split(line, " ");
	nvb_strv_free(opt.env);
	memset(&opt, 0, sizeof(opt));
	argc = (int)nvb_strv_length(words);

	/* The parser moves pointers about; the vector keeps them all. */
	char *argv[32];

	memcpy(argv, words, sizeof(*argv) * (size_t)(argc + 1));
	rc = nvb_options_parse(run_groups, end, &argc, argv, err);
	if (rc < 0)
		return rc;
	arguments[0] = '\0';
	for (int i = 0; i < argc; i++)
		snprintf(arguments + strlen(arguments), size - strlen(arguments), "%s|", argv[i]);
	assert_null(argv[argc]);
	return rc;
}

static void assert_parses(const char *line, enum nvb_options_end end, const char *arguments)
{
	_cleanup_error_ nvb_error *err = NULL;
	char is[256];

	if (parse(line, end, is, sizeof(is), &err) != 0)
		fail_msg("%s: %s", line, nvb_error_message(err));
	assert_string_equal(is, arguments);
}

static void assert_fails(const char *line, const char *message, const char *hint)
{
	_cleanup_error_ nvb_error *err = NULL;
	char is[256];

	assert_int_equal(parse(line, NVB_OPTIONS_ANYWHERE, is, sizeof(is), &err), -NVB_ERR_INVALID);
	assert_string_equal(nvb_error_message(err), message);
	if (hint)
		assert_string_equal(nvb_error_hint(err), hint);
	else
		assert_null(nvb_error_hint(err));
}

static void every_spelling_is_understood(void **state)
{
	(void)state;
	assert_parses("--rm -it --name=x --env A=1 -e B=2 -eC=3 -e=D=4", NVB_OPTIONS_ANYWHERE, "");
	assert_true(opt.rm && opt.interactive && opt.tty && opt.name_given);
	assert_string_equal(opt.name, "x");
	assert_int_equal(nvb_strv_length(opt.env), 4);
	assert_string_equal(opt.env[2], "C=3");
	assert_string_equal(opt.env[3], "D=4");
	assert_parses(
		"-itn x --count 3 --memory 8G --interval=100ms --mode exclusive", NVB_OPTIONS_ANYWHERE, "");
	assert_string_equal(opt.name, "x");
	assert_int_equal(opt.count, 3);
	assert_true(opt.memory == 8ULL << 30 && opt.interval == 100000000);
	assert_int_equal(opt.mode, 2);
	assert_parses("--name a --name b --rm --rm=false", NVB_OPTIONS_ANYWHERE, "");
	assert_string_equal(opt.name, "b");
	assert_false(opt.rm);
	assert_parses("--name --rm --name=", NVB_OPTIONS_ANYWHERE, "");
	assert_string_equal(opt.name, "");
	assert_false(opt.rm);
	assert_parses("-c x", NVB_OPTIONS_ANYWHERE, "");
	assert_string_equal(opt.called, "call=x");
	assert_parses("--poke", NVB_OPTIONS_ANYWHERE, "");
	assert_string_equal(opt.called, "poke=(none)");
	assert_parses("", NVB_OPTIONS_ANYWHERE, "");
	assert_false(opt.name_given);
}

static void arguments_are_told_from_options(void **state)
{
	(void)state;
	assert_parses("a --rm b -i c", NVB_OPTIONS_ANYWHERE, "a|b|c|");
	assert_true(opt.rm && opt.interactive);
	assert_parses("--rm a -- --tty -- b", NVB_OPTIONS_ANYWHERE, "a|--tty|--|b|");
	assert_parses("--rm -- a --tty", NVB_OPTIONS_KEEP_DASHES, "--|a|--tty|");
	assert_false(opt.tty);
	assert_parses("--rm image -i --name x", NVB_OPTIONS_FIRST, "image|-i|--name|x|");
	assert_true(opt.rm && !opt.interactive && !opt.name);
	assert_parses("--rm -- image -i", NVB_OPTIONS_FIRST, "image|-i|");
	assert_parses("image -- cmd", NVB_OPTIONS_FIRST, "image|--|cmd|");
	assert_parses("- a", NVB_OPTIONS_ANYWHERE, "-|a|");
}

static void mistakes_get_one_clear_line(void **state)
{
	(void)state;
	assert_fails("--nmae x", "unknown option '--nmae'", "did you mean '--name'?");
	assert_fails("--zzz=1", "unknown option '--zzz'", NULL);
	assert_fails("--secre", "unknown option '--secre'", NULL); /* hidden ones are not proposed */
	assert_fails("-x", "unknown option '-x'", NULL);
	assert_fails("-ix", "unknown option '-x' in '-ix'", NULL);
	assert_fails("--name", "option '--name' lacks its NAME", NULL);
	assert_fails("-in", "option '--name' lacks its NAME", NULL);
	assert_fails("--rm=maybe", "option '--rm': 'maybe' is not true or false", NULL);
	assert_fails("--poke=1", "option '--poke' takes no value", NULL);
	assert_fails("--count -1", "option '--count': '-1' is not a number from 0 to 4294967295", NULL);
	assert_fails("--count 4294967296",
		"option '--count': '4294967296' is not a number from 0 to 4294967295", NULL);
	assert_fails("--mode exclusiv", "option '--mode': no such value 'exclusiv'; one of shared, exclusive",
		"did you mean 'exclusive'?");
	assert_fails("--interval 5", "option '--interval': '5' lacks its unit; write it as 5ms or 5s", NULL);
	assert_fails("-c bad", "bad value", NULL);
}

/* A program of these tables, run in a child. */
static int run_verb(int argc, char **argv, nvb_error **err)
{
	printf("run rm=%d", opt.rm);
	for (int i = 0; i < argc; i++)
		printf(" %s", argv[i]);
	printf("\n");
	if (argc && nvb_streq(argv[0], "missing"))
		return nvb_hint(err, nvb_fail(err, NVB_ERR_NOT_FOUND, "no image '%s\n'", argv[0]), "pull it");
	if (argc && nvb_streq(argv[0], "both"))
		return nvb_usage(err, "both cannot be");
	return argc && nvb_streq(argv[0], "seven") ? 7 : 0;
}

static int list_verb(int argc, char **argv, nvb_error **err)
{
	(void)argc;
	(void)argv;
	return nvb_fail(err, NVB_ERR_BUSY, "cannot list");
}

static const struct nvb_verb surge_verbs[] = {
	{
		.name = "run",
		.summary = "run a program in a new capsule",
		.synopsis = "IMAGE [COMMAND [ARG...]]",
		.description =
			"A long paragraph about it that has to be wrapped since it is longer than one line "
			"of eighty columns.",
		.examples = "  prog surge run x\n",
		.groups = NVB_GROUPS({"Options", run_options}),
		.run = run_verb,
		.min_args = 1,
		.max_args = NVB_ARGS_ANY,
		.options_end_at_first_argument = true,
		.failure = 125,
	},
	{NULL},
};

static const struct nvb_verb verbs[] = {
	{.name = "surge", .summary = "run capsules", .verbs = surge_verbs},
	{.name = "list", .summary = "list capsules", .run = list_verb, .max_args = 1, .synopsis = "[NAME]"},
	{.name = "internal", .run = list_verb},
	{NULL},
};

static bool verbose;
static const struct nvb_option common_options[] = {
	{"verbose", 'v', NVB_OPTION_FLAG(&verbose), "say more"},
	{NULL},
};
static const struct nvb_option_group common_groups[] = {{"General", common_options}, {NULL, NULL}};

static int prepare(const struct nvb_program *program, nvb_error **err)
{
	(void)err;
	if (verbose)
		printf("prepared %s\n", program->name);
	return 0;
}

static const struct nvb_program program = {"prog", "does things", verbs, common_groups, prepare};

static int run_program(void *line)
{
	char **words = nvb_strv_split(line, " ");

	return nvb_program_main(&program, (int)nvb_strv_length(words), words);
}

static struct captured child;

static void assert_program(const char *line, int status, const char *out, const char *err)
{
	capture(&child, run_program, (void *)line);
	if (child.status != status || (out && !nvb_streq(child.out, out)) ||
		(err && !nvb_streq(child.err, err)))
		fail_msg("%s: status %d\n%s%s", line, child.status, child.out, child.err);
}

static void verbs_run_and_their_status_counts(void **state)
{
	(void)state;
	assert_program("prog surge run --rm x -y --rm", 0, "run rm=1 x -y --rm\n", "");
	assert_program("prog -v surge run seven", 7, "prepared prog\nrun rm=0 seven\n", "");
	assert_program("prog surge run -v seven", 7, "prepared prog\nrun rm=0 seven\n", "");
	assert_program("prog surge run missing", 125, NULL, "prog: no image 'missing\\n' (pull it)\n");
	assert_program("prog list", 1, "", "prog: cannot list\n");
	assert_program("prog internal", 1, "", "prog: cannot list\n");
}

static void wrong_usage_is_one_line_and_its_own_status(void **state)
{
	(void)state;
	assert_program("prog", 2, "", "prog: a command is missing: surge, list (see 'prog --help')\n");
	assert_program("prog surge", 2, "", "prog: a command is missing: run (see 'prog surge --help')\n");
	assert_program("prog lst", 2, "", "prog: unknown command 'lst' (did you mean 'list'?)\n");
	assert_program("prog interna", 2, "", "prog: unknown command 'interna' (see 'prog --help')\n");
	assert_program(
		"prog --vrbose list", 2, "", "prog: unknown option '--vrbose' (did you mean '--verbose'?)\n");
	assert_program("prog list a b", 2, "", "prog: unexpected argument 'b' (see 'prog list --help')\n");
	assert_program("prog surge run", 125, "",
		"prog: too few arguments; usage: prog surge run [OPTION...] IMAGE [COMMAND [ARG...]] (see "
		"'prog "
		"surge run --help')\n");
	assert_program("prog surge run --zzz x", 125, "",
		"prog: unknown option '--zzz' (see 'prog surge run --help')\n");
	assert_program(
		"prog surge run both", 125, NULL, "prog: both cannot be (see 'prog surge run --help')\n");
}

static void help_comes_from_the_tables(void **state)
{
	(void)state;
	assert_program("prog --help", 0, NULL, "");
	assert_non_null(
		strstr(child.out, "prog - does things\n\nUsage: prog [OPTION...] COMMAND [ARG...]\n"));
	assert_non_null(strstr(child.out, "  surge  run capsules\n  list   list capsules\n"));
	assert_non_null(strstr(child.out, "  -v, --verbose  say more\n"));
	assert_non_null(strstr(child.out, "      --version  show the version\n"));
	assert_null(strstr(child.out, "internal"));
	/* Wherever it stands, and whatever is wrong behind it. */
	assert_program("prog surge run --help --zzz", 0, NULL, "");
	assert_non_null(strstr(child.out, "  -e, --env KEY=VALUE  set a variable (repeatable)\n"));
	assert_non_null(strstr(child.out, "who else may use it: shared, exclusive\n"));
	assert_non_null(strstr(child.out, "\nExamples:\n  prog surge run x\n"));
	assert_null(strstr(child.out, "secret"));
	assert_null(strstr(child.out, "\x1b"));
	for (const char *line = child.out; *line; line = strchr(line, '\n') + 1)
		assert_true(strcspn(line, "\n") <= 80);

	static struct captured with_option;

	with_option = child;
	assert_program("prog help surge run", 0, with_option.out, "");
	assert_program("prog surge run -h", 0, with_option.out, "");
	assert_program("prog help nothing", 2, "", "prog: unknown command 'nothing' (see 'prog --help')\n");
	assert_program("prog --version", 0, NULL, "");
	assert_ptr_equal(strstr(child.out, "prog "), child.out);
}

/* The words are split at blanks: "" cannot be one of them, so "=" and half words stand at the end. */
static void completions_come_from_the_tables(void **state)
{
	static const struct {
		const char *line, *out;
	} cases[] = {
		{"prog __complete s", "surge\n"},
		{"prog __complete int", ""}, /* hidden */
		{"prog __complete -v l", "list\n"},
		{"prog __complete help s", "surge\n"},
		{"prog __complete surge r", "run\n"},
		{"prog __complete --v", "--verbose\n--version\n"},
		{"prog __complete surge run --m", "--memory\n--mode\n"},
		{"prog __complete surge run --mode e", "exclusive\n"},
		{"prog __complete surge run --mode =", "shared\nexclusive\n"},
		{"prog __complete surge run --mode = sh", "shared\n"},
		{"prog __complete surge run --mode exclusive --i", "--interactive\n--interval\n"},
		{"prog __complete surge run --name --m", ""}, /* the value of --name */
		{"prog __complete surge run -it --rm --i", "--interactive\n--interval\n"},
		{"prog __complete surge run -itn --i", ""},
		{"prog __complete surge run image --m", ""}, /* the command's */
		{"prog __complete surge run -- --m", ""},
		{"prog __complete nothing r", ""},
		{"prog __complete list x", ""},
	};

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++)
		assert_program(cases[i].line, 0, cases[i].out, "");
}

static int run_with_full_stdout(void *line)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	dup2(fd, STDOUT_FILENO);
	return run_program(line);
}

static int run_without_stderr(void *line)
{
	int fd;

	close(STDERR_FILENO);
	run_program(line);
	/* Descriptor 2 must be taken, or this file would have received the message. */
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd > STDERR_FILENO ? 0 : 1;
}

static void output_that_is_lost_is_a_failure(void **state)
{
	(void)state;
	capture(&child, run_with_full_stdout, (void *)"prog --help");
	assert_int_equal(child.status, 1);
	assert_string_equal(child.err, "prog: writing to standard output: No space left on device\n");
	capture(&child, run_without_stderr, (void *)"prog list");
	assert_int_equal(child.status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_is_understood),
		cmocka_unit_test(arguments_are_told_from_options),
		cmocka_unit_test(mistakes_get_one_clear_line),
		cmocka_unit_test(verbs_run_and_their_status_counts),
		cmocka_unit_test(wrong_usage_is_one_line_and_its_own_status),
		cmocka_unit_test(help_comes_from_the_tables),
		cmocka_unit_test(completions_come_from_the_tables),
		cmocka_unit_test(output_that_is_lost_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
