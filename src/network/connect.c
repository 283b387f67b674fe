/* SPDX-License-Identifier: Apache-2.0 */
#include "network/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "network/address.h"
#include "network/backend.h"
#include "network/listen.h"
#include "network/names.h"
#include "network/nat.h"
#include "network/netns.h"
#include "network/proxy.h"
#include "network/record.h"
#include "network/slirp.h"

struct nvb_connection {
	const struct nvb_backend *backend;
	struct nvb_network_record record;
	char *directory;
	uint32_t address; /* where published ports lead */
	const char *resolver;
	int *sockets; /* one for each port */
	size_t socket_count;
};

void nvb_connection_free(struct nvb_connection *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->socket_count; i++)
		close(c->sockets[i]);
	free(c->sockets);
	free(c->directory);
	nvb_network_record_release(&c->record);
	free(c);
}

static void connection_freep(struct nvb_connection **c)
{
	nvb_connection_free(*c);
}

const char *nvb_connection_resolver(const struct nvb_connection *c)
{
	return c ? c->resolver : NULL;
}

static int take_ports(struct nvb_connection *c, const struct nvb_network_request *request, nvb_error **err)
{
	size_t count = request->port_count;
	bool chosen = false;

	c->record.ports = calloc(count + 1, sizeof(*c->record.ports));
	c->sockets = calloc(count + 1, sizeof(*c->sockets));
	if (!c->record.ports || !c->sockets)
		return nvb_fail_oom(err);
	for (size_t i = 0; i < count; i++) {
		struct nvb_port port = request->ports[i];
		int fd = nvb_port_listen(&port, err);

		if (fd < 0)
			return fd;
		chosen |= !request->ports[i].host;
		c->record.ports[c->record.port_count++] = port;
		c->sockets[c->socket_count++] = fd;
	}
	/* Which ones, nobody else knows. */
	return chosen ? nvb_network_record_ports(request->directory, &c->record, err) : 0;
}

/* Which networks, and an address in each; the lock is held. */
static int take_addresses(
	struct nvb_connection *c, const struct nvb_network_request *request, nvb_error **err)
{
	int rc = 0;

	c->record.endpoints = calloc(nvb_strv_length(request->networks) + 1, sizeof(*c->record.endpoints));
	if (!c->record.endpoints)
		return nvb_fail_oom(err);
	nvb_strv_foreach (name, request->networks) {
		struct nvb_endpoint *endpoint = &c->record.endpoints[c->record.count];

		rc = nvb_network_open(request->place, *name, &endpoint->network, err);
		if (rc < 0)
			return rc;
		endpoint->first = c->record.count == 0;
		snprintf(endpoint->interface, sizeof(endpoint->interface), "eth%zu", c->record.count);
		c->record.count++;
		rc = nvb_address_take(request->place, &endpoint->network, request->id, request->names,
			&endpoint->address, err);
		if (rc < 0)
			return rc;
	}
	c->address = c->record.endpoints[0].address;
	return rc;
}

/* The capsule's own part of /etc/hosts: its addresses under its own name and its hostname. */
static int begin_hosts(
	const struct nvb_connection *c, const struct nvb_network_request *request, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf text = {0};
	char address[INET_ADDRSTRLEN];

	nvb_sb_add(&text, request->hosts);
	if (!c->record.count)
		nvb_sb_addf(&text, "%s\t%s\n", nvb_address_format(c->address, address), request->hostname);
	for (size_t i = 0; i < c->record.count; i++) {
		nvb_sb_addf(&text, "%s\t%s", nvb_address_format(c->record.endpoints[i].address, address),
			request->hostname);
		nvb_strv_foreach (name, request->names)
			if (!nvb_streq(*name, request->hostname))
				nvb_sb_addf(&text, " %s", *name);
		nvb_sb_addc(&text, '\n');
	}
	if (text.failed)
		return nvb_fail_oom(err);
	return nvb_names_begin(request->directory, text.s, request->extra_hosts, err);
}

static char *scratch_of(const struct nvb_network_place *place)
{
	char *path;

	return asprintf(&path, "%s/netavark", place->run) < 0 ? NULL : path;
}

static struct nvb_backend_task task_of(
	const struct nvb_network_record *record, const char *id, const char *scratch)
{
	return (struct nvb_backend_task){
		.id = id,
		.netns = record->netns,
		.scratch = scratch,
		.endpoints = record->endpoints,
		.count = record->count,
		.ports = record->ports,
		.port_count = record->port_count,
	};
}

static char *look_of(const struct nvb_network_place *place, const struct nvb_network_info *network)
{
	char *path;

	return asprintf(&path, "%s/networks/%s/translated", place->run, network->name) < 0 ? NULL : path;
}

