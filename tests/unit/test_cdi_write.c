/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "base/str.h"
#include "cdi/emit.h"
#include "cdi/read.h"
#include "cdi/write.h"

/* A plan by hand: two GPUs, the second a MIG device, and a bit of every kind of edit. */
static const char *const mount_options[] = {"ro", "nosuid", "nodev", "rbind", "rprivate", NULL};
static const char *const hook_args[] = {"other-hook", "--flag", NULL};

static struct nvb_edit *add(struct nvb_plan *plan, enum nvb_edit_kind kind, int scope)
{
	struct nvb_edit *edit = nvb_plan_add(plan, kind, scope);

	assert_non_null(edit);
	return edit;
}

static void add_node(struct nvb_plan *plan, int scope, const char *host, const char *container)
{
	struct nvb_edit *edit = add(plan, NVB_EDIT_DEVICE, scope);

	edit->device.host = host;
	edit->device.container = container;
	edit->device.type = "c";
	edit->device.major = 195;
	edit->device.known_numbers = true;
	memcpy(edit->device.access, "rw", 3);
}

static void add_device(struct nvb_plan *plan, const char *name, const char *uuid)
{
	assert_true(NVB_GROW(plan->devices, plan->device_count, plan->device_capacity));
	plan->devices[plan->device_count++] = (struct nvb_plan_device){.name = name, .uuid = uuid};
}

static struct nvb_plan *two_gpus(void)
{
	struct nvb_plan *plan = calloc(1, sizeof(*plan));
	struct nvb_edit *edit;

	assert_non_null(plan);
	add_device(plan, "0", "GPU-aaaa");
	add_device(plan, "1:0", "MIG-bbbb");
	add_node(plan, NVB_SCOPE_COMMON, "/dev/nvidiactl", "/dev/nvidiactl");
	edit = add(plan, NVB_EDIT_MOUNT, NVB_SCOPE_COMMON);
	edit->mount.host = edit->mount.container = "/usr/lib/libcuda.so.1";
	edit->mount.options = mount_options;
	edit = add(plan, NVB_EDIT_ENV, NVB_SCOPE_COMMON);
	edit->env.name = "NVIDIA_VISIBLE_DEVICES";
	edit->env.value = "void";
	edit = add(plan, NVB_EDIT_LINK, NVB_SCOPE_COMMON);
	edit->link = (struct nvb_link){"/usr/lib/libcuda.so", "libcuda.so.1"};
	edit = add(plan, NVB_EDIT_LDCACHE, NVB_SCOPE_COMMON);
	edit->ldcache.directory = "/usr/lib";
	add_node(plan, 0, "/dev/nvidia0", "/dev/nvidia0");
	edit = add(plan, NVB_EDIT_LINK, 0);
	edit->link = (struct nvb_link){"/dev/dri/by-path/x-card", "../card0"};
	add_node(plan, 1, "/dev/nvidia0", "/dev/nvidia0");
	add_node(plan, 1, "/dev/nvidia-caps/nvidia-cap1", "/dev/nvidia-caps/nvidia-cap1");
	return plan;
}

static char *write_plan(const struct nvb_plan *plan, const struct nvb_cdi_options *options)
{
	_cleanup_error_ nvb_error *err = NULL;
	char *text = NULL;
	size_t size;

	if (nvb_cdi_write(plan, options, &text, &size, &err) < 0)
		fail_msg("%s", nvb_error_message(err));
	assert_int_equal(strlen(text), size);
	return text;
}

