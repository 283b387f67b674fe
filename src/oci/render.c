/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/render.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/guard.h"
#include "container/container.h"

/* The room was estimated beforehand, so this is nearly always a copy. */
static inline void add(struct oci_writer *writer, const char *s, size_t n)
{
	struct nvb_strbuf *out = &writer->out;

	if (out->capacity - out->len <= n || out->failed) {
		nvb_sb_addn(out, s, n);
		return;
	}
	memcpy(out->s + out->len, s, n);
	out->len += n;
}

static inline void add_char(struct oci_writer *writer, char c)
{
	add(writer, &c, 1);
}

#define ADD_LITERAL(writer, s) add(writer, s, sizeof(s) - 1)
/* A key of ours, which needs no escapes, and its colon. */
#define ADD_KEY(writer, name)	   add(writer, "\"" name "\": ", sizeof("\"" name "\":") - !(writer)->spaced)
#define ADD_NEXT_KEY(writer, name) (add_comma(writer), ADD_KEY(writer, name))

static void add_escaped(struct oci_writer *writer, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	char escape[] = {'\\', (char)c, '0', '0', '0', '0'};

	if (c == '"' || c == '\\') {
		add(writer, escape, 2);
		return;
	}
	escape[1] = 'u';
	escape[4] = digits[c >> 4];
	escape[5] = digits[c & 15];
	add(writer, escape, sizeof(escape));
}

/* The inside of a JSON string, in runs: most of it is plain paths. */
static void add_text(struct oci_writer *writer, const char *s)
{
	size_t left = strlen(s), n = nvb_json_plain(s, left);
	bool checked = false;

	for (;;) {
		add(writer, s, n);
		s += n;
		left -= n;
		if (!left)
			return;
		if ((unsigned char)*s < 0x80) {
			add_escaped(writer, (unsigned char)*s);
		} else {
			/* From the first such byte on, once: what is between is ASCII. */
			if (!checked && !nvb_utf8_valid(s, left))
				writer->not_utf8 = true;
			checked = true;
			add_char(writer, *s);
		}
		s++;
		left--;
		n = nvb_json_plain(s, left);
	}
}

static void add_string(struct oci_writer *writer, const char *s)
{
	add_char(writer, '"');
	add_text(writer, s);
	add_char(writer, '"');
}

static void add_number(struct oci_writer *writer, uint32_t value)
{
	char text[10];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	add(writer, text + at, sizeof(text) - at);
}

static void add_comma(struct oci_writer *writer)
{
	add(writer, ", ", writer->spaced ? 2 : 1);
}

void oci_write_key(struct oci_writer *writer, const char *name)
{
	add_string(writer, name);
	add(writer, ": ", writer->spaced ? 2 : 1);
}

static void add_strings(struct oci_writer *writer, const char *const *strings)
{
	add_char(writer, '[');
	for (size_t i = 0; strings && strings[i]; i++) {
		if (i)
			add_comma(writer);
		add_string(writer, strings[i]);
	}
	add_char(writer, ']');
}

static void write_env(struct oci_writer *writer, const struct nvb_edit *edit)
{
	add_char(writer, '"');
	add_text(writer, edit->env.name);
	add_char(writer, '=');
	add_text(writer, edit->env.value);
	add_char(writer, '"');
}

static bool says_bind(const char *const *options)
{
	for (; options && *options; options++)
		if (nvb_streq(*options, "bind") || nvb_streq(*options, "rbind"))
			return true;
	return false;
}

/* `shared`: the array outlives this call, so that the next mount may have the same one. */
static void add_options(struct oci_writer *writer, const char *const *options, bool shared)
{
	struct nvb_strbuf *out = &writer->out;
	size_t at = out->len;

	if (shared && options && options == writer->options &&
		out->capacity - out->len > writer->options_size) {
		add(writer, out->s + writer->options_at, writer->options_size);
		return;
	}
	add_strings(writer, options);
	writer->options = shared && !out->failed ? options : NULL;
	writer->options_at = at;
	writer->options_size = out->len - at;
}

static void write_one_mount(struct oci_writer *writer, const char *host, const char *container,
	const char *type, const char *const *options, bool shared)
{
	add_char(writer, '{');
	ADD_KEY(writer, "destination");
	add_string(writer, container);
	ADD_NEXT_KEY(writer, "type");
	add_string(writer, type);
	ADD_NEXT_KEY(writer, "source");
	add_string(writer, host);
	ADD_NEXT_KEY(writer, "options");
	add_options(writer, options, shared);
	add_char(writer, '}');
}

static void write_mount(struct oci_writer *writer, const struct nvb_edit *edit)
{
	/* No flag that would take a second mount call: the host may have locked others, and it would fail. */
	static const char *const node_options[] = {"bind", "rprivate", NULL};
	const char *type = edit->kind == NVB_EDIT_DEVICE || !edit->mount.type || !*edit->mount.type
				   ? "bind"
				   : edit->mount.type;
	/* runc takes a mount for a bind mount by this option, whatever its type. */
	const char *with_bind[32];
	const char *const *options;
	bool bind = nvb_streq(type, "bind");
	size_t n = 0;

	if (edit->kind == NVB_EDIT_DEVICE) {
		write_one_mount(writer, edit->device.host, edit->device.container, type, node_options, true);
		return;
	}
	options = edit->mount.options;
	if (bind && (!options || options != writer->options) && !says_bind(options)) {
		for (; options && options[n] && n < NVB_ELEMENTS(with_bind) - 2; n++)
			with_bind[n] = options[n];
		with_bind[n++] = "bind";
		with_bind[n] = NULL;
		options = with_bind;
	}
	write_one_mount(writer, edit->mount.host, edit->mount.container, type, options,
		bind && options == edit->mount.options);
}

