/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "capsule/locate.h"
#include "capsule/stats.h"
#include "cli/output.h"
#include "verbs.h"

/* bolt capsule top: the processes of a capsule. */

static int format = NVB_FORMAT_TABLE;

static const struct nvb_option top_options[] = {
	{"format", 0, NVB_OPTION_CHOICE("FORMAT", nvb_format_choices, &format), "table or json"},
	{NULL},
};
const struct nvb_option_group capsule_top_groups[] = {{"Options", top_options}, {NULL}};

struct process {
	pid_t pid;
	uint32_t inner, uid; /* as the capsule numbers it; the host's */
	char state;
	uint64_t memory;	/* resident, bytes */
	unsigned long long cpu; /* seconds */
	char *command;
};

static char *read_of(pid_t pid, const char *name, size_t *size)
{
	char path[64], *text = NULL;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return nvb_file_read(AT_FDCWD, path, 1 << 16, &text, size, NULL) == 0 ? text : NULL;
}

/* "KEY:\tVALUE ..." of /proc/PID/status: the last number of the line for NSpid, else the first. */
static uint32_t status_number(const char *status, const char *key, bool last)
{
	const char *line = strstr(status, key);
	unsigned value = 0;
	int n;

	if (!line)
		return 0;
	line += strlen(key);
	while (sscanf(line, "%*[\t ]%u%n", &value, &n) == 1) {
		line += n;
		if (!last)
			break;
	}
	return value;
}

/* The words that it was started with; a process may write anything there. */
static char *read_command(pid_t pid)
{
	size_t size = 0;
	char *text = read_of(pid, "cmdline", &size);

	for (size_t i = 0; text && i + 1 < size; i++)
		if (!text[i])
			text[i] = ' ';
	return text;
}

/* False for one that has ended. */
static bool read_process(pid_t pid, struct process *p)
{
	_cleanup_free_ char *stat = read_of(pid, "stat", NULL), *status = read_of(pid, "status", NULL);
	const char *end = stat ? strrchr(stat, ')') : NULL;
	unsigned long user, system, ticks = (unsigned long)sysconf(_SC_CLK_TCK);
	long pages;

	*p = (struct process){.pid = pid};
	/* Source: proc(5), /proc/PID/stat: state is field 3, utime 14, stime 15, rss 24. */
	if (!status || !end ||
		sscanf(end + 1,
			" %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %*u %*u "
			"%ld",
			&p->state, &user, &system, &pages) != 4)
		return false;
	p->cpu = (user + system) / ticks;
	p->memory = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	p->inner = status_number(status, "\nNSpid:", true);
	p->uid = status_number(status, "\nUid:", false);
	p->command = read_command(pid);
	return true;
}

static void add_row(struct nvb_table *table, const struct process *p)
{
	char bytes[32];

	nvb_table_cellf(table, "%d", p->pid);
	nvb_table_cellf(table, "%u", p->inner);
	nvb_table_cellf(table, "%u", p->uid);
	nvb_table_cellf(table, "%c", p->state);
	nvb_table_cell(table, nvb_format_bytes(p->memory, bytes, sizeof(bytes)));
	nvb_table_cellf(table, "%llu:%02llu", p->cpu / 60, p->cpu % 60);
	nvb_table_cell(table, p->command);
}

static void add_object(struct nvb_strbuf *out, const struct process *p, bool first)
{
	nvb_sb_addf(out,
		"%s\n  {\"pid\": %d, \"inner_pid\": %u, \"uid\": %u, \"state\": \"%c\", \"memory_bytes\": "
		"%llu, "
		"\"cpu_seconds\": %llu, \"command\": ",
		first ? "" : ",", p->pid, p->inner, p->uid, p->state, (unsigned long long)p->memory, p->cpu);
	nvb_sb_add_json(out, p->command ? p->command : "");
	nvb_sb_addc(out, '}');
}

static int by_pid(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int print(const pid_t *pids, size_t count, nvb_error **err)
{
	static const struct nvb_column columns[] = {{"PID", true}, {"INSIDE", true}, {"USER", true},
		{"STATE"}, {"MEMORY", true}, {"TIME", true}, {"COMMAND"}, {NULL}};
	_cleanup_table_ struct nvb_table table = {.columns = columns};
	_cleanup_strbuf_ struct nvb_strbuf json = {0};
	bool first = true;
	int rc;

	nvb_sb_addc(&json, '[');
	for (size_t i = 0; i < count; i++) {
		struct process p;

		if (!read_process(pids[i], &p))
			continue;
		if (format == NVB_FORMAT_JSON)
			add_object(&json, &p, first);
		else
			add_row(&table, &p);
		first = false;
		free(p.command);
	}
	nvb_sb_add(&json, first ? "]\n" : "\n]\n");
	if (format == NVB_FORMAT_JSON)
		return json.failed ? nvb_fail_oom(err) : nvb_stdout_write(json.s, json.len, err);
	rc = nvb_table_print(&table, stdout, err);
	return rc < 0 ? rc : nvb_stdout_flush(err);
}

int capsule_top(int argc, char **argv, nvb_error **err)
{
	_cleanup_state_ struct nvb_state state = {0};
	_cleanup_located_ struct nvb_located capsule = {0};
	_cleanup_free_ pid_t *pids = NULL;
	size_t count = 0;
	int rc = nvb_state_open(&state, err);

	(void)argc;
	if (rc == 0)
		rc = nvb_locate(&state, argv[0], &capsule, err);
	if (rc == 0)
		rc = nvb_located_running(&capsule, argv[0], err);
	if (rc < 0)
		return rc;
	rc = capsule.cgroup ? nvb_stats_processes("/sys/fs/cgroup", capsule.cgroup, &pids, &count, err)
			    : nvb_stats_namespace_processes(capsule.init, &pids, &count, err);
	if (rc == 0 && count)
		qsort(pids, count, sizeof(*pids), by_pid);
	return rc < 0 ? rc : print(pids, count, err);
}