static void writes_the_spec_of_a_plan(void **state)
{
	static const char expected[] = "cdiVersion: \"0.5.0\"\n"
				       "kind: nvidia.com/gpu\n"
				       "devices:\n"
				       "  - name: \"0\"\n"
				       "    containerEdits:\n"
				       "      deviceNodes:\n"
				       "        - path: /dev/nvidia0\n"
				       "          permissions: rw\n"
				       "  - name: \"1:0\"\n"
				       "    containerEdits:\n"
				       "      deviceNodes:\n"
				       "        - path: /dev/nvidia0\n"
				       "          permissions: rw\n"
				       "        - path: /dev/nvidia-caps/nvidia-cap1\n"
				       "          permissions: rw\n"
				       "  - name: all\n"
				       "    containerEdits:\n"
				       "      deviceNodes:\n"
				       "        - path: /dev/nvidia0\n"
				       "          permissions: rw\n"
				       "        - path: /dev/nvidia-caps/nvidia-cap1\n"
				       "          permissions: rw\n"
				       "containerEdits:\n"
				       "  env:\n"
				       "    - NVIDIA_VISIBLE_DEVICES=void\n"
				       "  deviceNodes:\n"
				       "    - path: /dev/nvidiactl\n"
				       "      permissions: rw\n"
				       "  hooks:\n"
				       "    - hookName: createContainer\n"
				       "      path: /opt/nvbind-hook\n"
				       "      args:\n"
				       "        - nvbind-hook\n"
				       "        - apply\n"
				       "        - \"--link\"\n"
				       "        - libcuda.so.1::/usr/lib/libcuda.so\n"
				       "        - \"--library-directory\"\n"
				       "        - /usr/lib\n"
				       "        - \"--device-link\"\n"
				       "        - \"../card0::/dev/dri/by-path/x-card\"\n"
				       "      env:\n"
				       "        - PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
				       "  mounts:\n"
				       "    - hostPath: /usr/lib/libcuda.so.1\n"
				       "      containerPath: /usr/lib/libcuda.so.1\n"
				       "      options:\n"
				       "        - ro\n"
				       "        - nosuid\n"
				       "        - nodev\n"
				       "        - rbind\n"
				       "        - rprivate\n";
	const struct nvb_cdi_options options = {.size = sizeof(options), .hook_path = "/opt/nvbind-hook"};
	struct nvb_plan *plan = two_gpus();
	_cleanup_free_ char *text = write_plan(plan, &options);

	(void)state;
	assert_string_equal(text, expected);
	nvb_plan_free(plan);
}

static void names_devices_as_asked(void **state)
{
	static const struct {
		unsigned naming;
		const char *names[6];
	} cases[] = {
		{0, {"0", "1:0", "all"}},
		{NVB_CDI_NAME_UUID, {"GPU-aaaa", "MIG-bbbb", "all"}},
		{NVB_CDI_NAME_INDEX | NVB_CDI_NAME_UUID, {"0", "1:0", "GPU-aaaa", "MIG-bbbb", "all"}},
	};
	struct nvb_plan *plan = two_gpus();

	(void)state;
	for (size_t i = 0; i < NVB_ELEMENTS(cases); i++) {
		const struct nvb_cdi_options options = {.size = sizeof(options),
			.naming = cases[i].naming,
			.format = NVB_CDI_JSON,
			.vendor = "my.org",
			.device_class = "accel"};
		_cleanup_free_ char *text = write_plan(plan, &options);
		_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
		size_t n = 0;

		assert_int_equal(nvb_cdi_parse(&spec, text, strlen(text), NVB_CDI_JSON, "t", NULL), 0);
		assert_string_equal(spec.kind, "my.org/accel");
		for (; cases[i].names[n]; n++)
			assert_string_equal(spec.devices[n].name, cases[i].names[n]);
		assert_int_equal(spec.device_count, n);
	}
	nvb_plan_free(plan);
}

static void refuses(
	const struct nvb_plan *plan, const struct nvb_cdi_options *options, int code, const char *message)
{
	_cleanup_error_ nvb_error *err = NULL;
	char *text = NULL;

	assert_int_equal(nvb_cdi_write(plan, options, &text, NULL, &err), -code);
	assert_null(text);
	if (!strstr(nvb_error_message(err), message))
		print_error("%s\n", nvb_error_message(err));
	assert_non_null(strstr(nvb_error_message(err), message));
}