/* /dev/shm of a size, as runtimes' own default has it otherwise. */
static void write_shm(struct oci_writer *writer, const struct nvb_edit *edit)
{
	char size[32];
	const char *const options[] = {"nosuid", "noexec", "nodev", "mode=1777", size, NULL};

	snprintf(size, sizeof(size), "size=%" PRIu64, edit->shm);
	write_one_mount(writer, "shm", "/dev/shm", "tmpfs", options, false);
}

static void write_rlimit(struct oci_writer *writer, const struct oci_item *item)
{
	char value[24];
	size_t n = (size_t)snprintf(value, sizeof(value), "%" PRIu64, item->edit->rlimit.value);

	add_char(writer, '{');
	ADD_KEY(writer, "type");
	add_string(writer, item->name);
	ADD_NEXT_KEY(writer, "hard");
	add(writer, value, n);
	ADD_NEXT_KEY(writer, "soft");
	add(writer, value, n);
	add_char(writer, '}');
}

static void write_device(struct oci_writer *writer, const struct oci_item *item)
{
	const struct nvb_edit *edit = item->edit;
	const char type[] = {oci_item_device_type(item), '\0'};

	add_char(writer, '{');
	ADD_KEY(writer, "path");
	add_string(writer, edit->device.container);
	ADD_NEXT_KEY(writer, "type");
	add_string(writer, type);
	if (*type != 'p') {
		ADD_NEXT_KEY(writer, "major");
		add_number(writer, item->major);
		ADD_NEXT_KEY(writer, "minor");
		add_number(writer, item->minor);
	}
	if (edit->device.has_mode) {
		ADD_NEXT_KEY(writer, "fileMode");
		add_number(writer, edit->device.mode);
	}
	if (edit->device.has_uid) {
		ADD_NEXT_KEY(writer, "uid");
		add_number(writer, edit->device.uid);
	}
	if (edit->device.has_gid) {
		ADD_NEXT_KEY(writer, "gid");
		add_number(writer, edit->device.gid);
	}
	add_char(writer, '}');
}

static void write_rule(struct oci_writer *writer, const struct oci_item *item)
{
	const char type[] = {oci_item_device_type(item), '\0'};
	char access[4];
	size_t n = 0;

	if (item->access & OCI_READ)
		access[n++] = 'r';
	if (item->access & OCI_WRITE)
		access[n++] = 'w';
	if (item->access & OCI_MKNOD)
		access[n++] = 'm';
	access[n] = '\0';
	add_char(writer, '{');
	ADD_KEY(writer, "allow");
	ADD_LITERAL(writer, "true");
	ADD_NEXT_KEY(writer, "type");
	add_string(writer, type);
	ADD_NEXT_KEY(writer, "major");
	add_number(writer, item->major);
	ADD_NEXT_KEY(writer, "minor");
	add_number(writer, item->minor);
	ADD_NEXT_KEY(writer, "access");
	add_string(writer, access);
	add_char(writer, '}');
}

static void write_hook(struct oci_writer *writer, const char *path, const char *const *args,
	const char *const *env, int timeout)
{
	add_char(writer, '{');
	ADD_KEY(writer, "path");
	add_string(writer, path);
	if (args) {
		ADD_NEXT_KEY(writer, "args");
		add_strings(writer, args);
	}
	if (nvb_guard("hook-environment")) {
		ADD_NEXT_KEY(writer, "env");
		add_strings(writer, env && *env ? env : nvb_hook_environment);
	}
	if (timeout > 0) {
		ADD_NEXT_KEY(writer, "timeout");
		add_number(writer, (uint32_t)timeout);
	}
	add_char(writer, '}');
}

void oci_write_item(struct oci_writer *writer, const struct oci_items *items, const struct oci_item *item)
{
	const struct nvb_edit *edit = item->edit;

	switch (item->place) {
	case OCI_ENV:
		write_env(writer, edit);
		return;
	case OCI_MOUNTS:
		edit->kind == NVB_EDIT_SHM ? write_shm(writer, edit) : write_mount(writer, edit);
		return;
	case OCI_RLIMITS:
		write_rlimit(writer, item);
		return;
	case OCI_DEVICES:
		write_device(writer, item);
		return;
	case OCI_RULES:
		write_rule(writer, item);
		return;
	case OCI_GIDS:
		add_number(writer, item->major);
		return;
	default:
		break;
	}
	if (edit)
		write_hook(writer, edit->hook.path, edit->hook.args, edit->hook.env, edit->hook.timeout);
	else
		write_hook(writer, items->hook_path, (const char *const *)items->hook_args, NULL, 0);
}
