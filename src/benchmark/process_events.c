/* SPDX-License-Identifier: Apache-2.0 */
#include "benchmark/process_events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "base/str.h"

/* In linux/cn_proc.h these are members of an enum that moved in Linux 6.6. */
enum { EVENT_NONE = 0, EVENT_EXEC = 2 };
#define EVENT_EXIT 0x80000000U

enum { KEPT = 8 << 20 /* bytes of events in the socket */, ACKNOWLEDGED = 500 /* ms */ };

struct program {
	const char *name;
	enum nvb_program_kind kind;
};
static const struct program known[] = {
	{"runc", NVB_PROGRAM_RUNTIME},
	{"crun", NVB_PROGRAM_RUNTIME},
	{"youki", NVB_PROGRAM_RUNTIME},
	{"docker-runc", NVB_PROGRAM_RUNTIME},
	{"nvidia-container-runtime", NVB_PROGRAM_SHIM},
	{"nvidia-container-runtime.cdi", NVB_PROGRAM_SHIM},
	{"nvidia-container-runtime.legacy", NVB_PROGRAM_SHIM},
	{"nvbind-runtime", NVB_PROGRAM_SHIM},
	{"nvidia-container-runtime-hook", NVB_PROGRAM_HOOK},
	{"nvidia-container-toolkit", NVB_PROGRAM_HOOK},
	{"nvidia-cdi-hook", NVB_PROGRAM_HOOK},
	{"nvidia-ctk", NVB_PROGRAM_HOOK},
	{"nvidia-container-cli", NVB_PROGRAM_HOOK},
	{"nvbind-hook", NVB_PROGRAM_HOOK},
};

struct marked {
	dev_t device;
	ino_t inode;
	enum nvb_program_kind kind;
};

/* Two kinds of reports of one process: that it executed a program we know, and when it executed something. */
struct report {
	uint32_t what; /* EVENT_EXEC, EVENT_EXIT */
	pid_t pid;
	uint64_t time;
};
struct execution {
	pid_t pid;
	enum nvb_program_kind kind;
};

struct nvb_process_events {
	int socket, notify;
	struct marked *marked;
	size_t marked_count, marked_capacity;
	struct report *reports;
	size_t report_count, report_capacity;
	struct execution *executions;
	size_t execution_count, execution_capacity;
	bool lost;
};

void nvb_process_events_free(struct nvb_process_events *events)
{
	if (!events)
		return;
	nvb_closep(&events->socket);
	nvb_closep(&events->notify);
	free(events->marked);
	free(events->reports);
	free(events->executions);
	free(events);
}

/* --- which programs --- */

static void mark(struct nvb_process_events *events, const char *path, enum nvb_program_kind kind)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return;
	for (size_t i = 0; i < events->marked_count; i++)
		if (events->marked[i].device == st.st_dev && events->marked[i].inode == st.st_ino)
			return;
	if (fanotify_mark(events->notify, FAN_MARK_ADD, FAN_OPEN_EXEC, AT_FDCWD, path) < 0 ||
		!NVB_GROW(events->marked, events->marked_count, events->marked_capacity))
		return;
	events->marked[events->marked_count++] = (struct marked){st.st_dev, st.st_ino, kind};
}

static int mark_all(struct nvb_process_events *events, const char *ours, nvb_error **err)
{
	const char *path = getenv("PATH");
	_cleanup_strv_ char **directories = nvb_strv_split(path ? path : "", ":");

	if (!directories || !nvb_strv_add(&directories, "/usr/bin") ||
		!nvb_strv_add(&directories, "/usr/sbin") || !nvb_strv_add(&directories, "/usr/local/bin") ||
		!nvb_strv_add(&directories, "/usr/local/sbin") ||
		!nvb_strv_add(&directories, "/usr/local/nvidia/toolkit"))
		return nvb_fail_oom(err);
	if (ours)
		mark(events, ours, NVB_PROGRAM_HOOK);
	nvb_strv_foreach (directory, directories)
		for (size_t i = 0; i < NVB_ELEMENTS(known); i++) {
			char file[4096];

			if (snprintf(file, sizeof(file), "%s/%s", *directory, known[i].name) <
				(int)sizeof(file))
				mark(events, file, known[i].kind);
		}
	return 0;
}

/* --- the connector --- */

