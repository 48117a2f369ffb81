// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * domains, devices and vectors: the lists. What they show is in the tables of columns below; the
 * defaults fit 120 characters, everything else can be asked for with -o.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cxlirqd/json.h"

#include "client.h"
#include "column.h"
#include "writer.h"

#define SHOWN COLUMN_DEFAULT
#define NUMBER COLUMN_RIGHT
#define SHOWN_NUMBER (COLUMN_DEFAULT | COLUMN_RIGHT)

static const char *color_state(const json_t *value)
{
	static const char *const bad[] = { "orphaned", "refused" };
	const char *state = json_string_value(value);
	size_t i;

	for (i = 0; state && i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strcmp(state, bad[i]) == 0)
			return "red";
	return NULL;
}

static const char *string_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key)) ?: "";
}

/* ---- The ledger's own texts ---- */

static bool is_alike(const json_t *a, const json_t *b)
{
	return strcmp(string_of(a, "feature"), string_of(b, "feature")) == 0 &&
	       strcmp(string_of(a, "result"), string_of(b, "result")) == 0;
}

/* How many of the list are like its element @at; 0: one before it is, and told of them all */
static size_t count_alike(const json_t *features, size_t at)
{
	const json_t *feature = json_array_get(features, at);
	size_t i, n = 0;

	for (i = 0; i < json_array_size(features); i++) {
		if (!is_alike(json_array_get(features, i), feature))
			continue;
		if (i < at)
			return 0;
		n++;
	}
	return n;
}

/* "aer:shared event-log*4 doe:polled": what is plainly granted needs no word for it. */
static char *text_features(const json_t *features, const char *member)
{
	_cleanup_free_ char *text = NULL;
	const json_t *feature;
	const char *result;
	size_t i, n, size;
	FILE *out;

	(void)member;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (i = 0; i < json_array_size(features); i++) {
		n = count_alike(features, i);
		if (n == 0)
			continue;
		feature = json_array_get(features, i);
		result = string_of(feature, "result");
		fprintf(out, "%s%s", i > 0 ? " " : "", string_of(feature, "feature"));
		if (n > 1)
			fprintf(out, "*%zu", n);
		if (strcmp(result, "granted") != 0)
			fprintf(out, ":%s", result);
	}
	if (fclose(out) != 0 || size == 0)
		return NULL;
	return TAKE_PTR(text);
}

/* "64 MSI-X, 0 MSI" */
static char *text_offer(const json_t *offer, const char *member)
{
	_cleanup_free_ char *msix = text_plain(json_object_get(offer, "msix"), NULL);
	_cleanup_free_ char *msi = text_plain(json_object_get(offer, "msi"), NULL);
	char *text;

	(void)member;
	if (!msix || !msi)
		return NULL;
	return asprintf(&text, "%s MSI-X, %s MSI", msix, msi) < 0 ? NULL : text;
}

/* "any 1..32: 8", "msi 1..1: No space left on device" */
static char *text_demand(const json_t *demand)
{
	_cleanup_free_ char *span = text_span(demand, NULL);
	_cleanup_free_ char *error = text_errno(json_object_get(demand, "errno"), NULL);
	_cleanup_free_ char *granted = text_plain(json_object_get(demand, "granted"), NULL);
	char *text;

	if (asprintf(&text, "%s %s: %s", string_of(demand, "kind"), span ?: "-",
		     error	     ?:
			     granted ?:
				       "-") < 0)
		return NULL;
	return text;
}

static char *text_demands(const json_t *demands, const char *member)
{
	_cleanup_free_ char *text = NULL;
	size_t i, size;
	FILE *out;

	(void)member;
	if (json_array_size(demands) == 0)
		return NULL;
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (i = 0; i < json_array_size(demands); i++) {
		_cleanup_free_ char *demand = text_demand(json_array_get(demands, i));

		fprintf(out, "%s%s", i > 0 ? "\n" : "", demand ?: "-");
	}
	return fclose(out) == 0 ? TAKE_PTR(text) : NULL;
}

/* ---- Columns ---- */

