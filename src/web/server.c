/* SPDX-License-Identifier: Apache-2.0 */
#include "web/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "web/internal.h"

#define SWEEP_MS 1000
#define PEM_MAX	 (1 << 20)

uint64_t nvb_web_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Kept for the error when a daemon does not start, and what it says of clients is for who debugs. */
static void hear(void *data, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
static void hear(void *data, const char *format, va_list arguments)
{
	struct nvb_server *server = data;

	vsnprintf(server->daemon_said, sizeof(server->daemon_said), format, arguments);
	server->daemon_said[strcspn(server->daemon_said, "\n")] = '\0';
	nvb_debug(server->options.log, "libmicrohttpd: %s", server->daemon_said);
}

struct pem {
	char *cert, *key;
};

static void pem_release(struct pem *pem)
{
	if (pem->key)
		explicit_bzero(pem->key, strlen(pem->key));
	free(pem->cert);
	free(pem->key);
}

static int read_pem(const struct nvb_server_options *options, struct pem *pem, nvb_error **err)
{
	size_t size;
	int rc;

	if (!options->tls_cert)
		return 0;
	rc = nvb_file_read(AT_FDCWD, options->tls_cert, PEM_MAX, &pem->cert, &size, err);
	if (rc == 0)
		rc = nvb_file_read(AT_FDCWD, options->tls_key, PEM_MAX, &pem->key, &size, err);
	return rc < 0 ? nvb_wrap(err, rc, "certificate for TLS") : 0;
}

static int start(struct nvb_server *server, const struct pem *pem, nvb_error **err)
{
	const bool tls = pem->cert;
	unsigned flags =
		MHD_USE_ERROR_LOG | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0u);
	struct MHD_OptionItem tls_options[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, pem->cert},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, pem->key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
		{MHD_OPTION_END, 0, NULL},
	};
	const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	int rc, fd;

	server->daemon_said[0] = '\0';
	/* A copy for each daemon: one that does not start closes it, and the next needs it again. */
	fd = fcntl(server->listen_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return nvb_fail_errno(err, errno, "the listening socket");
	errno = 0;
	server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, nvb_route, server, MHD_OPTION_EXTERNAL_LOGGER,
		hear, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned)NVB_WEB_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		(unsigned)NVB_WEB_CONNECTIONS_PER_IP, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)NVB_WEB_IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)NVB_WEB_REQUEST_BYTES,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_NOTIFY_CONNECTION, nvb_peer_notify, server, MHD_OPTION_NOTIFY_COMPLETED,
		nvb_route_done, server, MHD_OPTION_ARRAY, tls ? tls_options : none, MHD_OPTION_END);
	if (server->daemon)
		return 0;
	if (!tls)
		return nvb_fail_errno(
			err, errno ? errno : EINVAL, "starting the HTTP server: %s", server->daemon_said);
	rc = nvb_fail(err, NVB_ERR_INVALID, "TLS with %s and %s: %s", server->options.tls_cert,
		server->options.tls_key,
		*server->daemon_said ? server->daemon_said : "libmicrohttpd refuses them");
	return nvb_hint(err, rc, "both are PEM files, and the key is the certificate's");
}

static void stop(struct nvb_server *server, struct MHD_Daemon *daemon)
{
	int fd;

	if (!daemon)
		return;
	server->closing = true;
	fd = MHD_quiesce_daemon(daemon);
	if (fd >= 0)
		close(fd);
	nvb_streams_wake(server);
	MHD_stop_daemon(daemon);
	server->closing = false;
}

/* Who needs what: see struct nvb_server_options. */
static int decide_access(const struct nvb_server *server, struct nvb_access *access, nvb_error **err)
{
	const struct nvb_server_options *options = &server->options;
	int rc = 0;

	if (options->token_file)
		rc = nvb_access_read_token(access, options->token_file, err);
	else if (options->page && !server->loopback)
		rc = nvb_access_make_token(access, err);
	return rc < 0 ? rc : nvb_access_new_link(access, err);
}

static void close_doors(struct nvb_server *server)
{
	server->metrics_closed = server->options.token_file;
	server->page_closed = server->access.token[0];
}