/* Of all there is on a host (every fork, every thread's end) only what is asked for is kept. */
static int attach_filter(int fd)
{
	enum { WHAT = NLMSG_LENGTH(0) + sizeof(struct cn_msg) };
	/* Loads are of network order, the kernel writes its own. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WHAT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(EVENT_EXEC), 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(EVENT_EXIT), 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(EVENT_NONE), 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
	};
	const struct sock_fprog program = {NVB_ELEMENTS(code), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int listen_to(int fd, nvb_error **err)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	const struct cn_msg message = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof(uint32_t)};
	const uint32_t operation = PROC_CN_MCAST_LISTEN;
	const struct nlmsghdr header = {
		.nlmsg_len = NLMSG_LENGTH(sizeof(message) + sizeof(operation)), .nlmsg_type = NLMSG_DONE};
	char ask[NLMSG_LENGTH(sizeof(message) + sizeof(operation))] = {0};
	const int size = KEPT;

	memcpy(ask, &header, sizeof(header));
	memcpy(ask + NLMSG_LENGTH(0), &message, sizeof(message));
	memcpy(ask + NLMSG_LENGTH(sizeof(message)), &operation, sizeof(operation));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (attach_filter(fd) < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		send(fd, ask, sizeof(ask), 0) < 0)
		return nvb_fail_errno(err, errno, "asking the kernel for process events");
	return 0;
}

static void take_report(struct nvb_process_events *events, const struct proc_event *event)
{
	uint32_t what;

	memcpy(&what, &event->what, sizeof(what));
	if (what != EVENT_EXEC && what != EVENT_EXIT)
		return;
	/* The exit of a thread is none of its process. */
	if (what == EVENT_EXIT && event->event_data.exit.process_pid != event->event_data.exit.process_tgid)
		return;
	if (!NVB_GROW(events->reports, events->report_count, events->report_capacity)) {
		events->lost = true;
		return;
	}
	events->reports[events->report_count++] = (struct report){what,
		what == EVENT_EXEC ? event->event_data.exec.process_tgid
				   : event->event_data.exit.process_tgid,
		event->timestamp_ns};
}

/* One message; false when there is none. */
static bool read_report(struct nvb_process_events *events, bool *acknowledged)
{
	union {
		struct nlmsghdr header;
		char bytes[512];
	} buffer;
	struct proc_event event = {0};
	size_t offset = NLMSG_LENGTH(sizeof(struct cn_msg));
	ssize_t got = recv(events->socket, &buffer, sizeof(buffer), MSG_DONTWAIT);

	if (got < 0 && errno == ENOBUFS)
		events->lost = true;
	if (got < 0)
		return errno == ENOBUFS || errno == EINTR;
	if ((size_t)got <= offset + offsetof(struct proc_event, event_data))
		return true;
	*acknowledged = true;
	memcpy(&event, buffer.bytes + offset,
		(size_t)got - offset < sizeof(event) ? (size_t)got - offset : sizeof(event));
	take_report(events, &event);
	return true;
}

static void read_executions(struct nvb_process_events *events)
{
	_Alignas(struct fanotify_event_metadata) char buffer[4096];
	ssize_t got;

	while ((got = read(events->notify, buffer, sizeof(buffer))) > 0) {
		const struct fanotify_event_metadata *event = (const void *)buffer;

		for (; FAN_EVENT_OK(event, got); event = FAN_EVENT_NEXT(event, got)) {
			_cleanup_close_ int fd = event->fd;
			struct stat st;

			events->lost |= (event->mask & FAN_Q_OVERFLOW) != 0;
			for (size_t i = 0; fd >= 0 && fstat(fd, &st) == 0 && i < events->marked_count; i++) {
				if (events->marked[i].device != st.st_dev ||
					events->marked[i].inode != st.st_ino)
					continue;
				if (NVB_GROW(events->executions, events->execution_count,
					    events->execution_capacity))
					events->executions[events->execution_count++] =
						(struct execution){event->pid, events->marked[i].kind};
				break;
			}
		}
	}
}

int nvb_process_events_fd(const struct nvb_process_events *events)
{
	return events->socket;
}

void nvb_process_events_drain(void *data)
{
	struct nvb_process_events *events = data;
	bool acknowledged;

	while (read_report(events, &acknowledged))
		;
	read_executions(events);
}

void nvb_process_events_clear(struct nvb_process_events *events)
{
	nvb_process_events_drain(events);
	events->report_count = events->execution_count = 0;
	events->lost = false;
}