const struct column domain_columns[] = {
	{ .name = "ID", .key = "id", .flags = SHOWN_NUMBER },
	{ .name = "NAME", .key = "name", .flags = SHOWN | COLUMN_TREE },
	{ .name = "BUS-TOKEN", .key = "bus_token", .flags = SHOWN },
	{ .name = "PARENT", .key = "parent", .flags = SHOWN_NUMBER },
	{ .name = "DEVICE", .key = "device", .flags = SHOWN },
	{ .name = "MAPPED", .key = "mapped", .flags = SHOWN_NUMBER },
	{ .name = "CHIP", .key = "chip", .flags = SHOWN },
	{ .name = "IMMUTABILITY", .key = "immutability", .flags = SHOWN },
	{ .name = "FLAGS", .key = "flags" },
	{ .name = "HWIRQ-MAX", .key = "hwirq_max", .flags = NUMBER },
	{ .name = "AFFINITY-CHANGES", .key = "affinity_changes", .flags = NUMBER },
	{ .name = "MESSAGE-CHANGES", .key = "message_changes", .flags = NUMBER },
	{}
};

const struct column device_columns[] = {
	{ .name = "DEVICE", .key = "device", .flags = SHOWN },
	{ .name = "DRIVER", .key = "driver", .flags = SHOWN },
	{ .name = "ASKED", .key = "asked", .text = text_span, .flags = SHOWN_NUMBER },
	{ .name = "GRANTED", .key = "granted", .flags = SHOWN_NUMBER },
	{ .name = "USED", .key = "used", .flags = SHOWN_NUMBER },
	{ .name = "SHARED", .key = "shared", .flags = SHOWN_NUMBER },
	{ .name = "UNUSED", .key = "unused", .flags = SHOWN_NUMBER },
	{ .name = "FEATURES", .key = "features", .text = text_features, .flags = SHOWN },
	{ .name = "NEVER-REQUESTED", .key = "never_requested", .flags = NUMBER },
	{ .name = "DYNAMIC", .key = "dynamic", .flags = NUMBER },
	{ .name = "OFFERED", .key = "offered", .text = text_offer },
	{ .name = "DEMANDS", .key = "demands", .text = text_demands },
	{ .name = "REASON", .key = "reason" },
	{ .name = "POLLED",
	  .key = "features",
	  .text = text_results,
	  .member = "polled",
	  .flags = NUMBER },
	{ .name = "REFUSED",
	  .key = "features",
	  .text = text_results,
	  .member = "refused",
	  .flags = NUMBER },
	{ .name = "UNCLAIMED",
	  .key = "features",
	  .text = text_results,
	  .member = "unclaimed",
	  .flags = NUMBER },
	{ .name = "BUS", .key = "bus" },
	{ .name = "PARENT", .key = "parent" },
	{ .name = "MODULE", .key = "module" },
	{ .name = "CLASS", .key = "class" },
	{}
};

static const struct column device_fields[] = {
	{ .name = "Device", .key = "device" },
	{ .name = "Bus", .key = "bus" },
	{ .name = "Driver", .key = "driver" },
	{ .name = "Module", .key = "module" },
	{ .name = "Parent", .key = "parent" },
	{ .name = "Class", .key = "class" },
	{ .name = "Hardware offers", .key = "offered", .text = text_offer },
	{ .name = "Vectors asked", .key = "asked", .text = text_span },
	{ .name = "Not known because", .key = "reason" },
	{ .name = "Calls", .key = "demands", .text = text_demands },
	{ .name = "Granted", .key = "granted" },
	{ .name = "Used", .key = "used" },
	{ .name = "Shared", .key = "shared" },
	{ .name = "Unused", .key = "unused" },
	{ .name = "Never requested", .key = "never_requested" },
	{ .name = "Dynamic", .key = "dynamic" },
	{}
};

static const struct column feature_columns[] = {
	{ .name = "FEATURE", .key = "feature", .flags = SHOWN },
	{ .name = "INSTANCE", .key = "instance", .flags = SHOWN },
	{ .name = "MESSAGE", .key = "message_number", .flags = SHOWN_NUMBER },
	{ .name = "HARDWARE", .key = "hardware_message", .flags = SHOWN_NUMBER },
	{ .name = "IRQ", .key = "irq", .flags = SHOWN_NUMBER },
	{ .name = "RESULT", .key = "result", .flags = SHOWN, .color = color_state },
	{ .name = "RELATION", .key = "relation", .flags = SHOWN },
	{ .name = "ERROR", .key = "errno", .text = text_errno, .flags = SHOWN },
	{ .name = "REASON", .key = "reason", .flags = SHOWN },
	{}
};

