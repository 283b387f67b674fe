/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "sampler/gpus.h"
#include "sampler/link.h"

/*
 * The sampler's clockwork. At each deadline the child is asked; the sample is made when all have answered who
 * are waited for, or when patience ends. One timer wakes for whatever is next.
 */

#define MS	     UINT64_C(1000000)
#define SECOND	     UINT64_C(1000000000)
#define NEVER	     UINT64_MAX
#define LEAST	     (10 * MS)
#define MOST	     (3600 * SECOND)
#define PATIENCE     (250 * MS)
#define OPENING	     (10 * SECOND) /* how long the first sample waits for the library */
#define SLOW_EVERY   SECOND
#define LOOK_EVERY   SECOND
#define SAMPLE_EVERY (100 * MS) /* the driver has utilisation six times a second */
#define RETRY_LEAST  SECOND
#define RETRY_MOST   (30 * SECOND)
#define AGAIN_LEAST  (2 * SECOND)
#define AGAIN_MOST   (300 * SECOND)

struct nvb_sampler {
	const struct nvb_inventory *inventory;
	const struct nvb_log *log;
	char *library;						       /* malloc'd; NULL: there is none */
	uint64_t interval, process_interval, patience, patience_asked; /* asked 0: by the interval */
	int epoll, timer;
	struct nvb_sampler_link link, next; /* the second takes over when it has said hello */
	struct nvb_sampled_gpus gpus;
	struct nvb_known_processes known;
	struct nvb_bus listing;
	uint64_t listed;   /* the signature that the youngest child was started with */
	char failure[512]; /* why there is no child, for the user; "" none */
	uint64_t retry_at, retry_after;
	uint64_t again_at, again_after; /* for a GPU that the kernel lists and the driver does not */
	pid_t dying[4];			/* killed, and not gone yet */

	bool begun, collecting;
	uint64_t tick, deadline, next_deadline, collect_until, give_up_opening;
	uint64_t slow_at, look_at, processes_at, samples_at; /* when they are due again */
	nvb_sample *ready;

	uint64_t opened, missed, cpu_ours, cpu_before, cpu_child, child_rss;
};

enum { TAG_TIMER, TAG_CHILD };

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* The child: starting, taking over, failing. */

static void bury(struct nvb_sampler *s, pid_t pid)
{
	for (size_t i = 0; i < NVB_ELEMENTS(s->dying); i++)
		if (s->dying[i] && waitpid(s->dying[i], NULL, WNOHANG) != 0)
			s->dying[i] = 0;
	for (size_t i = 0; pid && i < NVB_ELEMENTS(s->dying); i++)
		if (!s->dying[i]) {
			s->dying[i] = pid;
			return;
		}
}

static void end_link(struct nvb_sampler *s, struct nvb_sampler_link *link)
{
	if (link == &s->link)
		s->cpu_before += s->cpu_child;
	if (link == &s->link)
		s->cpu_child = s->child_rss = 0;
	/* A younger child may have inherited the descriptor: closing it alone would leave it in there. */
	if (nvb_link_runs(link))
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, link->process.from, NULL);
	bury(s, nvb_link_end(link));
}

static void note_failure(struct nvb_sampler *s, const nvb_error *err)
{
	const char *hint = nvb_error_hint(err);

	snprintf(s->failure, sizeof(s->failure), "%s%s%s%s", nvb_error_message(err), hint ? " (" : "",
		hint ? hint : "", hint ? ")" : "");
	s->gpus.failure = s->failure;
	nvb_debug(s->log, "sampler: %s", s->failure);
}

/* Tried again later and later, until something changes. */
static void fail_link(
	struct nvb_sampler *s, struct nvb_sampler_link *link, const nvb_error *err, uint64_t now)
{
	end_link(s, link);
	if (link == &s->next && nvb_link_runs(&s->link))
		return;
	note_failure(s, err);
	s->retry_after = s->retry_after ? s->retry_after * 2 : RETRY_LEAST;
	if (s->retry_after > RETRY_MOST)
		s->retry_after = RETRY_MOST;
	s->retry_at = now + s->retry_after;
}

static void start_link(struct nvb_sampler *s, struct nvb_sampler_link *link, uint64_t now)
{
	_cleanup_error_ nvb_error *err = NULL;
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = TAG_CHILD};
	int rc = nvb_link_start(link, s->library, &err);

	s->retry_at = NEVER;
	s->listed = s->listing.signature;
	if (rc == 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, link->process.from, &event) < 0)
		rc = nvb_fail_errno(&err, errno, "epoll");
	if (rc < 0)
		fail_link(s, link, err, now);
}