static void refuses_what_it_cannot_write(void **state)
{
	struct nvb_cdi_options options = {.size = sizeof(options)};
	struct nvb_plan *plan = two_gpus();
	struct nvb_plan empty = {0};

	(void)state;
	options.vendor = "-x";
	refuses(plan, &options, NVB_ERR_INVALID, "the vendor '-x' must begin with a letter");
	options.vendor = NULL;
	options.device_class = "a/b";
	refuses(plan, &options, NVB_ERR_INVALID, "the class 'a/b'");
	options.device_class = NULL;
	options.hook_path = "hook";
	refuses(plan, &options, NVB_ERR_INVALID, "must be absolute");
	options.hook_path = NULL;
	options.version = "0.4.0";
	refuses(plan, &options, NVB_ERR_INVALID, "CDI 0.4.0 has no device name '0'");
	options.size = 0;
	refuses(plan, &options, NVB_ERR_INVALID, "nvb_cdi_options.size is 0");
	options.size = sizeof(options) + 8;
	refuses(plan, &options, NVB_ERR_INVALID, "nvb_cdi_options.size");
	options.size = sizeof(options);
	options.version = "0.9.0";
	refuses(plan, &options, NVB_ERR_INVALID, "there is no CDI version '0.9.0'");
	options.version = NULL;
	plan->edits[1].mount.via = NVB_VIA_LAYER;
	refuses(plan, &options, NVB_ERR_UNSUPPORTED, "layer");
	plan->edits[1].mount.via = NVB_VIA_BIND;
	plan->edits[1].mount.host = "/usr/lib/\xff";
	refuses(plan, &options, NVB_ERR_INVALID, "not UTF-8");
	plan->edits[1].mount.host = "/usr/lib/x";
	plan->devices[1].uuid = NULL;
	options.naming = NVB_CDI_NAME_UUID;
	refuses(plan, &options, NVB_ERR_UNSUPPORTED, "UUID of GPU 1:0 is not known");
	refuses(&empty, NULL, NVB_ERR_UNSUPPORTED, "'all' has no node");
	nvb_plan_free(plan);
}

static const char *version_of(const struct nvb_plan *plan, const char *asked)
{
	const struct nvb_cdi_options options = {.size = sizeof(options), .version = asked};
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};

	assert_int_equal(nvb_cdi_from_plan(&spec, plan, &options, NULL), 0);
	return spec.version;
}

static void takes_the_lowest_version_that_does(void **state)
{
	struct nvb_plan *plan = two_gpus();

	(void)state;
	assert_string_equal(version_of(plan, NULL), "0.5.0");
	assert_string_equal(version_of(plan, "1.0.0"), "1.0.0");
	plan->devices[0].name = "gpu0";
	plan->devices[1].name = "gpu1";
	assert_string_equal(version_of(plan, NULL), "0.3.0");
	plan->edits[1].mount.type = "bind";
	assert_string_equal(version_of(plan, NULL), "0.4.0");
	plan->edits[0].device.host = "/driver/dev/nvidiactl";
	assert_string_equal(version_of(plan, NULL), "0.5.0");
	add(plan, NVB_EDIT_GID, NVB_SCOPE_COMMON)->gid = 44;
	assert_string_equal(version_of(plan, NULL), "0.7.0");
	nvb_plan_free(plan);
}

/* WSL2: one node for everything, which no device has for itself. */
static void gives_common_nodes_to_devices_without_their_own(void **state)
{
	struct nvb_plan *plan = calloc(1, sizeof(*plan));
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};

	(void)state;
	add_node(plan, NVB_SCOPE_COMMON, "/dev/dxg", "/dev/dxg");
	add_device(plan, "all", NULL);
	assert_int_equal(nvb_cdi_from_plan(&spec, plan, NULL, NULL), 0);
	assert_int_equal(spec.device_count, 1);
	assert_string_equal(spec.devices[0].name, "all");
	assert_string_equal(spec.devices[0].edits->device_nodes[0].path, "/dev/dxg");
	assert_false(nvb_cdi_given(&spec.object, NVB_CDI_SPEC_EDITS));
	nvb_plan_free(plan);
}

