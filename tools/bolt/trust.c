/* SPDX-License-Identifier: Apache-2.0 */
#include "trust.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/units.h"
#include "capsule/definition.h"
#include "capsule/sandbox.h"
#include "cli/output.h"
#include "cli/progress.h"

/* Values of one line of the summary, with commas between them. */
__attribute__((format(printf, 2, 3))) static void add(struct nvb_strbuf *line, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		text = NULL;
		line->failed = true;
		return;
	}
	nvb_sb_add(line, line->len ? ", " : "");
	nvb_sb_add(line, text);
}

/* One line, which is emptied; what is said of nothing is left out. Who says a lot does not push the rest off
 * the screen. */
static void tell(struct nvb_strbuf *out, const char *what, struct nvb_strbuf *line)
{
	enum { MOST = 1000 };

	if (line->len > MOST) {
		line->s[MOST] = '\0';
		line->len = MOST;
		nvb_sb_add(line, "... AND MORE, which is cut off here");
	}
	if (line->len && !line->failed) {
		nvb_sb_addf(out, "  %-13s ", what);
		nvb_sb_add_visible(out, line->s);
		nvb_sb_addc(out, '\n');
	}
	out->failed |= line->failed;
	nvb_sb_release(line);
}

static void tell_origin(struct nvb_strbuf *out, const struct nvb_snapshot_manifest *m)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};
	time_t when = (time_t)(m->created / 1000000000);
	char date[32] = "some time", size[16];
	struct tm tm;

	if (localtime_r(&when, &tm))
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	add(&line, "%s on %s", date, m->host ?: "a host without a name");
	add(&line, "%s", nvb_format_bytes(m->bytes, size, sizeof(size)));
	tell(out, "taken", &line);
	add(&line, "%s", m->image ?: "none is named");
	if (m->image_digest)
		add(&line, "%s", m->image_digest);
	tell(out, "image", &line);
	if (m->runtime)
		add(&line, "%s", m->runtime);
	if (m->criu)
		add(&line, "CRIU %s", m->criu);
	if (m->driver)
		add(&line, "driver %s", m->driver);
	tell(out, "by", &line);
}

static void tell_programs(struct nvb_strbuf *out, const struct nvb_snapshot_manifest *m)
{
	enum { MOST = 16 };
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	for (size_t i = 0; i < m->process_count && i < MOST; i++)
		add(&line, "%s", m->processes[i].command ?: "?");
	if (m->process_count > MOST)
		add(&line, "and %zu more", m->process_count - MOST);
	tell(out, "programs", &line);
	for (size_t i = 0; i < m->gpu_count && i < MOST; i++)
		add(&line, "%s (%s)", m->gpus[i].chip ?: "a GPU", m->gpus[i].uuid ?: "?");
	tell(out, "GPUs", &line);
}

/* The files below its own, and a program of this host that root runs: neither need be what the snapshot says
 * that it was taken of and by. */
static void tell_ground(
	struct nvb_strbuf *out, const struct nvb_snapshot_manifest *m, const struct nvb_capsule_spec *spec)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	if (spec->image && !nvb_streq0(m->image, spec->image))
		add(&line, "%s, which is ANOTHER than it was taken of", spec->image);
	tell(out, "made of image", &line);
	if (spec->runtime)
		add(&line, "%s of this host, run as root", spec->runtime);
	tell(out, "RUNTIME", &line);
	nvb_strv_foreach (annotation, spec->annotations)
		add(&line, "%s", *annotation);
	tell(out, "tells runtime", &line);
}

static void tell_command(struct nvb_strbuf *out, const struct nvb_capsule_spec *spec)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0}, words = {0};

	for (char *const *word = spec->command; word && *word; word++)
		nvb_sb_addf(&words, "%s%s", words.len ? " " : "", *word);
	add(&line, "%s", words.len ? words.s : "the image's program");
	line.failed |= words.failed;
	if (spec->entrypoint && *spec->entrypoint)
		add(&line, "by %s", spec->entrypoint);
	add(&line, "as %s", spec->user ?: "the image's user (root where it names none)");
	tell(out, "runs", &line);
}

static void tell_rights(struct nvb_strbuf *out, const struct nvb_capsule_spec *spec)
{
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	if (spec->privileged)
		add(&line, "yes: all of the host's devices, and no sandbox");
	tell(out, "PRIVILEGED", &line);
	for (int i = 0; i < 64; i++)
		if (spec->capabilities_added >> i & 1 && nvb_capability_name(i))
			add(&line, "%s", nvb_capability_name(i));
	tell(out, "capabilities", &line);
	if (spec->seccomp == NVB_SECCOMP_UNCONFINED)
		add(&line, "no filter of system calls");
	else if (spec->seccomp == NVB_SECCOMP_FILE)
		add(&line, "the filter of system calls in %s", spec->seccomp_file);
	if (spec->unmasked)
		add(&line, "all of /proc and /sys");
	tell(out, "sandbox", &line);
}

