// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * status and support: how the daemon is, and what this kernel lets it do. Both answer the question
 * "can I rely on it" with their exit code, so that scripts need not read the text.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "column.h"
#include "cxlirqd/json.h"
#include "writer.h"

static const char *string_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

static const char *color_health(const json_t *value)
{
	return json_is_string(value) && strcmp(json_string_value(value), "healthy") == 0 ? "green" :
											   "red";
}

static const char *color_open(const json_t *value)
{
	return json_integer_value(value) > 0 ? "red" : NULL;
}

/* A count that is worth a line if there is anything to count */
static char *text_count(const json_t *value, const char *member)
{
	return json_integer_value(value) > 0 ? text_plain(value, member) : NULL;
}

static const char *color_attached(const json_t *value)
{
	return json_is_false(value) ? "red" : NULL;
}

static char *text_hooks(const json_t *status, const char *member)
{
	_cleanup_free_ char *attached = text_plain(json_object_get(status, "hooks_attached"), NULL);
	_cleanup_free_ char *total = text_plain(json_object_get(status, "hooks_total"), NULL);
	char *text;

	(void)member;
	if (!attached || !total)
		return NULL;
	return asprintf(&text, "%s of %s attached", attached, total) < 0 ? NULL : text;
}

/* Called with the whole status: the reason stands beside the space. */
static char *text_space(const json_t *status, const char *member)
{
	const json_t *space = json_object_get(status, "vector_space");
	_cleanup_free_ char *available = text_plain(json_object_get(space, "available"), NULL);
	_cleanup_free_ char *size = text_plain(json_object_get(space, "size"), NULL);
	_cleanup_free_ char *allocated = text_plain(json_object_get(space, "allocated"), NULL);
	_cleanup_free_ char *managed = text_plain(json_object_get(space, "managed"), NULL);
	char *text;

	(void)member;
	if (!json_is_object(space))
		return text_plain(json_object_get(status, "vector_space_reason"), NULL);
	if (asprintf(&text, "%s of %s available (%s allocated, %s set aside for managed ones)",
		     available ?: "-", size ?: "-", allocated ?: "-", managed ?: "-") < 0)
		return NULL;
	return text;
}

/* Nothing, where nobody counts */
static char *text_counters(const json_t *counters, const char *member)
{
	json_int_t open = json_integer_value(json_object_get(counters, "open"));
	json_int_t refused = json_integer_value(json_object_get(counters, "refused"));
	char *text;

	(void)member;
	if (open <= 0 && refused <= 0)
		return NULL;
	return asprintf(&text, "%lld of %lld open, %lld refused", (long long)open,
			(long long)json_integer_value(json_object_get(counters, "max")),
			(long long)refused) < 0 ?
		       NULL :
		       text;
}

/* Nothing, where this daemon was the first */
static char *text_adopted(const json_t *adopted, const char *member)
{
	_cleanup_free_ char *since = text_time(json_object_get(adopted, "since_us"), NULL);
	json_int_t lost = json_integer_value(json_object_get(adopted, "lost"));
	char *text;

	(void)member;
	if (!json_is_object(adopted) || !since)
		return NULL;
	return asprintf(&text, "attached since %s, %lld records waited, %lld lost", since,
			(long long)json_integer_value(json_object_get(adopted, "waiting")),
			(long long)lost) < 0 ?
		       NULL :
		       text;
}

static char *text_exporter(const json_t *exporter, const char *member)
{
	return text_lines(json_object_get(exporter, "listening"), member);
}

/* "enforce: 3 policies, 12 vectors, 4 denied"; nothing, where nobody wants it */
static char *text_guard(const json_t *guard, const char *member)
{
	const char *mode = string_of(guard, "mode");
	json_int_t policies = json_integer_value(json_object_get(guard, "policies"));
	char *text;

	(void)member;
	if (!json_is_object(guard) || (policies == 0 && strcmp(mode, "off") == 0))
		return NULL;
	return asprintf(&text, "%s: %lld policies, %lld vectors, %lld writes denied, %lld moved",
			mode, (long long)policies,
			(long long)json_integer_value(json_object_get(guard, "vectors")),
			(long long)json_integer_value(json_object_get(guard, "denied")),
			(long long)json_integer_value(json_object_get(guard, "moved"))) < 0 ?
		       NULL :
		       text;
}

