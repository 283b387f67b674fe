/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/render.h"

static void add(struct oci_writer *writer, const char *s, size_t n)
{
	nvb_sb_addn(&writer->out, s, n);
}
#define ADD_LITERAL(writer, s) add(writer, s, sizeof(s) - 1)

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
	const char *run = s, *start = s;
	bool beyond_ascii = false;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		beyond_ascii |= c >= 0x80;
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		add(writer, run, (size_t)(s - run));
		add_escaped(writer, c);
		run = s + 1;
	}
	add(writer, run, (size_t)(s - run));
	if (beyond_ascii && !nvb_utf8_valid(start, (size_t)(s - start)))
		writer->not_utf8 = true;
}

static void add_string(struct oci_writer *writer, const char *s)
{
	nvb_sb_addc(&writer->out, '"');
	add_text(writer, s);
	nvb_sb_addc(&writer->out, '"');
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

void oci_write_key(struct oci_writer *writer, const char *name)
{
	add_string(writer, name);
	add(writer, ": ", writer->spaced ? 2 : 1);
}

static void add_comma(struct oci_writer *writer)
{
	add(writer, ", ", writer->spaced ? 2 : 1);
}

static void add_next_key(struct oci_writer *writer, const char *name)
{
	add_comma(writer);
	oci_write_key(writer, name);
}

static void add_strings(struct oci_writer *writer, const char *const *strings)
{
	nvb_sb_addc(&writer->out, '[');
	for (size_t i = 0; strings && strings[i]; i++) {
		if (i)
			add_comma(writer);
		add_string(writer, strings[i]);
	}
	nvb_sb_addc(&writer->out, ']');
}

static void write_env(struct oci_writer *writer, const struct nvb_edit *edit)
{
	nvb_sb_addc(&writer->out, '"');
	add_text(writer, edit->env.name);
	nvb_sb_addc(&writer->out, '=');
	add_text(writer, edit->env.value);
	nvb_sb_addc(&writer->out, '"');
}

static bool says_bind(const char *const *options)
{
	for (; options && *options; options++)
		if (nvb_streq(*options, "bind") || nvb_streq(*options, "rbind"))
			return true;
	return false;
}

static void write_bind(struct oci_writer *writer, const char *host, const char *container, const char *type,
	const char *const *options)
{
	nvb_sb_addc(&writer->out, '{');
	oci_write_key(writer, "destination");
	add_string(writer, container);
	add_next_key(writer, "type");
	add_string(writer, type);
	add_next_key(writer, "source");
	add_string(writer, host);
	add_next_key(writer, "options");
	add_strings(writer, options);
	nvb_sb_addc(&writer->out, '}');
}

static void write_mount(struct oci_writer *writer, const struct nvb_edit *edit)
{
	/* What a device node may be, seen by itself, where the runtime cannot make one. */
	static const char *const node_options[] = {"bind", "nosuid", "noexec", "rprivate", NULL};
	/* runc takes a mount for a bind mount by this option, whatever its type. */
	const char *const *options = edit->mount.options;
	const char *with_bind[32];
	size_t n = 0;

	if (edit->kind == NVB_EDIT_DEVICE) {
		write_bind(writer, edit->device.host, edit->device.container, "bind", node_options);
		return;
	}
	if ((!edit->mount.type || nvb_streq(edit->mount.type, "bind")) && !says_bind(options)) {
		for (; options && options[n] && n < NVB_ELEMENTS(with_bind) - 2; n++)
			with_bind[n] = options[n];
		with_bind[n++] = "bind";
		with_bind[n] = NULL;
		options = with_bind;
	}
	write_bind(writer, edit->mount.host, edit->mount.container,
		edit->mount.type && *edit->mount.type ? edit->mount.type : "bind", options);
}

static void write_device(struct oci_writer *writer, const struct oci_item *item)
{
	const struct nvb_edit *edit = item->edit;
	const char type[] = {oci_item_device_type(item), '\0'};

	nvb_sb_addc(&writer->out, '{');
	oci_write_key(writer, "path");
	add_string(writer, edit->device.container);
	add_next_key(writer, "type");
	add_string(writer, type);
	if (*type != 'p') {
		add_next_key(writer, "major");
		add_number(writer, item->major);
		add_next_key(writer, "minor");
		add_number(writer, item->minor);
	}
	if (edit->device.has_mode) {
		add_next_key(writer, "fileMode");
		add_number(writer, edit->device.mode);
	}
	if (edit->device.has_uid) {
		add_next_key(writer, "uid");
		add_number(writer, edit->device.uid);
	}
	if (edit->device.has_gid) {
		add_next_key(writer, "gid");
		add_number(writer, edit->device.gid);
	}
	nvb_sb_addc(&writer->out, '}');
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
	nvb_sb_addc(&writer->out, '{');
	oci_write_key(writer, "allow");
	ADD_LITERAL(writer, "true");
	add_next_key(writer, "type");
	add_string(writer, type);
	add_next_key(writer, "major");
	add_number(writer, item->major);
	add_next_key(writer, "minor");
	add_number(writer, item->minor);
	add_next_key(writer, "access");
	add_string(writer, access);
	nvb_sb_addc(&writer->out, '}');
}

/*
 * The environment is always there, if empty: without the key Go's runtimes let a hook inherit theirs, which
 * in a createContainer hook has held the image's LD_PRELOAD (CVE-2025-23266).
 */
static void write_hook(struct oci_writer *writer, const char *path, const char *const *args,
	const char *const *env, int timeout)
{
	nvb_sb_addc(&writer->out, '{');
	oci_write_key(writer, "path");
	add_string(writer, path);
	if (args) {
		add_next_key(writer, "args");
		add_strings(writer, args);
	}
	add_next_key(writer, "env");
	add_strings(writer, env);
	if (timeout > 0) {
		add_next_key(writer, "timeout");
		add_number(writer, (uint32_t)timeout);
	}
	nvb_sb_addc(&writer->out, '}');
}

void oci_write_item(struct oci_writer *writer, const struct oci_items *items, const struct oci_item *item)
{
	const struct nvb_edit *edit = item->edit;

	switch (item->place) {
	case OCI_ENV:
		write_env(writer, edit);
		return;
	case OCI_MOUNTS:
		write_mount(writer, edit);
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
