// SPDX-License-Identifier: GPL-2.0-or-later
/* Which form of an answer a client gets: headers as real clients send them, and broken ones. */
#include "http-accept.h"
#include "records.h"

static const struct http_offer metrics[] = {
	{ "application/openmetrics-text", "1.0.0", true },
	{ "application/openmetrics-text", "0.0.1", true },
	{ "text/plain", "0.0.4", false },
};
enum { OPENMETRICS, OLD_OPENMETRICS, TEXT };

static void expect_type(const char *accept, size_t offer)
{
	if (http_accept_type(accept, metrics, 3) != offer)
		fail_msg("%s: offer %zu", accept ?: "(none)", http_accept_type(accept, metrics, 3));
}

static void test_clients(void **state)
{
	(void)state;
	/* Prometheus 2.42 and 3.0, by their default configuration */
	expect_type("application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		    "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		    OPENMETRICS);
	expect_type("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
		    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;"
		    "escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
		    OPENMETRICS);
	expect_type("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		    "encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,"
		    "*/*;q=0.2",
		    OPENMETRICS);
	/* with scrape_protocols: [PrometheusText0.0.4] */
	expect_type("text/plain;version=0.0.4;q=0.3,*/*;q=0.2", TEXT);
	/* curl, a browser, and who says nothing */
	expect_type("*/*", TEXT);
	expect_type("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
		    TEXT);
	expect_type(NULL, TEXT);
	/* telegraf, python's client in a test */
	expect_type("application/openmetrics-text; version=0.0.1", OLD_OPENMETRICS);
	expect_type("application/openmetrics-text", OPENMETRICS);
}

static void test_weights(void **state)
{
	(void)state;
	expect_type("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.3", TEXT);
	expect_type("application/openmetrics-text;version=1.0.0;q=0.301,text/plain;q=0.3",
		    OPENMETRICS);
	expect_type("application/openmetrics-text,text/plain", OPENMETRICS);
	expect_type("text/plain,application/openmetrics-text", OPENMETRICS);
	expect_type("application/openmetrics-text;q=0,*/*", TEXT);
	expect_type("application/openmetrics-text;q=0.0,application/*", TEXT);
	/* the closer range counts, not the greater weight */
	expect_type("text/*;q=1,text/plain;q=0.1,application/openmetrics-text;q=0.5", OPENMETRICS);
	expect_type("application/openmetrics-text;q=1,application/openmetrics-text;version=1.0.0;"
		    "q=0.1,text/plain;q=0.2",
		    OLD_OPENMETRICS);
	/* a version that we do not speak */
	expect_type("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", TEXT);
	expect_type("application/openmetrics-text;version=\"1.0.0\";q=\"0.5\",*/*;q=0.1",
		    OPENMETRICS);
	expect_type("APPLICATION/OpenMetrics-Text; VERSION=1.0.0 ; Q=0.5 , */* ; q=0.1",
		    OPENMETRICS);
}

static void test_nonsense(void **state)
{
	static const char *const headers[] = {
		"",
		",",
		";;;",
		";q=1",
		",,,text/html,,",
		"application/json",
		"application/openmetrics-text;q=",
		"application/openmetrics-text;q=2",
		"application/openmetrics-text;q=-1",
		"application/openmetrics-text;q=1x",
		"application/openmetrics-text;q=0.x",
		"\"application/openmetrics-text",
		"a=\"b,application/openmetrics-text",
		"application/openmetrics-text;version=\"",
		"text/plain;version=1.0.0",
		"*",
		"/",
		"a\\",
		"\"\\",
		"application/openmetrics-textual",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		expect_type(headers[i], TEXT);
}

static void test_only_by_name(void **state)
{
	static const struct http_offer by_name[] = { { "text/plain", NULL, true },
						     { "application/json", NULL, true } };

	(void)state;
	assert_int_equal(http_accept_type("application/json", by_name, 2), 1);
	assert_int_equal(http_accept_type("text/html", by_name, 2), 0);
	assert_int_equal(http_accept_type(NULL, by_name, 2), 0);
}

static void test_gzip(void **state)
{
	static const char *const yes[] = {
		"gzip",
		"gzip, deflate, br",
		"deflate, gzip;q=1.0, *;q=0.5",
		"x-gzip",
		"GZIP",
		"gzip;q=0.001",
		"*",
		"br;q=1, *;q=0.1",
		"gzip;q=0.5, identity;q=0.5",
		" gzip ;q=1",
		"identity;q=0, gzip;q=0.1",
	};
	static const char *const no[] = {
		"",
		"identity",
		"deflate, br",
		"gzip;q=0",
		"gzip;q=0.0",
		"gzip;q=0, *",
		"gzip;q=0.5, identity;q=1",
		"*;q=0",
		"gzipped",
		"gzip;q=x",
		"br, zstd",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (!http_accept_gzip(yes[i]))
			fail_msg("no gzip for \"%s\"", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		if (http_accept_gzip(no[i]))
			fail_msg("gzip for \"%s\"", no[i]);
	assert_false(http_accept_gzip(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients),	 cmocka_unit_test(test_weights),
		cmocka_unit_test(test_nonsense), cmocka_unit_test(test_only_by_name),
		cmocka_unit_test(test_gzip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
