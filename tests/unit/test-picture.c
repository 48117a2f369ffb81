// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The picture: which edges there are, what is left out, and that no name gets out of its place in
 * either language. That real readers (an XML parser, dot, a browser) agree is for tests/export.
 */
#include "picture.h"
#include "records.h"

static const char *const lists =
	"{'devices': [{'device': '0000:01:00.0', 'bus': 'pci', 'driver': 'cxl_pci', 'used': 2,"
	"              'granted': 3},"
	"             {'device': 'pmu_mem0.0', 'bus': 'cxl', 'driver': 'cxl_pmu', 'granted': 0}],"
	" 'vectors': ["
	"  {'irq': 31, 'provider': '0000:01:00.0', 'domain': 3, 'index': 1, 'state': 'requested',"
	"   'effective_affinity': '2', 'interrupts': 5, 'owners': ["
	"    {'device': '0000:01:00.0', 'relation': 'own'},"
	"    {'device': '0000:01:00.0', 'relation': 'own'},"
	"    {'device': 'pmu_mem0.0', 'relation': 'borrowed'}]},"
	"  {'irq': 30, 'provider': '0000:01:00.0', 'domain': 3, 'index': 0, 'state': 'requested',"
	"   'interrupts': 9, 'owners': [{'device': 'pmu_mem0.0', 'relation': 'borrowed'}]},"
	"  {'irq': 32, 'provider': '0000:01:00.0', 'domain': 3, 'index': 2, 'state': 'allocated',"
	"   'interrupts': 0, 'owners': []},"
	"  {'irq': 4, 'provider': null, 'domain': 1, 'index': null, 'state': 'requested',"
	"   'interrupts': 99, 'owners': [{'device': null, 'relation': 'unknown'}]}],"
	" 'domains': ["
	"  {'id': 1, 'name': 'VECTOR', 'bus_token': 'any', 'parent': null,"
	"   'immutability': 'mutable'},"
	"  {'id': 3, 'name': 'PCI-MSIX', 'bus_token': 'pci-device-msix', 'parent': 1,"
	"   'immutability': 'declared'}]}";

static struct picture *draw(const char *text, const char *device, size_t max)
{
	json_auto_t *json = parse(text);
	struct picture_source source = { .devices = json_object_get(json, "devices"),
					 .vectors = json_object_get(json, "vectors"),
					 .domains = json_object_get(json, "domains") };
	struct picture *picture = NULL;

	assert_int_equal(picture_new(&source, device, max, &picture), 0);
	return picture;
}

static bool has_edge(const json_t *graph, const char *from, const char *to, const char *relation)
{
	const json_t *edge;
	size_t i;

	json_array_foreach(json_object_get(graph, "edges"), i, edge)
		if (!strcmp(json_string_value(json_object_get(edge, "from")), from) &&
		    !strcmp(json_string_value(json_object_get(edge, "to")), to) &&
		    !strcmp(json_string_value(json_object_get(edge, "relation")), relation))
			return true;
	return false;
}

static void test_graph(void **state)
{
	_cleanup_(picture_freep) struct picture *picture = draw(lists, NULL, 10);
	json_auto_t *graph = picture_to_json(picture);

	(void)state;
	assert_int_equal(picture_vectors(picture), 3);
	assert_int_equal(json_array_size(json_object_get(graph, "nodes")), 2 + 3 + 2);
	assert_true(has_edge(graph, "device:0000:01:00.0", "vector:31", "own"));
	assert_true(has_edge(graph, "device:pmu_mem0.0", "vector:31", "borrowed"));
	assert_false(has_edge(graph, "device:0000:01:00.0", "vector:31", "provides"));
	assert_true(has_edge(graph, "device:pmu_mem0.0", "vector:30", "borrowed"));
	assert_true(has_edge(graph, "device:0000:01:00.0", "vector:30", "provides"));
	assert_true(has_edge(graph, "device:0000:01:00.0", "vector:32", "provides"));
	assert_true(has_edge(graph, "vector:30", "domain:3", "in"));
	assert_true(has_edge(graph, "domain:3", "domain:1", "parent"));
	assert_int_equal(json_array_size(json_object_get(graph, "edges")), 5 + 3 + 1);
	assert_int_equal(json_integer_value(json_object_get(graph, "without_device")), 1);
	assert_string_equal(picture_note(picture), "1 interrupts belong to no known device.");
}

static void test_bound(void **state)
{
	_cleanup_(picture_freep) struct picture *picture = draw(lists, NULL, 1);
	json_auto_t *graph = picture_to_json(picture);

	(void)state;
	/* of those that are lent, the busier one */
	assert_int_equal(picture_vectors(picture), 1);
	assert_true(has_edge(graph, "vector:30", "domain:3", "in"));
	assert_int_equal(json_integer_value(json_object_get(graph, "left_out")), 2);
	assert_string_equal(picture_note(picture), "2 more vectors are left out: choose a device. "
						   "1 interrupts belong to no known device.");
}

static void test_one_device(void **state)
{
	_cleanup_(picture_freep) struct picture *picture = draw(lists, "pmu_mem0.0", 10);
	_cleanup_(picture_freep) struct picture *none = draw(lists, "other", 10);
	json_auto_t *graph = picture_to_json(none);

	(void)state;
	assert_int_equal(picture_vectors(picture), 2);
	assert_string_equal(picture_note(picture), "");
	assert_string_equal(picture_note(none), "No vector of a device is known.");
	assert_int_equal(json_array_size(json_object_get(graph, "nodes")), 0);
}

