/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "scratch.h"
#include "supervisor/attach.h"
#include "supervisor/streams.h"

/* A detached capsule's streams, with pipes in the place of the capsule. */

static struct {
	struct nvb_streams *streams;
	struct nvb_log_writer *log;
	int output, error, input; /* the program's ends */
} capsule;

static void make_pipe(int *reading, int *writing)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	*reading = fds[0];
	*writing = fds[1];
}

static int setup(void **state)
{
	const struct nvb_log_options log = {.max_size = UINT64_MAX, .max_files = 1};
	struct nvb_streams_options options = {.relay = {-1, -1}};

	if (scratch_make(state) < 0)
		return -1;
	make_pipe(&options.output, &capsule.output);
	make_pipe(&options.error, &capsule.error);
	make_pipe(&capsule.input, &options.input);
	assert_int_equal(nvb_log_writer_open(scratch_path("log"), NULL, &log, &capsule.log, NULL), 0);
	options.log = capsule.log;
	return nvb_streams_open(&options, &capsule.streams, NULL);
}

static int teardown(void **state)
{
	nvb_streams_close(capsule.streams);
	nvb_log_writer_close(capsule.log);
	nvb_closep(&capsule.output);
	nvb_closep(&capsule.error);
	nvb_closep(&capsule.input);
	return scratch_remove(state);
}

static int attach(const char *request)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	nvb_streams_attach(capsule.streams, fds[0], request);
	return fds[1];
}

/* Until there is nothing more to do. */
static void settle(void)
{
	struct pollfd fd = {.fd = nvb_streams_fd(capsule.streams), .events = POLLIN};

	for (int i = 0; poll(&fd, 1, 0) > 0; i++) {
		assert_true(i < 100000);
		nvb_streams_turn(capsule.streams);
	}
}

