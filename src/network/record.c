/* SPDX-License-Identifier: Apache-2.0 */
#include "network/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"

enum { LARGEST_RECORD = 4 << 20, PATIENCE_MS = 1000 };

void nvb_network_record_release(struct nvb_network_record *record)
{
	free(record->backend);
	free(record->program);
	free(record->netns);
	for (size_t i = 0; i < record->count; i++)
		nvb_network_info_release(&record->endpoints[i].network);
	free(record->endpoints);
	free(record->ports);
	*record = (struct nvb_network_record){0};
}

static void write_text(struct nvb_strbuf *out, const char *key, const char *value)
{
	if (!value)
		return;
	nvb_sb_addf(out, "\"%s\":", key);
	nvb_sb_add_json(out, value);
	nvb_sb_addc(out, ',');
}

static void write_all(const struct nvb_network_record *record, struct nvb_strbuf *out)
{
	char address[INET_ADDRSTRLEN];

	nvb_sb_addc(out, '{');
	write_text(out, "backend", record->backend);
	write_text(out, "program", record->program);
	write_text(out, "netns", record->netns);
	nvb_sb_addf(out, "\"translated\":%s,\"endpoints\":[", record->translated ? "true" : "false");
	for (size_t i = 0; i < record->count; i++) {
		const struct nvb_endpoint *endpoint = &record->endpoints[i];

		nvb_sb_addf(out, "%s{\"address\":\"%s\",\"interface\":\"%s\",\"network\":", i ? "," : "",
			nvb_address_format(endpoint->address, address), endpoint->interface);
		nvb_network_write(&endpoint->network, out);
		nvb_sb_addc(out, '}');
	}
	nvb_sb_add(out, "],\"ports\":[");
	for (size_t i = 0; i < record->port_count; i++) {
		const struct nvb_port *port = &record->ports[i];

		nvb_sb_addf(out, "%s{\"address\":\"%s\",\"host\":%u,\"container\":%u,\"udp\":%s}",
			i ? "," : "", port->address, port->host, port->container,
			port->udp ? "true" : "false");
	}
	nvb_sb_add(out, "]}\n");
}

