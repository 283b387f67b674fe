/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "../monitor/names.h"
#include "../monitor/serve_options.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/logging.h"
#include "cli/notify.h"
#include "cli/output.h"
#include "exporter.h"
#include "nvbind/sampler.h"
#include "web/server.h"

/* The loop: a sampler, a server, signals, one thread. */

struct serving {
	const char *program;
	struct nvb_inventory *inventory;
	nvb_sampler *sampler;
	struct names *names;
	struct nvb_server *server;
	int signals;
	bool quitting;
};

static void release(struct serving *s)
{
	nvb_server_close(s->server);
	nvb_sampler_close(s->sampler);
	nvb_inventory_free(s->inventory);
	names_close(s->names);
	nvb_closep(&s->signals);
}

/* SIGPIPE: a client that is gone is no reason to end. */
static int take_signals(int *fd, nvb_error **err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return nvb_fail_errno(err, errno, "blocking signals");
	*fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *fd < 0 ? nvb_fail_errno(err, errno, "signalfd") : 0;
}

static int open_socket(int *fd, nvb_error **err)
{
	const struct serve_settings *s = &serve_settings;
	struct nvb_web_address address;
	int rc = inherited_socket(fd, err);

	if (rc < 0 || *fd >= 0)
		return rc;
	rc = nvb_web_address_parse(s->listen ? s->listen : SERVE_DEFAULT_ADDRESS, &address, err);
	return rc < 0 ? nvb_wrap(err, rc, "--listen") : nvb_web_address_listen(&address, fd, err);
}

static int open_server(struct serving *s, nvb_error **err)
{
	struct nvb_server_options options = {
		.page = serve_settings.web,
		.dcgm = serve_settings.compat == SERVE_COMPAT_DCGM,
		.tls_cert = serve_settings.tls_cert,
		.tls_key = serve_settings.tls_key,
		.token_file = serve_settings.token_file,
		.names = serve_settings.names,
		.log = nvb_logging(),
	};
	int rc = open_socket(&options.listen_fd, err);

	if (rc < 0)
		return rc;
	rc = nvb_server_open(&options, &s->server, err);
	if (rc < 0)
		close(options.listen_fd);
	return rc;
}

/* "http://127.0.0.1:9400": where everybody may come, by the host's name. */
static void base_url(const struct serving *s, char *buffer, size_t size)
{
	const char *scheme = serve_settings.tls_cert ? "https" : "http";
	char text[NVB_WEB_ADDRESS_TEXT], host[65] = "localhost";
	struct nvb_web_address address;

	nvb_server_address(s->server, &address);
	nvb_web_address_text(&address, text);
	if (nvb_web_address_is_any(&address)) {
		gethostname(host, sizeof(host) - 1);
		snprintf(buffer, size, "%s://%s%s", scheme, host, strrchr(text, ':'));
	} else {
		snprintf(buffer, size, "%s://%s", scheme, text);
	}
}

/* For people, and for who started it on any free port: stdout stays for data. */
static void say_where(const struct serving *s)
{
	char url[128];
	struct nvb_web_address address;

	base_url(s, url, sizeof(url));
	fprintf(stderr, "%s: metrics at %s/metrics\n", s->program, url);
	nvb_server_address(s->server, &address);
	if (!nvb_web_address_is_loopback(&address) && !serve_settings.token_file)
		nvb_report_warning(s->program, "whoever reaches this host can read its metrics: --token-file "
					       "closes them");
}

static void say_page(const struct serving *s)
{
	_cleanup_free_ char *link = NULL;
	char url[128];

	if (!serve_settings.web)
		return;
	base_url(s, url, sizeof(url));
	if (!nvb_server_is_closed(s->server)) {
		fprintf(stderr, "%s: page at %s/\n", s->program, url);
		return;
	}
	link = nvb_server_link(s->server);
	if (link)
		fprintf(stderr, "%s: page at %s%s (lets one browser in)\n", s->program, url, link);
}

/* 1: there was one. */
static int take_sample(struct serving *s, nvb_error **err)
{
	nvb_sample *sample = NULL;
	int rc = nvb_sampler_next(s->sampler, 0, &sample, err);

	if (rc == -NVB_ERR_CANCELLED) {
		nvb_error_free(*err);
		*err = NULL;
		return 0;
	}
	if (rc == 0 && sample) {
		rc = nvb_server_publish(s->server, sample, err);
		nvb_sample_unref(sample);
		return rc < 0 ? rc : 1;
	}
	return rc;
}

/* Certificates are renewed while it runs. What cannot be read leaves all as it was. */
static void reload(struct serving *s)
{
	_cleanup_error_ nvb_error *why = NULL;

	if (nvb_server_reload(s->server, &why) < 0)
		nvb_report_error(s->program, why);
	else
		say_page(s);
}

static void take_signal(struct serving *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(s);
		else
			s->quitting = true;
	}
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Every GPU's answer wakes the sampler; the server is left alone until there is a whole sample, which pages
 * wait for, or it has something else to do. */
static int loop(struct serving *s, nvb_error **err)
{
	int64_t due = 0; /* when the server must run, whatever happens; negative: never */
	int rc = 0;

	while (rc >= 0 && !s->quitting) {
		struct pollfd fds[] = {
			{nvb_sampler_fd(s->sampler), POLLIN, 0},
			{nvb_server_fd(s->server), POLLIN, 0},
			{s->signals, POLLIN, 0},
		};
		int64_t now = now_ms();

		rc = 0;
		if (poll(fds, NVB_ELEMENTS(fds),
			    due < 0	? -1
			    : due > now ? (int)(due - now)
					: 0) < 0 &&
			errno != EINTR)
			return nvb_fail_errno(err, errno, "poll");
		if (fds[0].revents)
			rc = take_sample(s, err);
		now = now_ms();
		if (rc >= 0 && (rc > 0 || fds[1].revents || (due >= 0 && now >= due))) {
			int timeout;

			rc = nvb_server_run(s->server, err);
			timeout = nvb_server_timeout(s->server);
			due = timeout < 0 ? -1 : now + timeout;
		}
		if (fds[2].revents)
			take_signal(s);
		if (nvb_server_link_was_used(s->server))
			say_page(s);
	}
	return rc < 0 ? rc : 0;
}

int serve(const char *program, uint64_t interval_ns, nvb_error **err)
{
	_cleanup_(release) struct serving s = {.program = program, .signals = -1};
	struct nvb_sampler_options options = {.size = sizeof(options),
		.interval_ns = interval_ns,
		.capsule_name = names_of_capsule,
		.capsule_of = names_of_process,
		.log = nvb_logging()};
	struct nvb_inventory_options where;
	int rc = take_signals(&s.signals, err);

	if (rc == 0)
		rc = open_server(&s, err);
	nvb_common_inventory_options(&where);
	if (rc == 0)
		rc = nvb_inventory_load(&where, &s.inventory, err);
	options.data = s.names = names_open();
	if (rc == 0)
		rc = nvb_sampler_open(s.inventory, &options, &s.sampler, err);
	if (rc < 0)
		return rc;
	say_where(&s);
	say_page(&s);
	nvb_notify("READY=1");
	rc = loop(&s, err);
	nvb_notify("STOPPING=1");
	return rc;
}