static void keeps_foreign_hooks(void **state)
{
	struct nvb_plan *plan = two_gpus();
	struct nvb_edit *edit = add(plan, NVB_EDIT_HOOK, 1);
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};
	const struct nvb_cdi_hook *hook;

	(void)state;
	edit->hook.when = "poststop";
	edit->hook.path = "/bin/other";
	edit->hook.args = hook_args;
	edit->hook.timeout = 4;
	assert_int_equal(nvb_cdi_from_plan(&spec, plan, NULL, NULL), 0);
	assert_int_equal(spec.devices[1].edits->hook_count, 1);
	hook = &spec.devices[1].edits->hooks[0];
	assert_string_equal(hook->name, "poststop");
	assert_string_equal(hook->args[1], "--flag");
	assert_int_equal(hook->timeout, 4);
	assert_string_equal(spec.edits->hooks[0].path, nvb_cdi_default_hook);
	nvb_plan_free(plan);
}

/* A generator of numbers that is the same everywhere (xorshift64). */
static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Strings that readers of YAML may take for something else, and random ones of awkward characters. */
static const char *awkward(uint64_t *seed, char *buffer, size_t size)
{
	static const char *const fixed[] = {"", "0", "0:1", "1_000", "0x1f", "1e3", ".5", "-1", "+1", "~",
		"null", "Null", "true", "YES", "off", "y", "N", "=", "<<", "- a", "a: b", "a #b", "#a",
		"a:", "? a", "| a", "> a", "&a", "*a", "!a", "%a", "@a", "`a", "'a'", "\"a\"", "[a]", "{a}",
		" a", "a ", "a\nb", "\n", "\ta", "a\rb", "\x01", "\x7f", "2001-01-01", "1:20:30", "--- a",
		"...", "\xc2\x85", "\xe2\x80\xa8", "\xef\xbb\xbf", "\xef\xbf\xbf", "\xf0\x9f\x98\x80",
		"\xc2\xa0", "\\"};
	static const char *const pieces[] = {"a", "Z", "0", ":", " ", "-", "#", "'", "\"", "\\", "\n", "\t",
		"/", ",", "[", "]", "{", "}", "&", "*", "!", "|", ">", "%", "@", "`", "=", "~", ".",
		"\xc3\xa4", "\xe2\x82\xac", "\xe2\x80\xa9", "\x1b", "\xc2\x9b"};
	size_t length = next_random(seed) % 12;

	if (next_random(seed) % 3 == 0)
		return fixed[next_random(seed) % NVB_ELEMENTS(fixed)];
	buffer[0] = '\0';
	for (size_t i = 0; i < length && strlen(buffer) + 5 < size; i++)
		memccpy(buffer + strlen(buffer), pieces[next_random(seed) % NVB_ELEMENTS(pieces)], 0, 5);
	return buffer;
}