const struct column vector_columns[] = {
	{ .name = "IRQ", .key = "irq", .flags = SHOWN_NUMBER },
	{ .name = "PROVIDER", .key = "provider", .flags = SHOWN },
	{ .name = "INDEX", .key = "index", .flags = SHOWN_NUMBER },
	{ .name = "MESSAGE", .key = "message", .text = text_message, .flags = SHOWN },
	{ .name = "CPU", .key = "effective_affinity", .flags = SHOWN },
	{ .name = "STATE", .key = "state", .flags = SHOWN, .color = color_state },
	{ .name = "INTERRUPTS", .key = "interrupts", .flags = SHOWN_NUMBER },
	{ .name = "OWNER", .key = "owners", .member = "device", .flags = SHOWN },
	{ .name = "RELATION", .key = "owners", .member = "relation", .flags = SHOWN },
	{ .name = "ACTION", .key = "owners", .member = "action", .flags = SHOWN },
	{ .name = "BUS", .key = "owners", .member = "bus" },
	{ .name = "DRIVER", .key = "owners", .member = "driver" },
	{ .name = "MODULE", .key = "owners", .member = "module" },
	{ .name = "HANDLER", .key = "owners", .member = "handler" },
	{ .name = "EVIDENCE", .key = "owners", .member = "evidence" },
	{ .name = "DOMAIN", .key = "domain", .flags = NUMBER },
	{ .name = "CHIP", .key = "chip" },
	{ .name = "HWIRQ", .key = "hwirq", .flags = NUMBER },
	{ .name = "TARGET", .key = "target", .text = text_target },
	{ .name = "AFFINITY", .key = "affinity" },
	{ .name = "MANAGED", .key = "managed" },
	{ .name = "ORIGIN", .key = "origin" },
	{ .name = "CHANGES", .key = "message_changes", .flags = NUMBER },
	{ .name = "AFFINITY-CHANGES", .key = "affinity_changes", .flags = NUMBER },
	{ .name = "SYSFS", .key = "sysfs" },
	{}
};

enum exit_code verb_domains(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *domains = NULL;
	int r;

	(void)argument;
	r = writer_new(domain_columns, options, &writer);
	if (r == 0)
		r = client_call(options, "ListDomains", json_object(), "domains", JSON_ARRAY,
				&domains);
	if (r == 0)
		r = writer_list(writer, domains, options->tree ? "id" : NULL,
				options->tree ? "parent" : NULL);
	return exit_code_of(r);
}

static int print_details(const struct options *options, const json_t *device)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	const json_t *features = json_object_get(device, "features");
	int r;

	r = writer_properties(device_fields, options, device);
	if (r < 0 || json_array_size(features) == 0)
		return r;
	putchar('\n');
	r = writer_new(feature_columns, options, &writer);
	return r < 0 ? r : writer_list(writer, features, NULL, NULL);
}

enum exit_code verb_devices(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *devices = NULL;
	const json_t *device;
	json_t *parameters;
	int r;

	r = writer_new(device_columns, options, &writer);
	if (r < 0)
		return exit_code_of(r);
	parameters = json_pack("{s:o*}", "device", argument ? json_text(argument) : NULL);
	r = client_call(options, "ListDevices", parameters, "devices", JSON_ARRAY, &devices);
	if (r < 0)
		return exit_code_of(r);
	if (!argument)
		return exit_code_of(writer_list(writer, devices, NULL, NULL));

	device = json_array_get(devices, 0);
	if (!json_is_object(device)) {
		warnx("%s: the daemon knows nothing of it", argument);
		return EXIT_FAILED;
	}
	/* Columns are for scripts; people get the features, too. */
	if (options->json || options->output)
		return exit_code_of(writer_object(writer, device));
	return exit_code_of(print_details(options, device));
}

enum exit_code verb_vectors(const struct options *options, const char *argument)
{
	_cleanup_(writer_freep) struct writer *writer = NULL;
	json_auto_t *vectors = NULL;
	json_t *parameters;
	int r;

	(void)argument;
	r = writer_new(vector_columns, options, &writer);
	if (r < 0)
		return exit_code_of(r);
	parameters = json_pack("{s:o*, s:o*}", "device",
			       options->device ? json_text(options->device) : NULL, "irq",
			       options->irq >= 0 ? json_integer(options->irq) : NULL);
	r = client_call(options, "ListVectors", parameters, "vectors", JSON_ARRAY, &vectors);
	if (r == 0)
		r = writer_list(writer, vectors, NULL, NULL);
	return exit_code_of(r);
}
