/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/str.h"
#include "monitor.h"
#include "serve_options.h"

struct monitor_settings monitor_settings = {.rows = -1};

static const struct nvb_choice formats[] = {
	{"table", MONITOR_TABLE}, {"json", MONITOR_JSON}, {"csv", MONITOR_CSV}, {NULL, 0}};
static const struct nvb_choice rows[] = {{"gpus", NVB_CSV_GPUS}, {"processes", NVB_CSV_PROCESSES}, {NULL, 0}};

static const struct nvb_option options[] = {
	{"gpu", 0, NVB_OPTION_FLAG(&monitor_settings.gpu),
		"watch GPUs: what there is to watch, so the default"},
	{"real-time", 0, NVB_OPTION_FLAG(&monitor_settings.real_time),
		"as often as the driver has news: every 100ms instead of every second"},
	{"interval", 'i', NVB_OPTION_DURATION("TIME", &monitor_settings.interval),
		"how often to measure: 10ms to 1h (1s)"},
	{"once", '1', NVB_OPTION_FLAG(&monitor_settings.once), "print one sample and end"},
	{"count", 'n', NVB_OPTION_U32("SAMPLES", &monitor_settings.count), "end after so many samples"},
	{"capsule", 0, NVB_OPTION_STRING("TEXT", &monitor_settings.capsule),
		"list only processes whose capsule, command or number has this text"},
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", formats, &monitor_settings.format),
		"table (a screen, on a terminal); json: a line a sample; csv: a line a GPU"},
	{"rows", 0, NVB_OPTION_CHOICE("WHAT", rows, &monitor_settings.rows),
		"what a line of CSV is: gpus or processes"},
	{"log", 0, NVB_OPTION_STRING("FILE", &monitor_settings.log),
		"append every sample to FILE, as JSON, while it is shown"},
	{"replay", 0, NVB_OPTION_STRING("FILE", &monitor_settings.replay),
		"show such a log instead of this host"},
	{NULL},
};
const struct nvb_option_group monitor_groups[] = {
	{"Options", options}, {"As a server", serve_options}, {NULL, NULL}};

const char monitor_description[] = "Shows of each GPU how busy it is, its memory, power, temperature, "
				   "clocks, its traffic over PCIe and NVLink "
				   "and why it is throttled; which processes use it and whose they are: "
				   "capsules, containers, pods, Slurm jobs. "
				   "Without names of all GPUs; a GPU is named by its number or UUID. On a "
				   "terminal it is a screen, '?' explains "
				   "its keys. What the driver does not tell is n/a.";
const char monitor_examples[] = "  bolt monitor --gpu --real-time\n"
				"  nvbind monitor --once\n"
				"  nvbind monitor --interval 100ms --format json | jq .gpus[0].values.power\n"
				"  nvbind monitor --log night.jsonl; nvbind monitor --replay night.jsonl\n"
				"  nvbind monitor --listen 127.0.0.1:9400\n"
				"  nvbind monitor --web\n";

bool monitor_arguments(char ***words)
{
	const struct monitor_settings *s = &monitor_settings;
	const struct {
		const char *option, *value;
	} texts[] = {{"--capsule", s->capsule}, {"--log", s->log}, {"--replay", s->replay},
		{"--format", s->format ? nvb_choice_name(formats, s->format) : NULL},
		{"--rows", s->rows >= 0 ? nvb_choice_name(rows, s->rows) : NULL},
		{"--gpu", s->gpu ? "" : NULL}, {"--real-time", s->real_time ? "" : NULL},
		{"--once", s->once ? "" : NULL}};
	bool ok = true;

	for (size_t i = 0; i < NVB_ELEMENTS(texts); i++)
		if (texts[i].value)
			ok = ok && nvb_strv_add(words, texts[i].option) &&
			     (!*texts[i].value || nvb_strv_add(words, texts[i].value));
	if (s->interval)
		ok = ok && nvb_strv_addf(words, "--interval=%" PRIu64 "us", s->interval / 1000);
	if (s->count)
		ok = ok && nvb_strv_addf(words, "--count=%u", s->count);
	return ok && serve_arguments(words);
}

/* A server serves all there is until it is stopped. */
static int check_server(int argc, nvb_error **err)
{
	const struct monitor_settings *s = &monitor_settings;
	const char *other = s->once	 ? "--once"
			    : s->count	 ? "--count"
			    : s->format	 ? "--format"
			    : s->capsule ? "--capsule"
			    : s->log	 ? "--log"
			    : s->replay	 ? "--replay"
					 : NULL;
	int rc = serve_check(err);

	if (rc == 0 && serve_wanted() && other)
		rc = nvb_usage(err, "%s does not go with --listen or --web", other);
	if (rc == 0 && serve_wanted() && argc)
		rc = nvb_usage(err, "--listen and --web serve all GPUs: none can be named");
	return rc;
}

int monitor_check(int argc, nvb_error **err)
{
	const struct monitor_settings *s = &monitor_settings;
	int rc = check_server(argc, err);

	if (rc < 0)
		return rc;

	if (s->rows >= 0 && s->format != MONITOR_CSV)
		return nvb_usage(err, "--rows is for --format csv");
	if (s->replay && s->log)
		return nvb_usage(
			err, "--log and --replay exclude each other: what is shown is logged already");
	if (s->replay && (s->interval || s->real_time))
		return nvb_usage(err, "--replay shows what was measured then: no interval can be chosen now");
	if (s->interval && (s->interval < 10000000 || s->interval > UINT64_C(3600000000000)))
		return nvb_usage(err, "--interval: from 10ms to 1h");
	if (s->once && s->count)
		return nvb_usage(err, "--once and --count exclude each other");
	if (s->capsule && s->format == MONITOR_JSON)
		return nvb_usage(err, "--capsule is not for --format json, which has all there is: use jq");
	if (argc && s->format == MONITOR_JSON)
		return nvb_usage(err, "--format json has all GPUs: use jq to choose");
	return 0;
}