static int explain(const struct nvb_sampler *s, const struct nvb_said_hello *hello, nvb_error **err)
{
	if (hello->step == NVB_SAID_NOT_LOADED)
		return nvb_fail(err, NVB_ERR_UNSUPPORTED, "loading %s: %s", s->library, hello->message);
	return nvb_nvml_fail(err, hello->result, "%s", s->library);
}

struct coming {
	struct nvb_sampler *sampler;
	struct nvb_sampler_link *link;
	uint64_t now;
};

static int take_hello(struct coming *c, const struct nvb_said_hello *hello, nvb_error **err)
{
	struct nvb_sampler *s = c->sampler;

	c->link->hello = *hello;
	if (hello->step != NVB_SAID_OPENED)
		return explain(s, hello, err);
	return 0;
}

static int handle(void *data, const struct nvb_said_head *head, const void *body, nvb_error **err)
{
	struct coming *c = data;
	const struct nvb_said_cost *cost = body;

	switch (head->type) {
	case NVB_SAID_HELLO:
		return take_hello(c, body, err);
	case NVB_SAID_COST:
		c->sampler->cpu_child = cost->cpu_ns;
		c->sampler->child_rss = cost->rss_bytes;
		return 0;
	default:
		/* One that has not taken over is not asked, so it says nothing else. */
		return c->link == &c->sampler->link
			       ? nvb_sampled_gpus_take(&c->sampler->gpus, head, body, c->now, err)
			       : 0;
	}
}

/* The younger child knows the GPUs that are there now: from here on it is the one. */
static int take_over(struct nvb_sampler *s, uint64_t now, nvb_error **err)
{
	int rc = nvb_sampled_gpus_restart(&s->gpus, &s->next.hello, err);

	if (rc < 0)
		return rc;
	end_link(s, &s->link);
	s->link = s->next;
	s->next = (struct nvb_sampler_link)NVB_SAMPLER_LINK_INIT;
	*s->failure = '\0';
	s->gpus.failure = NULL;
	s->retry_after = 0;
	s->slow_at = s->processes_at = s->samples_at = 0;
	/* It is asked at once what the other one was asked last. */
	if (!s->begun)
		s->next_deadline = now;
	else
		nvb_link_ask(&s->link, &(struct nvb_sampler_ask){.tick = s->tick, .groups = NVB_ASK_ALL});
	s->begun = true;
	return 0;
}

static int read_link(struct nvb_sampler *s, struct nvb_sampler_link *link, uint64_t now, nvb_error **err)
{
	struct coming coming = {s, link, now};
	_cleanup_error_ nvb_error *why = NULL;
	int rc;

	if (!nvb_link_runs(link))
		return 0;
	rc = nvb_link_take(link, handle, &coming, &why);
	if (rc == -NVB_ERR_NO_MEMORY)
		return nvb_fail_oom(err);
	if (rc < 0)
		fail_link(s, link, why, now);
	return 0;
}

/* Looks at the kernel's list: a GPU that came or went wants a child that knows it. */
static void look(struct nvb_sampler *s, uint64_t now)
{
	nvb_bus_read(&s->listing, s->inventory);
	nvb_sampled_gpus_compare(&s->gpus, &s->listing);
	nvb_known_processes_sweep(&s->known, now);
	bury(s, 0);
	if (!s->library || nvb_link_runs(&s->next))
		return;
	if (s->listing.signature != s->listed) {
		s->again_after = 0;
		start_link(s, &s->next, now);
	} else if (nvb_link_runs(&s->link) && nvb_sampled_gpus_lack(&s->gpus) && now >= s->again_at) {
		/* The driver may take its time with a GPU that the kernel lists. */
		s->again_after = s->again_after ? s->again_after * 2 : AGAIN_LEAST;
		if (s->again_after > AGAIN_MOST)
			s->again_after = AGAIN_MOST;
		s->again_at = now + s->again_after;
		start_link(s, &s->next, now);
	}
}

/* Deadlines. */

static uint32_t due(uint64_t *at, uint64_t now, uint64_t every, uint32_t group)
{
	/* A little early counts: deadlines jitter by less than a tenth. */
	if (every == NEVER || (*at && now + every / 10 < *at))
		return 0;
	*at = now + every;
	return group;
}