static void quotes_so_that_every_string_survives(void **state)
{
	uint64_t seed = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct nvb_emit emit = {.format = i % 2 ? NVB_CDI_JSON : NVB_CDI_YAML};
		struct nvb_arena arena = {0};
		char key[64], value[64], item[64];
		const char *k = awkward(&seed, key, sizeof(key)), *v = awkward(&seed, value, sizeof(value)),
			   *e = awkward(&seed, item, sizeof(item));
		struct nvb_cdi_node *root = NULL;
		_cleanup_error_ nvb_error *err = NULL;
		int rc;

		nvb_emit_map(&emit);
		nvb_emit_key(&emit, k);
		nvb_emit_list(&emit);
		nvb_emit_string(&emit, v);
		nvb_emit_map(&emit);
		nvb_emit_key(&emit, v);
		nvb_emit_string(&emit, e);
		nvb_emit_key(&emit, "end");
		nvb_emit_list(&emit);
		nvb_emit_end(&emit);
		nvb_emit_end(&emit);
		nvb_emit_end(&emit);
		nvb_emit_end(&emit);
		if (nvb_streq(v, "end"))
			continue;
		rc = i % 2 ? nvb_cdi_parse_json(&arena, emit.out.s, emit.out.len, "t", &root, &err)
			   : nvb_cdi_parse_yaml(&arena, emit.out.s, emit.out.len, "t", &root, &err);
		if (rc < 0)
			fail_msg("%s: %s", nvb_error_message(err), emit.out.s);
		assert_string_equal(root->first->key, k);
		assert_int_equal(root->first->node->first->node->type, NVB_CDI_STRING);
		assert_string_equal(root->first->node->first->node->text, v);
		assert_string_equal(root->first->node->last->node->first->key, v);
		assert_int_equal(root->first->node->last->node->first->node->type, NVB_CDI_STRING);
		assert_string_equal(root->first->node->last->node->first->node->text, e);
		assert_int_equal(root->first->node->last->node->last->node->count, 0);
		nvb_arena_release(&arena);
		nvb_sb_release(&emit.out);
	}
}

/* What is read, written and read again is the same, in both formats. */
static void survives_a_round_trip(void **state)
{
	static const char text[] =
		"cdiVersion: \"1.1.0\"\nkind: vendor.com/class\nannotations: {a: \"b: c\"}\n"
		"devices:\n- name: 0\n  annotations: {}\n  containerEdits:\n    deviceNodes:\n"
		"    - {path: /dev/a, hostPath: '/dev/b b', type: c, major: -0, minor: 3, fileMode: 0, uid: "
		"0}\n"
		"    netDevices: [{hostInterfaceName: eth0, name: net0}]\n"
		"containerEdits:\n  env: ['A=\"', 'B=\n\n  x']\n"
		"  hooks: [{hookName: prestart, path: /bin/true, args: [], env: [X=y], timeout: 3}]\n"
		"  mounts: [{hostPath: tmpfs, containerPath: /b, options: [], type: tmpfs}]\n"
		"  intelRdt: {closID: c, schemata: [x], enableMonitoring: no}\n  additionalGids: [0]\n";
	_cleanup_cdi_spec_ struct nvb_cdi_spec spec = {0};

	(void)state;
	assert_int_equal(nvb_cdi_parse(&spec, text, sizeof(text) - 1, NVB_CDI_YAML, "t", NULL), 0);
	for (int i = 0; i < 2; i++) {
		enum nvb_cdi_format format = i ? NVB_CDI_JSON : NVB_CDI_YAML;
		_cleanup_cdi_spec_ struct nvb_cdi_spec again = {0};
		_cleanup_free_ char *out = NULL;
		size_t size;

		assert_int_equal(nvb_cdi_encode(&spec, format, &out, &size, NULL), 0);
		assert_int_equal(nvb_cdi_parse(&again, out, size, format, "t", NULL), 0);
		assert_true(nvb_cdi_spec_equal(&spec, &again));
		again.devices[0].edits->net_devices[0].name = "net1";
		assert_false(nvb_cdi_spec_equal(&spec, &again));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_spec_of_a_plan),
		cmocka_unit_test(names_devices_as_asked),
		cmocka_unit_test(refuses_what_it_cannot_write),
		cmocka_unit_test(takes_the_lowest_version_that_does),
		cmocka_unit_test(gives_common_nodes_to_devices_without_their_own),
		cmocka_unit_test(keeps_foreign_hooks),
		cmocka_unit_test(quotes_so_that_every_string_survives),
		cmocka_unit_test(survives_a_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