/* Neither a loop of parents nor objects of wrong types bring it down. */
static void test_hostile_lists(void **state)
{
	static const char *const bad[] = {
		"{'vectors': [{'irq': 1, 'provider': 'a', 'domain': 1, 'owners': []}], 'domains':"
		" [{'id': 1, 'name': 'x', 'parent': 2}, {'id': 2, 'name': 'y', 'parent': 1}]}",
		"{'vectors': [{'irq': 1, 'provider': 'a', 'domain': 1, 'owners': []}], 'domains':"
		" [{'id': 1, 'name': 'x', 'parent': 1}]}",
		"{'vectors': [{'irq': 'x', 'provider': 'a', 'domain': [], 'owners': {}}, 5, null,"
		" [], {}, {'provider': 7}], 'devices': {}, 'domains': [1, null, {'id': 'x'}]}",
		"{}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		_cleanup_(picture_freep) struct picture *picture = draw(bad[i], NULL, 10);
		_cleanup_free_ char *svg = NULL, *dot = NULL;
		size_t size;

		assert_int_equal(picture_to_svg(picture, &svg, &size), 0);
		assert_int_equal(strlen(svg), size);
		assert_int_equal(picture_to_dot(picture, &dot, &size), 0);
		assert_int_equal(strlen(dot), size);
	}
}

static const char *const hostile =
	"{'vectors': [{'irq': 1, 'provider': '<script>\\u0001&\\\"\\\\N\\n\\uffff', 'domain': 1,"
	" 'state': 'requested', 'owners': []}], 'domains': [{'id': 1, 'name':"
	" ']]></title><x/>', 'bus_token': '\\\"];x[', 'immutability': '<b>', 'parent': null}]}";

static void test_svg_escaped(void **state)
{
	_cleanup_(picture_freep) struct picture *picture = draw(hostile, NULL, 10);
	_cleanup_free_ char *svg = NULL;
	size_t size;

	(void)state;
	assert_int_equal(picture_to_svg(picture, &svg, &size), 0);
	assert_non_null(strstr(svg, "&lt;script&gt;?&amp;&quot;\\N??"));
	assert_non_null(strstr(svg, "]]&gt;&lt;/title&gt;&lt;x/&gt;"));
	assert_null(strstr(svg, "<script"));
	assert_null(strstr(svg, "<x/>"));
	assert_null(strstr(svg, "<b>"));
	for (size_t i = 0; i < size; i++)
		assert_true((unsigned char)svg[i] >= ' ' || svg[i] == '\n');
}

static void test_dot_escaped(void **state)
{
	_cleanup_(picture_freep) struct picture *picture = draw(hostile, NULL, 10);
	_cleanup_free_ char *dot = NULL;
	size_t size;

	(void)state;
	assert_int_equal(picture_to_dot(picture, &dot, &size), 0);
	assert_non_null(strstr(dot, "label=\"<script>?&amp;\\\"\\\\N?\xef\xbf\xbf\""));
	assert_non_null(strstr(dot, "\\\"];x["));
}

/* A long name is cut between characters, and whole in the tooltip. */
static void test_long_name(void **state)
{
	char name[201] = "", text[800];
	_cleanup_(picture_freep) struct picture *picture = NULL;
	_cleanup_free_ char *svg = NULL;
	size_t size;

	(void)state;
	for (int i = 0; i < 60; i++)
		strcat(name, "\xc3\xa4");
	snprintf(text, sizeof(text), "{'vectors': [{'irq': 1, 'provider': '%s', 'owners': []}]}",
		 name);
	picture = draw(text, NULL, 10);
	assert_int_equal(picture_to_svg(picture, &svg, &size), 0);
	assert_non_null(strstr(svg, name));
	assert_non_null(strstr(svg, "\xc3\xa4\xe2\x80\xa6"));
}

static json_t *many_vectors(size_t n)
{
	json_t *vectors = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			vectors, json_pack("{s:i, s:o, s:i, s:[{s:o, s:s}], s:i}", "irq", (int)i,
					   "provider", json_sprintf("dev%zu", i / 4), "domain", 1,
					   "owners", "device", json_sprintf("dev%zu", i / 4),
					   "relation", "own", "interrupts", (int)(i * 7919 % n)));
	return vectors;
}

static void test_many(void **state)
{
	json_auto_t *vectors = many_vectors(10000);
	struct picture_source source = { .vectors = vectors, .vectors_left_out = 5 };
	_cleanup_(picture_freep) struct picture *picture = NULL;
	_cleanup_free_ char *svg = NULL;
	size_t size;

	(void)state;
	assert_int_equal(picture_new(&source, NULL, 150, &picture), 0);
	assert_int_equal(picture_vectors(picture), 150);
	assert_string_equal(picture_note(picture),
			    "9855 more vectors are left out: choose a device.");
	assert_int_equal(picture_to_svg(picture, &svg, &size), 0);
	assert_in_range(size, 10000, 200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graph),	    cmocka_unit_test(test_bound),
		cmocka_unit_test(test_one_device),  cmocka_unit_test(test_hostile_lists),
		cmocka_unit_test(test_svg_escaped), cmocka_unit_test(test_dot_escaped),
		cmocka_unit_test(test_long_name),   cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