static void begin_tick(struct nvb_sampler *s, uint64_t now)
{
	uint64_t late = (now - s->next_deadline) / s->interval;
	struct nvb_sampler_ask ask = {.groups = NVB_ASK_FAST};

	if (s->tick)
		s->missed += late;
	s->deadline = s->next_deadline + late * s->interval;
	s->next_deadline = s->deadline + s->interval;
	s->tick += 1 + (s->tick ? late : 0);
	if (due(&s->look_at, now, LOOK_EVERY, 1))
		look(s, now);
	ask.tick = s->tick;
	ask.groups |= due(&s->samples_at, now, SAMPLE_EVERY, NVB_ASK_UTILIZATION);
	ask.groups |= due(&s->slow_at, now, SLOW_EVERY, NVB_ASK_SLOW);
	ask.groups |= due(&s->processes_at, now, s->process_interval, NVB_ASK_PROCESSES);
	s->gpus.asked = s->tick;
	s->gpus.asked_at = now;
	s->gpus.patience = s->patience;
	s->collecting = true;
	s->collect_until = now;
	if (nvb_link_runs(&s->link) && nvb_link_ask(&s->link, &ask))
		s->collect_until = now + s->patience;
}

static char *text_of(nvb_sample *sample, const char *s)
{
	return nvb_arena_strdup(&sample->arena, s);
}

static void put_cost(const struct nvb_sampler *s, struct nvb_sample_cost *cost, uint64_t now)
{
	cost->cpu_ns = s->cpu_ours + s->cpu_before + s->cpu_child;
	cost->elapsed_ns = now - s->opened;
	cost->collect_ns = now - s->deadline;
	cost->child_rss_bytes = s->child_rss;
	cost->missed = s->missed;
}

static int end_tick(struct nvb_sampler *s, uint64_t now, nvb_error **err)
{
	_cleanup_sample_ nvb_sample *sample = nvb_sampled_gpus_sample(&s->gpus, &s->known, s->tick, now);
	const char *notice = *s->failure ? s->failure : NULL;

	if (!sample)
		return nvb_fail_oom(err);
	if (!notice && s->gpus.count == 0)
		notice = "there is no NVIDIA GPU that the NVIDIA driver serves";
	sample->time = clock_ns(CLOCK_REALTIME) - (now - s->deadline);
	sample->sequence = s->tick;
	sample->interval = s->interval;
	sample->notice = notice ? text_of(sample, notice) : NULL;
	if (notice && !sample->notice)
		return nvb_fail_oom(err);
	put_cost(s, &sample->cost, now);
	s->collecting = false;
	nvb_sample_unref(s->ready);
	s->ready = NVB_TAKE_PTR(sample);
	return 0;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A library that takes for ever to load, or cannot be, does not keep the first sample. */
static void begin_without(struct nvb_sampler *s, uint64_t now)
{
	if (s->begun || (!*s->failure && now < s->give_up_opening))
		return;
	s->begun = true;
	s->next_deadline = now;
}

static int turn(struct nvb_sampler *s, nvb_error **err)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), wake;
	uint64_t expirations;
	int rc = 0;

	if (read(s->timer, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return nvb_fail_errno(err, errno, "timerfd");
	rc = read_link(s, &s->link, now, err);
	if (rc == 0)
		rc = read_link(s, &s->next, now, err);
	if (rc == 0 && nvb_link_runs(&s->next) && s->next.reader.has_hello)
		rc = take_over(s, now, err);
	if (rc < 0)
		return rc;
	if (now >= s->retry_at)
		start_link(s, &s->next, now);
	begin_without(s, now);
	if (s->begun && !s->collecting && now >= s->next_deadline)
		begin_tick(s, now);
	if (s->collecting && (now >= s->collect_until || nvb_sampled_gpus_answered(&s->gpus, s->tick)))
		rc = end_tick(s, now, err);
	wake = earliest(s->retry_at, s->begun ? NEVER : s->give_up_opening);
	wake = earliest(wake, s->collecting ? s->collect_until : s->begun ? s->next_deadline : NEVER);
	if (rc == 0 && timerfd_settime(s->timer, TFD_TIMER_ABSTIME,
			       &(struct itimerspec){.it_value = {.tv_sec = (time_t)(wake / SECOND),
							    .tv_nsec = (long)(wake % SECOND)}},
			       NULL) < 0)
		rc = nvb_fail_errno(err, errno, "timerfd");
	return rc;
}

/* Opening. */

static int open_clock(struct nvb_sampler *s, nvb_error **err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = TAG_TIMER};

	s->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->timer < 0 || s->epoll < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->timer, &event) < 0)
		return nvb_fail_errno(err, errno, "the sampler's timer");
	return 0;
}

static int check_interval(uint64_t interval, nvb_error **err)
{
	if (interval < LEAST || interval > MOST)
		return nvb_fail(err, NVB_ERR_INVALID, "an interval is from 10ms to 1h");
	return 0;
}

static uint64_t patience_for(const struct nvb_sampler *s, uint64_t interval)
{
	return s->patience_asked ? s->patience_asked : earliest(interval / 2, PATIENCE);
}

