/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>

#include "base/str.h"
#include "cdi_refresh.h"
#include "cdi_verbs.h"
#include "cli/logging.h"
#include "cli/notify.h"
#include "cli/output.h"
#include "watch/watch.h"

/*
 * nvbind cdi refresh --watch. Between two passes it sleeps until the kernel says that something changed;
 * nothing is looked at on a schedule. Changes come in bursts (a package replaces a hundred files), so a pass
 * waits until there is silence, but not for ever.
 */
enum { SILENCE_MS = 500, PATIENCE_MS = 10 * 1000, RETRY_MS = 60 * 1000 };

struct loop {
	struct nvb_watcher watcher;
	int signals;
	bool ending;
	bool racy;   /* the last pass was made because of time stamps that say too little */
	bool failed; /* the last pass did: for want of memory or descriptors, which nobody tells the end of */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Blocked and read from a descriptor, so that one is never lost between two system calls. SIGHUP asks for a
 * pass. */
static int open_signals(nvb_error **err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? nvb_fail_errno(err, errno, "signals") : fd;
}

/* True when SIGHUP came. */
static bool read_signals(struct loop *loop)
{
	struct signalfd_siginfo info;
	bool again = false;

	while (read(loop->signals, &info, sizeof(info)) == sizeof(info)) {
		loop->ending |= info.ssi_signo != SIGHUP;
		again |= info.ssi_signo == SIGHUP;
	}
	return again;
}

/* Sleeps for `timeout` ms (-1: as long as it takes). 1: something came that matters, 0: it did not. */
static int sleep_until_change(struct loop *loop, int timeout, nvb_error **err)
{
	struct pollfd fds[] = {
		{.fd = loop->signals, .events = POLLIN}, {.fd = loop->watcher.inotify, .events = POLLIN},
		{.fd = loop->watcher.uevents, .events = POLLIN}, /* -1 is left out by poll */
	};

	if (poll(fds, NVB_ELEMENTS(fds), timeout) < 0 && errno != EINTR)
		return nvb_fail_errno(err, errno, "waiting");
	if (read_signals(loop))
		return 1;
	return loop->ending ? 0 : nvb_watcher_drain(&loop->watcher, err);
}

/* Returns once something changed and it is quiet again, or the end was asked for. `changed`: it did already.
 */
static int wait_for_change(struct loop *loop, bool changed, nvb_error **err)
{
	int64_t limit;
	int rc = changed;

	while (rc == 0 && !loop->ending && !loop->failed)
		rc = sleep_until_change(loop, -1, err);
	if (rc == 0 && loop->failed)
		rc = sleep_until_change(loop, RETRY_MS, err);
	limit = now_ms() + PATIENCE_MS;
	while (rc > 0 && !loop->ending && now_ms() < limit)
		rc = sleep_until_change(loop, SILENCE_MS, err);
	return rc < 0 ? rc : 0;
}

/* A hook that is removed or comes back: the one that each spec names. */
static int watch_hooks(struct loop *loop, const struct cdi_examination *x, nvb_error **err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < x->count; i++) {
		const struct nvb_cdi_edits *edits =
			x->files[i].source ? x->files[i].source->spec.edits : NULL;

		for (size_t h = 0; rc == 0 && edits && h < edits->hook_count; h++)
			rc = nvb_watcher_add_file(&loop->watcher, edits->hooks[h].path, err);
	}
	return rc;
}

/* A root that is not there (a driver's container that does not run) is waited for; one that came meanwhile is
 * a change. */
static int watch_roots(struct loop *loop, struct cdi_examination *x, const struct cdi_file *file,
	bool *changed, nvb_error **err)
{
	struct nvb_inventory *inventory;
	size_t known = x->hosts.count;
	const char *roots[4];
	int rc = 0;

	cdi_recipe_roots(&file->recipe, roots);
	for (size_t i = 0; rc == 0 && i < NVB_ELEMENTS(roots); i++)
		if (!nvb_streq(roots[i], "/"))
			rc = nvb_watcher_add_directory(&loop->watcher, roots[i], err);
	*changed |= rc == 0 && cdi_host_of(&x->hosts, &file->recipe, &inventory, NULL) == 0 &&
		    x->hosts.count > known;
	return rc;
}

/* What this pass looked at. *changed: some of it is another already. */
static int watch_hosts(struct loop *loop, struct cdi_examination *x, bool *changed, nvb_error **err)
{
	int rc = watch_hooks(loop, x, err);
	bool racy = false;

	for (size_t i = 0; rc == 0 && i < x->count; i++)
		if (x->files[i].line && !x->files[i].why_not)
			rc = watch_roots(loop, x, &x->files[i], changed, err);
	for (size_t i = 0; rc == 0 && i < x->hosts.count; i++) {
		const struct nvb_inventory *inventory = x->hosts.items[i].inventory;

		rc = nvb_watcher_add_inventory(&loop->watcher, inventory, err);
		*changed |= rc == 0 && !nvb_fingerprint_holds(&inventory->fingerprint, &inventory->roots);
		racy |= nvb_fingerprint_is_racy(&inventory->fingerprint);
	}
	/* Something changed within a clock tick of being read, and may have changed again: once more, but not
	 * for ever, should stamps lie in the future. */
	*changed |= racy && !loop->racy;
	loop->racy = racy && !loop->racy;
	return rc;
}

static void report(const struct cdi_refreshed *done, bool first)
{
	char state[128];

	snprintf(state, sizeof(state),
		"%sSTATUS=%zu specs of ours, %zu made again just now, %zu that do not fit",
		first ? "READY=1\n" : "", done->own, done->written, done->failed);
	nvb_notify(state);
}

/* One round. The spec directories are watched before the pass, so what happens to them meanwhile is not
 * missed; what the pass writes itself causes one more, which finds nothing to do. */
static int pass(struct loop *loop, bool first, bool *changed, nvb_error **err)
{
	_cleanup_examination_ struct cdi_examination x = {0};
	_cleanup_error_ nvb_error *why = NULL;
	struct cdi_refreshed done = {0};
	int rc = nvb_watcher_open(&loop->watcher, first ? nvb_logging() : NULL, err);
	const char *const *directories = nvbind_cdi_directories();

	for (size_t i = 0; rc == 0 && directories[i]; i++)
		rc = nvb_watcher_add_directory(&loop->watcher, directories[i], err);
	if (rc < 0)
		return rc;
	loop->failed = cdi_refresh_pass(&x, &done, !first, false, &why) < 0;
	if (loop->failed)
		nvb_report_error("nvbind", why);
	rc = watch_hosts(loop, &x, changed, err);
	report(&done, first);
	return rc;
}

int cdi_watch(nvb_error **err)
{
	struct loop loop = {.watcher = {.inotify = -1, .uevents = -1}, .signals = open_signals(err)};
	int rc = loop.signals < 0 ? loop.signals : 0;

	for (bool first = true; rc == 0 && !loop.ending; first = false) {
		bool changed = false;

		nvb_watcher_close(&loop.watcher);
		rc = pass(&loop, first, &changed, err);
		if (rc == 0)
			rc = wait_for_change(&loop, changed, err);
	}
	nvb_notify("STOPPING=1");
	nvb_watcher_close(&loop.watcher);
	nvb_closep(&loop.signals);
	return rc;
}