static const struct column status_fields[] = {
	{ .name = "Health", .key = "health", .color = color_health },
	{ .name = "Because", .key = "reasons", .text = text_lines },
	{ .name = "Open violations", .key = "violations_open", .color = color_open },
	{ .name = "Version", .key = "version" },
	{ .name = "Kernel", .key = "kernel" },
	{ .name = "Mode", .key = "mode" },
	{ .name = "Since", .key = "started_us", .text = text_time },
	{ .name = "Hooks", .text = text_hooks },
	{ .name = "Domains", .key = "domains" },
	{ .name = "Vectors", .key = "vectors" },
	{ .name = "Devices", .key = "devices" },
	{ .name = "Vector space", .text = text_space },
	{ .name = "CXL PMUs", .key = "pmus", .text = text_count },
	{ .name = "Counters", .key = "counters", .text = text_counters },
	{ .name = "Records", .key = "records" },
	{ .name = "Records lost", .key = "lost", .text = text_counts, .member = "reason" },
	{ .name = "Events", .key = "events" },
	{ .name = "Snapshots", .key = "snapshots" },
	{ .name = "The last took", .key = "snapshot_us", .text = text_duration },
	{ .name = "Corrections", .key = "corrections", .text = text_counts, .member = "kind" },
	{ .name = "Refused", .key = "refused", .text = text_counts, .member = "kind" },
	{ .name = "Violations refused", .key = "violations_refused", .text = text_count },
	{ .name = "Guard", .key = "guard", .text = text_guard },
	{ .name = "Store", .key = "store", .text = text_store },
	{ .name = "Metrics on", .key = "exporter", .text = text_exporter },
	{ .name = "Pinned in", .key = "pinned" },
	{ .name = "Not pinned", .key = "pinned_reason" },
	{ .name = "Taken over", .key = "adopted", .text = text_adopted },
	{}
};

static const struct column support_fields[] = {
	{ .name = "Kernel", .key = "kernel" },
	{ .name = "Machine", .key = "machine" },
	{ .name = "Mode", .key = "mode" },
	{ .name = "Because", .key = "reason" },
	{ .name = "Pinned in", .key = "pinned" },
	{ .name = "Not pinned", .key = "pinned_reason" },
	{ .name = "Taken over", .key = "adopted", .text = text_adopted },
	{}
};

const struct column hook_columns[] = {
	{ .name = "KIND", .key = "kind", .flags = COLUMN_DEFAULT },
	{ .name = "NAME", .key = "hook", .flags = COLUMN_DEFAULT },
	{ .name = "ATTACHED", .key = "attached", .flags = COLUMN_DEFAULT, .color = color_attached },
	{ .name = "RUNS", .key = "runs", .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{ .name = "MISSED", .key = "recursion_misses", .flags = COLUMN_DEFAULT | COLUMN_RIGHT },
	{ .name = "REASON", .key = "reason", .flags = COLUMN_DEFAULT },
	{}
};

enum exit_code verb_status(const struct options *options, const char *argument)
{
	json_auto_t *status = NULL;
	int r;

	(void)argument;
	r = client_call(options, "GetStatus", json_object(), "status", JSON_OBJECT, &status);
	if (r < 0)
		return exit_code_of(r);
	r = options->json ? writer_json(status) : writer_properties(status_fields, options, status);
	if (r < 0)
		return exit_code_of(r);
	if (json_integer_value(json_object_get(status, "violations_open")) > 0)
		return EXIT_UNHEALTHY;
	return strcmp(string_of(status, "health"), "healthy") == 0 ? EXIT_DONE : EXIT_UNHEALTHY;
}

/* A hook that has been replaced by a better one, or whose feature is not there, is not missing. */
static bool hook_fine(const json_t *hook)
{
	static const char *const harmless[] = { "replaced by", "not needed" };
	const char *reason = string_of(hook, "reason");
	size_t i;

	if (json_is_true(json_object_get(hook, "attached")))
		return true;
	for (i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (strncmp(reason, harmless[i], strlen(harmless[i])) == 0)
			return true;
	return false;
}

static bool support_full(const json_t *support)
{
	const json_t *hooks = json_object_get(support, "hooks");
	size_t i;

	if (strcmp(string_of(support, "mode"), "tracing") != 0)
		return false;
	for (i = 0; i < json_array_size(hooks); i++)
		if (!hook_fine(json_array_get(hooks, i)))
			return false;
	return true;
}

/* Hooks and features in one list, so that one table shows both and -o applies to both. */
static void append_kind(json_t **list, const json_t *support, const char *key, const char *kind)
{
	const json_t *hooks = json_object_get(support, key);
	size_t i;

	for (i = 0; i < json_array_size(hooks); i++) {
		json_t *hook = json_copy(json_array_get(hooks, i));

		json_put(&hook, "kind", json_string(kind));
		json_add(list, hook);
	}
}

static int print_support(struct writer *writer, const struct options *options,
			 const json_t *support)
{
	json_auto_t *list = json_array();
	int r;

	append_kind(&list, support, "hooks", "hook");
	append_kind(&list, support, "features", "feature");
	if (!list) {
		warnx("%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	/* Who asks for columns wants nothing else. */
	if (!options->output) {
		r = writer_properties(support_fields, options, support);
		if (r < 0)
			return r;
		putchar('\n');
	}
	return writer_list(writer, list, NULL, NULL);
}

enum exit_code verb_support(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *support = NULL;
	int r;

	(void)argument;
	r = writer_new(hook_columns, options, &writer);
	if (r < 0)
		return exit_code_of(r);
	r = client_call(options, "GetSupport", json_object(), "support", JSON_OBJECT, &support);
	if (r < 0)
		return exit_code_of(r);
	r = options->json ? writer_json(support) : print_support(writer, options, support);
	if (r < 0)
		return exit_code_of(r);
	return support_full(support) ? EXIT_DONE : EXIT_UNHEALTHY;
}