/* Within the last second, under the networks' lock as now. */
static bool was_looked_at(const char *path)
{
	struct timespec now;
	struct stat st;
	int64_t age;

	if (stat(path, &st) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return false;
	age = (int64_t)(now.tv_sec - st.st_mtim.tv_sec) * 1000000000 + now.tv_nsec - st.st_mtim.tv_nsec;
	return age >= 0 && age < 1000000000;
}

/* iptables takes 3 ms to say that rules are there, which somebody else may have flushed meanwhile: of many
 * capsules that come up together one asks it. */
static int ensure_rules(
	const struct nvb_network_place *place, const struct nvb_network_info *network, nvb_error **err)
{
	_cleanup_free_ char *path = look_of(place, network);
	_cleanup_close_ int fd = -1;
	int rc;

	if (!path)
		return nvb_fail_oom(err);
	if (was_looked_at(path))
		return 0;
	rc = nvb_nat_ensure(network, err);
	if (rc == 0)
		fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		futimens(fd, NULL);
	return rc;
}

/* A host without address translation has bridges all the same. */
static int translate(struct nvb_connection *c, const struct nvb_network_request *request, nvb_error **err)
{
	const struct nvb_endpoint *first = &c->record.endpoints[0];
	_cleanup_error_ nvb_error *why = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->record.count; i++)
		rc = ensure_rules(request->place, &c->record.endpoints[i].network, &why);
	if (rc == 0 && !first->network.internal)
		rc = nvb_nat_add_ports(&first->network, request->id, first->address, c->record.ports,
			c->record.port_count, &why);
	if (rc == -NVB_ERR_NO_MEMORY) {
		nvb_error_move(err, NVB_TAKE_PTR(why));
		return rc;
	}
	if (rc < 0)
		nvb_warning(request->place->log,
			"network '%s': the host translates no addresses (%s), so the capsule reaches this "
			"host "
			"and its networks alone",
			first->network.name, nvb_error_message(why));
	return 0;
}

static int make_interfaces(
	struct nvb_connection *c, const struct nvb_network_request *request, nvb_error **err)
{
	_cleanup_free_ char *scratch = scratch_of(request->place);
	struct nvb_backend_task task = task_of(&c->record, request->id, scratch);

	return scratch ? c->backend->begin(c->record.program, &task, err) : nvb_fail_oom(err);
}

/* Several plugins at once may use a bridge, but not make it; netavark's rules are for one at a time. */
static bool one_at_a_time(const struct nvb_connection *c)
{
	for (size_t i = 0; i < c->record.count; i++)
		if (!if_nametoindex(c->record.endpoints[i].network.interface))
			return true;
	return c->backend->translates;
}

/* Rules and names, which are everybody's; the networks' lock is held. */
static int announce(struct nvb_connection *c, const struct nvb_network_request *request, nvb_error **err)
{
	int rc = c->backend->translates ? 0 : translate(c, request, err);

	for (size_t i = 0; rc == 0 && i < c->record.count; i++)
		rc = nvb_names_refresh(request->place, c->record.endpoints[i].network.name, err);
	return rc;
}

/* All of root's way; what fails in it, nvb_network_disconnect() takes away. */
static int join(struct nvb_connection *c, const struct nvb_network_request *request, nvb_error **err)
{
	_cleanup_close_ int own = nvb_network_lock_capsule(request->directory, err), lock = -1;
	int rc = own < 0 ? own : nvb_backend_choose(&c->backend, &c->record.program, err);

	if (rc < 0)
		return rc;
	c->record.backend = strdup(c->backend->name);
	c->record.translated = !c->backend->translates;
	lock = nvb_networks_lock(request->place, err);
	if (lock < 0)
		return lock;
	rc = c->record.backend ? take_addresses(c, request, err) : nvb_fail_oom(err);
	if (rc == 0)
		rc = nvb_network_record_write(request->directory, &c->record, err);
	if (rc == 0 && !one_at_a_time(c)) {
		close(lock);
		lock = -1;
	}
	if (rc == 0)
		rc = nvb_netns_create(c->record.netns, err);
	if (rc == 0)
		rc = begin_hosts(c, request, err);
	if (rc == 0)
		rc = make_interfaces(c, request, err);
	if (rc == 0 && lock < 0) {
		lock = nvb_networks_lock(request->place, err);
		rc = lock < 0 ? lock : 0;
	}
	return rc < 0 ? rc : announce(c, request, err);
}