int nvb_server_open(const struct nvb_server_options *options, struct nvb_server **server, nvb_error **err)
{
	struct nvb_server *made = calloc(1, sizeof(*made));
	_cleanup_(pem_release) struct pem pem = {0};
	struct nvb_web_address address;
	int rc;

	if (!made)
		return nvb_fail_oom(err);
	made->options = *options;
	made->listen_fd = options->listen_fd;
	nvb_server_address(made, &address);
	made->loopback = nvb_web_address_is_loopback(&address);
	gethostname(made->host, sizeof(made->host) - 1);
	rc = decide_access(made, &made->access, err);
	if (rc == 0)
		rc = read_pem(options, &pem, err);
	if (rc == 0)
		rc = start(made, &pem, err);
	if (rc < 0) {
		/* The socket is the server's only where there is a server. */
		made->listen_fd = -1;
		nvb_server_close(made);
		return rc;
	}
	close_doors(made);
	*server = made;
	return 0;
}

void nvb_server_close(struct nvb_server *server)
{
	if (!server)
		return;
	stop(server, server->daemon);
	nvb_metrics_forget(server);
	nvb_streams_forget(server);
	nvb_history_release(&server->history);
	if (server->sample)
		nvb_sample_unref(server->sample);
	if (server->listen_fd >= 0)
		close(server->listen_fd);
	explicit_bzero(&server->access, sizeof(server->access));
	free(server);
}

/* Whoever came in need not come in again, unless it was by a token that no longer holds. */
static int renew_access(const struct nvb_server *server, struct nvb_access *access, nvb_error **err)
{
	int rc;

	*access = server->access;
	if (!server->options.token_file)
		return 0;
	rc = nvb_access_read_token(access, server->options.token_file, err);
	if (rc == 0 && !nvb_access_is_token(&server->access, access->token))
		memset(access->sessions, 0, sizeof(access->sessions));
	return rc;
}

int nvb_server_reload(struct nvb_server *server, nvb_error **err)
{
	_cleanup_(pem_release) struct pem pem = {0};
	struct MHD_Daemon *before = server->daemon;
	struct nvb_access access;
	int rc = renew_access(server, &access, err);

	if (rc == 0)
		rc = read_pem(&server->options, &pem, err);
	/* The new one first: both may have the socket, and neither runs meanwhile. */
	if (rc == 0)
		rc = start(server, &pem, err);
	if (rc < 0) {
		server->daemon = before;
		return rc;
	}
	stop(server, before);
	server->access = access;
	return 0;
}

int nvb_server_fd(const struct nvb_server *server)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->listen_fd : -1;
}

int nvb_server_timeout(const struct nvb_server *server)
{
	MHD_UNSIGNED_LONG_LONG wanted;
	int most = server->peers ? SWEEP_MS : -1;

	if (MHD_get_timeout(server->daemon, &wanted) != MHD_YES)
		return most;
	return most >= 0 && wanted > (unsigned)most ? most : (int)(wanted < INT32_MAX ? wanted : INT32_MAX);
}

int nvb_server_run(struct nvb_server *server, nvb_error **err)
{
	nvb_peers_sweep(server, nvb_web_now());
	nvb_streams_wake(server);
	if (MHD_run(server->daemon) != MHD_YES)
		return nvb_fail(err, NVB_ERR_SYSTEM, "the HTTP server failed: %s", server->daemon_said);
	return 0;
}

int nvb_server_publish(struct nvb_server *server, nvb_sample *sample, nvb_error **err)
{
	int rc = server->options.page ? nvb_history_add(&server->history, sample, err) : 0;

	if (rc < 0)
		return rc;
	if (server->sample)
		nvb_sample_unref(server->sample);
	server->sample = nvb_sample_ref(sample);
	server->published = nvb_web_now();
	nvb_metrics_forget(server);
	nvb_streams_wake(server);
	return 0;
}

void nvb_server_address(const struct nvb_server *server, struct nvb_web_address *address)
{
	*address = (struct nvb_web_address){.length = sizeof(address->address)};
	if (getsockname(server->listen_fd, (struct sockaddr *)&address->address, &address->length) < 0)
		address->address.ss_family = AF_UNSPEC;
}

bool nvb_server_is_closed(const struct nvb_server *server)
{
	return server->options.page && server->page_closed;
}

char *nvb_server_link(const struct nvb_server *server)
{
	char *link;

	return asprintf(&link, "/enter?link=%s", server->access.link) < 0 ? NULL : link;
}

bool nvb_server_link_was_used(struct nvb_server *server)
{
	bool used = server->link_used;

	server->link_used = false;
	return used;
}