/* The next packet as a string; "" when there is none, "closed" when there will be none. */
static const char *next(int fd)
{
	static char packet[NVB_ATTACH_PACKET_MOST + 1];
	ssize_t n = recv(fd, packet, sizeof(packet) - 1, MSG_DONTWAIT);

	if (n == 0)
		return "closed";
	packet[n > 0 ? n : 0] = '\0';
	return packet;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void type(int fd, const char *packet)
{
	assert_int_equal(send(fd, packet, strlen(packet), MSG_NOSIGNAL), strlen(packet));
}

static const char *read_input(void)
{
	static char text[256];
	ssize_t n;

	fcntl(capsule.input, F_SETFL, O_NONBLOCK);
	n = read(capsule.input, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return n == 0 ? "closed" : text;
}

static void everybody_gets_everything(void **state)
{
	int one = attach("attach"), two = attach("attach input");

	(void)state;
	say(capsule.output, "out\n");
	say(capsule.error, "err\n");
	settle();
	for (int i = 0; i < 2; i++) {
		assert_string_equal(next(i ? two : one), "oout\n");
		assert_string_equal(next(i ? two : one), "xerr\n");
		assert_string_equal(next(i ? two : one), "");
	}
	assert_int_equal(nvb_streams_attached(capsule.streams), 2);
	close(one);
	settle();
	assert_int_equal(nvb_streams_attached(capsule.streams), 1);
	say(capsule.output, "last words");
	nvb_streams_ended(capsule.streams, 7, true);
	assert_string_equal(next(two), "olast words");
	assert_string_equal(next(two), "");
	nvb_streams_close(NVB_TAKE_PTR(capsule.streams));
	assert_string_equal(next(two), "q7");
	assert_string_equal(next(two), "closed");
	close(two);
}

static void input_reaches_the_program(void **state)
{
	int mute = attach("attach"), fd = attach("attach input");

	(void)state;
	type(mute, "inot me");
	type(mute, "e");
	settle();
	assert_string_equal(read_input(), "");
	type(fd, "ihello");
	type(fd, "w24 80");
	type(fd, "i world");
	settle();
	assert_string_equal(read_input(), "hello world");
	type(fd, "e");
	settle();
	assert_string_equal(read_input(), "closed");
	/* It can still listen. */
	say(capsule.output, "bye");
	settle();
	assert_string_equal(next(fd), "obye");
	close(fd);
	close(mute);
}

/* Who typed and left has been heard, however slowly the program reads. */
static void input_outlives_who_typed_it(void **state)
{
	enum { PACKETS = 6, SIZE = 32000 };
	int fd = attach("attach input");
	char packet[SIZE + 2] = "i", text[4096];
	size_t total = 0;
	ssize_t n;

	(void)state;
	memset(packet + 1, 'x', SIZE);
	for (int i = 0; i < PACKETS; i++)
		type(fd, packet);
	type(fd, "e");
	close(fd);
	for (int i = 0; i < 10; i++)
		nvb_streams_turn(capsule.streams);
	say(capsule.output, "meanwhile");
	fcntl(capsule.input, F_SETFL, O_NONBLOCK);
	do {
		n = read(capsule.input, text, sizeof(text));
		total += n > 0 ? (size_t)n : 0;
		nvb_streams_turn(capsule.streams);
	} while (n > 0 || (n < 0 && errno == EAGAIN && total < PACKETS * SIZE));
	assert_int_equal(n, 0);
	assert_int_equal(total, PACKETS * SIZE);
	settle();
	assert_int_equal(nvb_streams_attached(capsule.streams), 0);
}

static uint64_t log_size(void)
{
	struct nvb_log_reader *reader;
	struct nvb_log_record record;
	uint64_t size = 0;

	assert_int_equal(nvb_log_reader_open(scratch_path("log"), &reader, NULL), 0);
	while (nvb_log_reader_next(reader, true, &record, NULL) == 1)
		size += record.size + record.ends_line;
	nvb_log_reader_close(reader);
	return size;
}

/* One who takes nothing stops nobody, and learns afterwards how much it has missed. */
static void the_slow_are_skipped(void **state)
{
	enum { TIMES = 200 };
	int slow = attach("attach"), quick = attach("attach");
	uint64_t quick_got = 0, slow_got = 0, missed = 0;
	static char piece[32768];
	const char *packet;

	(void)state;
	memset(piece, 'y', sizeof(piece));
	for (int i = 0; i < TIMES; i++) {
		assert_int_equal(write(capsule.output, piece, sizeof(piece)), sizeof(piece));
		settle();
		while (*(packet = next(quick)))
			quick_got += strlen(packet) - 1;
	}
	assert_int_equal(quick_got, TIMES * sizeof(piece));
	assert_int_equal(log_size(), TIMES * sizeof(piece));
	for (int i = 0; i < 10000 && slow_got + missed < quick_got; i++) {
		packet = next(slow);
		if (*packet == NVB_ATTACH_MISSED)
			missed += strtoull(packet + 1, NULL, 10);
		else
			slow_got += *packet ? strlen(packet) - 1 : 0;
		nvb_streams_turn(capsule.streams);
	}
	assert_true(missed > 0);
	assert_true(slow_got > 0);
	assert_int_equal(slow_got + missed, quick_got);
	/* And then it hears again. */
	say(capsule.output, "now");
	settle();
	assert_string_equal(next(slow), "onow");
	close(slow);
	close(quick);
}

static void nonsense_is_hung_up_on(void **state)
{
	int fd = attach("attach input");

	(void)state;
	type(fd, "?what");
	settle();
	assert_string_equal(next(fd), "closed");
	assert_int_equal(nvb_streams_attached(capsule.streams), 0);
	close(fd);
}

static void numbers(void **state)
{
	uint64_t n[2];

	(void)state;
	assert_int_equal(nvb_attach_numbers("24 80", 5, 65535, n), 2);
	assert_int_equal(n[0], 24);
	assert_int_equal(n[1], 80);
	assert_int_equal(nvb_attach_numbers("7", 1, 255, n), 1);
	assert_int_equal(nvb_attach_numbers("", 0, 255, n), 0);
	assert_int_equal(nvb_attach_numbers("256", 3, 255, n), -1);
	assert_int_equal(nvb_attach_numbers("1 2 3", 5, 255, n), -1);
	assert_int_equal(nvb_attach_numbers("1 ", 2, 255, n), -1);
	assert_int_equal(nvb_attach_numbers("-1", 2, 255, n), -1);
	assert_int_equal(nvb_attach_numbers("1x", 2, 255, n), -1);
}

#define streams_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		streams_test(everybody_gets_everything),
		streams_test(input_reaches_the_program),
		streams_test(input_outlives_who_typed_it),
		streams_test(the_slow_are_skipped),
		streams_test(nonsense_is_hung_up_on),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