int nvb_process_events_open(const char *ours, struct nvb_process_events **events, nvb_error **err)
{
	_cleanup_(nvb_process_events_freep) struct nvb_process_events *made = calloc(1, sizeof(*made));
	struct pollfd answer;
	bool acknowledged = false;
	int rc;

	if (!made)
		return nvb_fail_oom(err);
	made->socket = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
	made->notify = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC);
	if (made->socket < 0 || made->notify < 0)
		return nvb_fail_errno(err, errno, "the kernel's process events");
	rc = mark_all(made, ours, err);
	if (rc == 0)
		rc = listen_to(made->socket, err);
	if (rc < 0)
		return rc;
	/* In namespaces the kernel takes the question and never answers. */
	answer = (struct pollfd){.fd = made->socket, .events = POLLIN};
	while (!acknowledged && poll(&answer, 1, ACKNOWLEDGED) == 1)
		read_report(made, &acknowledged);
	if (!acknowledged)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED,
			"the kernel tells process events to root alone, outside of namespaces");
	*events = NVB_TAKE_PTR(made);
	return 0;
}

/* --- what they say --- */

/* The connector counts CLOCK_MONOTONIC. */
static uint64_t boottime_offset(void)
{
	struct timespec monotonic, boot;

	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (uint64_t)(boot.tv_sec - monotonic.tv_sec) * 1000000000 + (uint64_t)boot.tv_nsec -
	       (uint64_t)monotonic.tv_nsec;
}

struct span {
	uint64_t begin, end;
	enum nvb_program_kind kind;
};

/*
 * A process that executed several programs: of its execs the last ones are of the programs we know, for what
 * we do not know (env, a shell) comes before. `behind` is how many of those we know come later.
 */
static struct span span_of(
	const struct nvb_process_events *events, const struct execution *execution, size_t behind)
{
	struct span span = {0, UINT64_MAX, execution->kind};
	size_t execs = 0, seen = 0;

	for (size_t i = 0; i < events->report_count; i++)
		execs += events->reports[i].pid == execution->pid && events->reports[i].what == EVENT_EXEC;
	for (size_t i = 0; i < events->report_count; i++) {
		const struct report *report = &events->reports[i];

		if (report->pid != execution->pid)
			continue;
		seen += report->what == EVENT_EXEC;
		if (report->what == EVENT_EXEC && !span.begin && seen + behind >= execs)
			span.begin = report->time;
		else if (span.begin && span.end == UINT64_MAX)
			span.end = report->time;
	}
	return span;
}

static int by_begin(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->begin > y->begin) - (x->begin < y->begin);
}

static void add_up(
	const struct span *spans, size_t count, uint64_t from, uint64_t to, struct nvb_process_phases *phases)
{
	uint64_t covered = from;

	for (size_t i = 0; i < count; i++) {
		uint64_t begin = spans[i].begin, end = spans[i].end < to ? spans[i].end : to;

		if (begin < from || begin >= to)
			continue;
		if (spans[i].kind != NVB_PROGRAM_HOOK && !phases->runtime) {
			phases->runtime = begin;
			phases->shim = spans[i].kind == NVB_PROGRAM_SHIM ? end - begin : 0;
		}
		if (spans[i].kind != NVB_PROGRAM_HOOK)
			continue;
		phases->hook_count++;
		begin = begin > covered ? begin : covered;
		phases->hooks += end > begin ? end - begin : 0;
		covered = end > covered ? end : covered;
	}
}

int nvb_process_events_phases(struct nvb_process_events *events, uint64_t from, uint64_t to,
	struct nvb_process_phases *phases, nvb_error **err)
{
	_cleanup_free_ struct span *spans = NULL;
	struct nvb_process_phases found = {0};
	uint64_t offset = boottime_offset();

	nvb_process_events_drain(events);
	if (events->lost)
		return nvb_fail(err, NVB_ERR_SYSTEM, "the kernel had more process events than it keeps");
	spans = calloc(events->execution_count + 1, sizeof(*spans));
	if (!spans)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < events->execution_count; i++) {
		size_t behind = 0;

		for (size_t j = i + 1; j < events->execution_count; j++)
			behind += events->executions[j].pid == events->executions[i].pid;
		spans[i] = span_of(events, &events->executions[i], behind);
	}
	qsort(spans, events->execution_count, sizeof(*spans), by_begin);
	add_up(spans, events->execution_count, from - offset, to - offset, &found);
	if (found.runtime)
		found.runtime += offset;
	*phases = found;
	return 0;
}