static void tell_host(struct nvb_strbuf *out, const struct nvb_capsule_definition *definition)
{
	const struct nvb_capsule_spec *spec = &definition->spec;
	_cleanup_strbuf_ struct nvb_strbuf line = {0};

	for (size_t i = 0; i < spec->volume_count; i++)
		add(&line, "%s at %s (%s)", spec->volumes[i].source, spec->volumes[i].target,
			spec->volumes[i].read_only ? "read-only" : "WRITABLE");
	tell(out, "host's files", &line);
	for (size_t i = 0; i < spec->device_count; i++)
		add(&line, "%s (%s)", spec->devices[i].host, spec->devices[i].access);
	nvb_strv_foreach (device, definition->cdi_devices)
		add(&line, "%s", *device);
	tell(out, "devices", &line);
	if (spec->network == NVB_NETWORK_HOST)
		add(&line, "the host's own");
	nvb_strv_foreach (network, spec->networks)
		add(&line, "%s", *network);
	for (size_t i = 0; i < spec->port_count; i++)
		add(&line, "port %u of the host", spec->ports[i].host);
	tell(out, "network", &line);
	nvb_strv_foreach (gpu, definition->gpus)
		add(&line, "%s", *gpu);
	nvb_strv_foreach (gpu, definition->docker_gpus)
		add(&line, "%s", *gpu);
	tell(out, "GPUs here", &line);
	nvb_strv_foreach (profile, definition->profiles)
		add(&line, "profile %s", *profile);
	nvb_strv_foreach (setting, definition->gpu_settings)
		add(&line, "%s", *setting);
	tell(out, "sets GPUs to", &line);
}

/* What the capsule shall be, where it is made of the snapshot. */
static void tell_definition(struct nvb_strbuf *out, const struct nvb_snapshot_manifest *m)
{
	_cleanup_definition_ struct nvb_capsule_definition definition = {0};
	_cleanup_strbuf_ struct nvb_strbuf line = {0};
	_cleanup_error_ nvb_error *why = NULL;

	nvb_capsule_definition_init(&definition);
	if (!m->definition ||
		nvb_definition_read(&definition, m->definition, strlen(m->definition), &why) < 0) {
		add(&line, "not to be read: %s", why ? nvb_error_message(why) : "there is none");
		tell(out, "settings", &line);
		return;
	}
	tell_ground(out, m, &definition.spec);
	tell_command(out, &definition.spec);
	tell_rights(out, &definition.spec);
	tell_host(out, &definition);
}

/* At the terminal, whatever standard input is: an archive may come through it. */
static bool agrees(void)
{
	_cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	char answer[64];
	ssize_t n;

	if (fd < 0)
		return true;
	dprintf(fd, "Do you trust it? [y/N] ");
	n = read(fd, answer, sizeof(answer));
	return n > 0 && (*answer == 'y' || *answer == 'Y');
}

int trust_ask(const struct trust *trust, const struct nvb_snapshot_manifest *m, nvb_error **err)
{
	_cleanup_strbuf_ struct nvb_strbuf out = {0}, line = {0};

	nvb_sb_add(&out, "Snapshot ");
	nvb_sb_add_visible(&out, m->id ?: "?");
	nvb_sb_add(&out, " of '");
	nvb_sb_add_visible(&out, m->name ?: m->capsule ?: "?");
	nvb_sb_add(&out, "' is not signed by this host. It says of itself:\n");
	tell_origin(&out, m);
	tell_programs(&out, m);
	if (trust->in_place)
		add(&line, "those of the capsule as it is here");
	tell(&out, "settings", &line);
	if (!trust->in_place)
		tell_definition(&out, m);
	nvb_sb_add(&out,
		"Its processes come with the users, capabilities and filters of system calls that they had. "
		"What they may do on\nthis host it decides: take it only from whom you would let be root "
		"here.\n");
	if (out.failed)
		return nvb_fail_oom(err);
	nvb_progress_clear_line();
	fputs(out.s, stderr);
	fflush(stderr);
	if (trust->yes || !isatty(STDERR_FILENO) || agrees())
		return 0;
	return nvb_fail(err, NVB_ERR_PERMISSION, "it was not trusted");
}