int nvb_network_record_write(const char *directory, const struct nvb_network_record *record, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_free_ char *path = NULL, *temporary = NULL;
	_cleanup_close_ int fd = -1;
	int rc;

	write_all(record, &text);
	if (text.failed || asprintf(&path, "%s/network", directory) < 0 ||
		asprintf(&temporary, "%s/network.new", directory) < 0)
		return nvb_fail_oom(err);
	/* Renamed, not flushed: it need not outlive the kernel. */
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -errno : nvb_write_all(fd, text.s, text.len);
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

static const char *text_of(json_object *object, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : NULL;
}

static bool flag_of(json_object *object, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

static int number_of(json_object *object, const char *key)
{
	json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int(value) : 0;
}

static int read_endpoint(json_object *object, size_t number, struct nvb_endpoint *endpoint, nvb_error **err)
{
	const char *address = text_of(object, "address"), *interface = text_of(object, "interface");
	json_object *network;

	*endpoint = (struct nvb_endpoint){.first = number == 0};
	if (!address || !interface || strlen(interface) >= sizeof(endpoint->interface) ||
		!nvb_address_parse(address, &endpoint->address) ||
		!json_object_object_get_ex(object, "network", &network))
		return nvb_fail(err, NVB_ERR_CORRUPT, "not the record of a network");
	snprintf(endpoint->interface, sizeof(endpoint->interface), "%s", interface);
	return nvb_network_read(network, "network", &endpoint->network, err);
}

static int read_port(json_object *object, struct nvb_port *port, nvb_error **err)
{
	const char *address = text_of(object, "address");

	*port = (struct nvb_port){.host = (uint16_t)number_of(object, "host"),
		.container = (uint16_t)number_of(object, "container"),
		.udp = flag_of(object, "udp")};
	if (!address || strlen(address) >= sizeof(port->address))
		return nvb_fail(err, NVB_ERR_CORRUPT, "not the record of a network");
	snprintf(port->address, sizeof(port->address), "%s", address);
	return 0;
}

static size_t array_of(json_object *object, const char *key, json_object **array)
{
	return json_object_object_get_ex(object, key, array) && json_object_is_type(*array, json_type_array)
		       ? json_object_array_length(*array)
		       : 0;
}

static char *copy_of(json_object *object, const char *key)
{
	const char *text = text_of(object, key);

	return text ? strdup(text) : NULL;
}

static int read_all(json_object *object, struct nvb_network_record *record, nvb_error **err)
{
	json_object *endpoints = NULL, *ports = NULL;
	size_t count = array_of(object, "endpoints", &endpoints),
	       port_count = array_of(object, "ports", &ports);
	int rc = 0;

	record->backend = copy_of(object, "backend");
	record->program = copy_of(object, "program");
	record->netns = copy_of(object, "netns");
	record->translated = flag_of(object, "translated");
	record->endpoints = calloc(count + 1, sizeof(*record->endpoints));
	record->ports = calloc(port_count + 1, sizeof(*record->ports));
	if (!record->endpoints || !record->ports)
		return nvb_fail_oom(err);
	for (size_t i = 0; rc == 0 && i < count; i++, record->count += rc == 0)
		rc = read_endpoint(json_object_array_get_idx(endpoints, i), i, &record->endpoints[i], err);
	for (size_t i = 0; rc == 0 && i < port_count; i++, record->port_count += rc == 0)
		rc = read_port(json_object_array_get_idx(ports, i), &record->ports[i], err);
	return rc;
}

int nvb_network_record_read(const char *directory, struct nvb_network_record *out, nvb_error **err)
{
	_cleanup_network_record_ struct nvb_network_record record = {0};
	_cleanup_free_ char *path = NULL, *text = NULL;
	json_object *object;
	int rc;

	if (asprintf(&path, "%s/network", directory) < 0)
		return nvb_fail_oom(err);
	rc = nvb_file_read(AT_FDCWD, path, LARGEST_RECORD, &text, NULL, err);
	if (rc < 0)
		return rc;
	object = json_tokener_parse(text);
	rc = json_object_is_type(object, json_type_object)
		     ? read_all(object, &record, err)
		     : nvb_fail(err, NVB_ERR_CORRUPT, "not the record of a network");
	json_object_put(object);
	if (rc < 0)
		return nvb_wrap(err, rc, "%s", path);
	*out = record;
	record = (struct nvb_network_record){0};
	return 0;
}

int nvb_network_record_ports(const char *directory, const struct nvb_network_record *record, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	char port[NVB_PORT_TEXT];
	int rc;

	for (size_t i = 0; i < record->port_count; i++)
		nvb_sb_addf(&text, "%s%s", i ? ", " : "", nvb_port_format(&record->ports[i], port));
	nvb_sb_addc(&text, '\n');
	if (text.failed || asprintf(&path, "%s/network.ports", directory) < 0)
		return nvb_fail_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -errno : nvb_write_all(fd, text.s, text.len);
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

int nvb_network_record_process(const char *directory, pid_t pid, nvb_error **err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	char line[64];
	int rc;

	if (asprintf(&path, "%s/network.pids", directory) < 0)
		return nvb_fail_oom(err);
	snprintf(line, sizeof(line), "%d %" PRIu64 "\n", pid, nvb_proc_start_time(pid));
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = fd < 0 ? -errno : nvb_write_all(fd, line, strlen(line));
	return rc < 0 ? nvb_fail_errno(err, -rc, "%s", path) : 0;
}

/* The number may be another process's by now; once the descriptor is open it cannot change any more. */
static void end_process(pid_t pid, uint64_t started)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poller = {.fd = pidfd, .events = POLLIN};

	if (pidfd >= 0 && nvb_proc_is_alive(pid, started)) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		poll(&poller, 1, PATIENCE_MS);
	}
	/* A child of ours, perhaps. */
	waitpid(pid, NULL, WNOHANG);
}

void nvb_network_record_kill(const char *directory)
{
	_cleanup_free_ char *path = NULL, *text = NULL;

	if (asprintf(&path, "%s/network.pids", directory) < 0 ||
		nvb_file_read(AT_FDCWD, path, 1 << 16, &text, NULL, NULL) < 0)
		return;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
		line = strtok_r(NULL, "\n", &save)) {
		uint64_t started;
		int pid;

		if (sscanf(line, "%d %" SCNu64, &pid, &started) == 2 && pid > 1)
			end_process(pid, started);
	}
	unlink(path);
}