/* Without root nobody makes a bridge: the capsule has a network of its own, with a way out. */
static int join_rootless(struct nvb_connection *c, const struct nvb_network_request *request, nvb_error **err)
{
	struct nvb_slirp slirp;
	int rc;

	if (nvb_strv_length(request->networks) != 1 || !nvb_streq(request->networks[0], "bridge"))
		return nvb_hint(err,
			nvb_fail(err, NVB_ERR_UNSUPPORTED,
				"network '%s': networks that capsules share are root's",
				request->networks[nvb_streq(request->networks[0], "bridge")]),
			"--network bridge gives each a network of its own");
	rc = nvb_network_record_write(request->directory, &c->record, err);
	if (rc == 0)
		rc = nvb_netns_create(c->record.netns, err);
	if (rc == 0)
		rc = nvb_slirp_start(c->record.netns, &slirp, err);
	if (rc < 0)
		return rc;
	c->address = slirp.address;
	c->resolver = slirp.resolver;
	rc = nvb_network_record_process(request->directory, slirp.pid, err);
	return rc < 0 ? rc : begin_hosts(c, request, err);
}

int nvb_network_connect(
	const struct nvb_network_request *request, struct nvb_connection **out, nvb_error **err)
{
	_cleanup_(connection_freep) struct nvb_connection *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return nvb_fail_oom(err);
	c->record.netns = strdup(request->netns);
	c->directory = strdup(request->directory);
	if (!c->record.netns || !c->directory)
		return nvb_fail_oom(err);
	rc = take_ports(c, request, err);
	if (rc == 0)
		rc = request->rootless ? join_rootless(c, request, err) : join(c, request, err);
	if (rc < 0)
		return rc;
	*out = NVB_TAKE_PTR(c);
	return 0;
}

int nvb_network_started(struct nvb_connection *c, pid_t init, nvb_error **err)
{
	const struct nvb_proxy proxy = {
		.sockets = c->sockets,
		.ports = c->record.ports,
		.count = c->socket_count,
		.address = c->address,
		.netns = c->record.netns,
		.init = init,
	};
	int pid = c->socket_count ? nvb_proxy_start(&proxy, err) : 0;

	if (pid <= 0)
		return pid;
	/* From here on they are the proxy's alone: they shall be free when it ends. */
	for (size_t i = 0; i < c->socket_count; i++)
		close(c->sockets[i]);
	c->socket_count = 0;
	return nvb_network_record_process(c->directory, pid, err);
}

static void complain(const struct nvb_network_place *place, const char *id, nvb_error **err)
{
	if (*err)
		nvb_warning(place->log, "network of capsule %.12s: %s", id, nvb_error_message(*err));
	nvb_error_free(NVB_TAKE_PTR(*err));
}

/* A backend that keeps rules must be told; where the namespace died with its processes, another will do. */
static void end_backend(
	const struct nvb_network_place *place, const char *id, const struct nvb_network_record *record)
{
	const struct nvb_backend *backend = nvb_streq(record->backend, nvb_backend_netavark.name)
						    ? &nvb_backend_netavark
						    : &nvb_backend_cni;
	_cleanup_free_ char *scratch = scratch_of(place);
	struct nvb_backend_task task = task_of(record, id, scratch);
	bool there = nvb_netns_is_there(record->netns);
	nvb_error *err = NULL;

	if (!scratch || !backend->translates)
		return;
	if (!there && nvb_netns_create(record->netns, &err) < 0) {
		complain(place, id, &err);
		return;
	}
	/* Of a namespace that is another it says that the interface is not there. */
	if (backend->end(record->program, &task, &err) < 0 && there)
		complain(place, id, &err);
	nvb_error_free(err);
}

static void leave(const struct nvb_network_place *place, const char *id, const char *directory,
	const struct nvb_network_record *record)
{
	nvb_error *err = NULL;
	/* A program that a killed bolt has left behind may still be at work. */
	_cleanup_close_ int own = nvb_network_lock_capsule(directory, &err),
			    lock = own < 0 ? -1 : nvb_networks_lock(place, &err);

	if (lock < 0) {
		complain(place, id, &err);
		return;
	}
	end_backend(place, id, record);
	if (record->translated && record->count)
		nvb_nat_remove_ports(&record->endpoints[0].network, id, record->endpoints[0].address,
			record->ports, record->port_count);
	for (size_t i = 0; i < record->count; i++)
		nvb_address_release(
			place, record->endpoints[i].network.name, id, record->endpoints[i].address);
	for (size_t i = 0; i < record->count; i++) {
		nvb_names_refresh(place, record->endpoints[i].network.name, &err);
		complain(place, id, &err);
	}
}

void nvb_network_disconnect(const struct nvb_network_place *place, const char *id, const char *directory)
{
	_cleanup_network_record_ struct nvb_network_record record = {0};
	_cleanup_free_ char *path = NULL;
	nvb_error *err = NULL;

	if (asprintf(&path, "%s/network", directory) < 0 || access(path, F_OK) < 0)
		return;
	nvb_network_record_kill(directory);
	if (nvb_network_record_read(directory, &record, &err) < 0) {
		complain(place, id, &err);
		return;
	}
	if (record.backend)
		leave(place, id, directory, &record);
	nvb_netns_release(record.netns);
	unlink(path);
}
