/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "preflight_look.h"

/* Connections that lead out of a capsule, and those that do not. */

static int listener;

static void listen_somewhere(struct sockaddr_in *address)
{
	socklen_t size = sizeof(*address);

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)address, sizeof(*address)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)address, &size), 0);
}

static struct sockaddr_in there;

static void connect_there(const char *unused)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)unused;
	if (connect(fd, (struct sockaddr *)&there, sizeof(there)) < 0)
		_exit(1);
}

static void tcp_connections(void **state)
{
	struct nvb_preflight_capsule capsule = {
		.inventory = &inventory, .count = 1, .place = "/", .criu = {.path = "criu", .major = 4}};
	_cleanup_preflight_ struct nvb_preflight_report kept = {0};
	char port[32];
	int pid;

	(void)state;
	listen_somewhere(&there);
	snprintf(port, sizeof(port), "127.0.0.1 port %u", ntohs(there.sin_port));
	pid = child_that(connect_there, NULL);
	struct nvb_preflight_report report = look(&pid, 1);
	expect(&report, "socket-outside", true, port);
	assert_int_equal(found(&report, "socket-outside")->pid, pid);
	assert_non_null(strstr(found(&report, "socket-outside")->hint, "--tcp"));
	nvb_preflight_report_release(&report);

	capsule.pids = &pid;
	capsule.init = pid;
	capsule.tcp = true;
	assert_int_equal(nvb_preflight_take(&capsule, &kept, NULL), 0);
	expect(&kept, "socket-outside", false, port);
	assert_null(found(&kept, "socket-outside")->hint);
	assert_false(nvb_preflight_fails(&kept));
	end_child(pid);
	close(listener);
}

static void listen_there(const char *unused)
{
	struct sockaddr_in address;

	(void)unused;
	listen_somewhere(&address);
}

static void listening_is_no_connection(void **state)
{
	_cleanup_preflight_ struct nvb_preflight_report report = look_at(listen_there, NULL);

	(void)state;
	expect_none(&report);
}

static struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	assert_in_range(snprintf(address.sun_path, sizeof(address.sun_path), "%s", path), 1,
		sizeof(address.sun_path) - 1);
	return address;
}

static void connect_unix(const char *path)
{
	struct sockaddr_un address = unix_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		_exit(1);
}

static void serve_unix(const char *path)
{
	struct sockaddr_un address = unix_address(path);

	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 4) < 0)
		_exit(1);
}

static void serve_and_accept(const char *path)
{
	serve_unix(path);
	connect_unix(path);
	if (accept(listener, NULL, NULL) < 0)
		_exit(1);
}

static void unix_connections(void **state)
{
	char path[128];
	int both[2], accepted;
	pid_t client;

	(void)state;
	snprintf(path, sizeof(path), "%s/socket", scratch.path);
	serve_unix(path);
	client = child_that(connect_unix, path);
	accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct nvb_preflight_report report = look(&client, 1);
	expect(&report, "socket-outside", true, path);
	nvb_preflight_report_release(&report);
	close(accepted);
	close(listener);
	end_child(client);

	/* Both ends in one capsule. */
	snprintf(path, sizeof(path), "%s/inside", scratch.path);
	both[0] = child_that(serve_and_accept, path);
	both[1] = child_that(NULL, NULL);
	report = look(both, 2);
	expect_none(&report);
	nvb_preflight_report_release(&report);
	end_child(both[0]);
	end_child(both[1]);
}

/* The driver's own connection is CUDA's: the same one of a process without CUDA is one to the outside. */
static void the_drivers_connection(void **state)
{
	char path[128];
	int accepted;
	pid_t client;

	(void)state;
	scratch_mkdir("run/nvidia-persistenced");
	snprintf(path, sizeof(path), "%s/run/nvidia-persistenced/socket", scratch.path);
	serve_unix(path);
	client = child_that(connect_unix, path);
	accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	struct nvb_preflight_report report = look(&client, 1);
	expect(&report, "socket-outside", true, "nvidia-persistenced");
	nvb_preflight_report_release(&report);
	close(accepted);
	close(listener);
	end_child(client);
}

static void tcp_lines(void **state)
{
	struct nvb_preflight_tcp t;

	(void)state;
	assert_true(
		nvb_preflight_tcp_parse("   1: 0100007F:1F90 0200000A:01BB 01 00000000:00000000 00:00000000 "
					"00000000  1000        0 31337 1 0000 100 0 0 10 0\n",
			&t));
	assert_string_equal(t.address, "10.0.0.2");
	assert_int_equal(t.port, 443);
	assert_int_equal(t.state, 1);
	assert_int_equal(t.inode, 31337);
	assert_true(nvb_preflight_tcp_parse(
		"  10: 00000000000000000000000001000000:0016 00000000000000000000000001000000:D431 0A "
		"00000000:00000000 00:00000000 00000000     0        0 77 1 0\n",
		&t));
	assert_string_equal(t.address, "::1");
	assert_int_equal(t.state, 10);
	t.port = 7;
	assert_false(nvb_preflight_tcp_parse("  sl  local_address rem_address   st", &t));
	assert_false(nvb_preflight_tcp_parse("", &t));
	assert_false(nvb_preflight_tcp_parse("   1: 0100007F:1F90 0200000A01BB 01 0:0 0:0 0 0 0 1", &t));
	assert_int_equal(t.port, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		scratch_test(tcp_connections),
		scratch_test(listening_is_no_connection),
		scratch_test(unix_connections),
		scratch_test(the_drivers_connection),
		scratch_test(tcp_lines),
	};

	fixture_inventory(&inventory);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