static int take_options(struct nvb_sampler *s, const struct nvb_sampler_options *options, nvb_error **err)
{
	static const struct nvb_sampler_options defaults = {.size = sizeof(defaults)};

	if (!options)
		options = &defaults;
	if (options->size != sizeof(*options))
		return nvb_fail(err, NVB_ERR_INVALID, "struct nvb_sampler_options has another size");
	s->interval = options->interval_ns ? options->interval_ns : SECOND;
	s->process_interval = options->process_interval_ns ? options->process_interval_ns : SECOND / 2;
	s->patience_asked = options->patience_ns;
	s->patience = patience_for(s, s->interval);
	s->known.patience = earliest(s->process_interval, SECOND);
	s->known.capsule_name = options->capsule_name;
	s->known.capsule_of = options->capsule_of;
	s->known.data = options->data;
	s->log = options->log;
	return check_interval(s->interval, err);
}

/* Without a library there is nothing to start, and that is what the samples say. */
static void find_library(struct nvb_sampler *s)
{
	_cleanup_error_ nvb_error *err = NULL;

	if (nvb_nvml_library(s->inventory, &s->library, &err) < 0) {
		note_failure(s, err);
		s->retry_at = NEVER;
	}
}

int nvb_sampler_open(const nvb_inventory *inventory, const struct nvb_sampler_options *options,
	nvb_sampler **sampler, nvb_error **error)
{
	struct nvb_sampler *s = calloc(1, sizeof(*s));
	uint64_t now = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int rc;

	if (!s)
		return nvb_fail_oom(error);
	s->inventory = inventory;
	s->epoll = s->timer = -1;
	s->link = s->next = (struct nvb_sampler_link)NVB_SAMPLER_LINK_INIT;
	s->opened = now;
	s->retry_at = NEVER;
	s->give_up_opening = now + OPENING;
	rc = take_options(s, options, error);
	if (rc == 0)
		rc = open_clock(s, error);
	if (rc == 0)
		rc = nvb_sampled_gpus_begin(&s->gpus, inventory, now, error);
	if (rc == 0) {
		nvb_known_processes_begin(&s->known);
		nvb_bus_read(&s->listing, inventory);
		find_library(s);
		if (s->library)
			start_link(s, &s->next, now);
		rc = turn(s, error);
	}
	if (rc < 0) {
		nvb_sampler_close(s);
		return rc;
	}
	s->cpu_ours += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	*sampler = s;
	return 0;
}

void nvb_sampler_close(nvb_sampler *s)
{
	if (!s)
		return;
	nvb_link_end(&s->next);
	nvb_link_end(&s->link);
	bury(s, 0);
	nvb_sample_unref(s->ready);
	nvb_sampled_gpus_release(&s->gpus);
	nvb_known_processes_release(&s->known);
	free(s->listing.pci);
	free(s->library);
	nvb_closep(&s->timer);
	nvb_closep(&s->epoll);
	free(s);
}

int nvb_sampler_fd(const nvb_sampler *sampler)
{
	return sampler->epoll;
}

int nvb_sampler_set_interval(nvb_sampler *s, uint64_t interval_ns, nvb_error **error)
{
	int rc = check_interval(interval_ns, error);

	if (rc < 0)
		return rc;
	s->patience = patience_for(s, interval_ns);
	s->interval = interval_ns;
	s->next_deadline = earliest(s->next_deadline, clock_ns(CLOCK_MONOTONIC) + interval_ns);
	return turn(s, error);
}

/* Until the descriptor is readable: 1, 0 when the time is up, or a negated code. */
static int wait_for(struct nvb_sampler *s, uint64_t until, nvb_error **err)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct pollfd p = {.fd = s->epoll, .events = POLLIN};
	struct timespec left = {
		.tv_sec = (time_t)((until - now) / SECOND), .tv_nsec = (long)((until - now) % SECOND)};
	int rc;

	if (now >= until)
		return 0;
	rc = ppoll(&p, 1, until == NEVER ? NULL : &left, NULL);
	if (rc < 0 && errno == EINTR)
		return nvb_fail(err, NVB_ERR_CANCELLED, "interrupted");
	return rc < 0 ? nvb_fail_errno(err, errno, "poll") : rc > 0;
}

int nvb_sampler_next(nvb_sampler *s, int timeout_ms, nvb_sample **sample, nvb_error **error)
{
	uint64_t until = timeout_ms < 0 ? NEVER : clock_ns(CLOCK_MONOTONIC) + (uint64_t)timeout_ms * MS;
	uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int rc;

	do
		rc = turn(s, error);
	while (rc == 0 && !s->ready && (rc = wait_for(s, until, error)) > 0);
	s->cpu_ours += clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
	if (rc < 0)
		return rc;
	*sample = NVB_TAKE_PTR(s->ready);
	return 0;
}
