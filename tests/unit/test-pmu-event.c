// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events in perf's syntax: what the list is taken apart into, what the words of perf_event_attr
 * become, and what is said of an event that makes no sense. What is expected is what perf does
 * (tools/perf/util/parse-events.[ly] and pmu.c of Linux 7.3) with the formats of cxl_pmu.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pmu-event.h"

/* ---- Lists ------------------------------------------------------------------------------------ */

/* "pmu|terms|group;" of each, a bare event's PMU as "="; or what is wrong */
static const char *items_of(const char *text)
{
	static char said[PMU_ITEMS_MAX * 256];
	char reason[PMU_REASON_MAX] = "";
	struct pmu_items items = {};
	size_t n = 0;
	int r = pmu_items_parse(&items, text, reason);

	said[0] = '\0';
	if (r < 0) {
		assert_int_equal(items.n, 0);
		assert_int_equal(items.n_groups, 0);
		assert_int_equal(r, strncmp(reason, "more than 256", 13) ? -EINVAL : -E2BIG);
		snprintf(said, sizeof(said), "%s", reason);
	}
	for (size_t i = 0; i < items.n; i++)
		n += (size_t)snprintf(said + n, sizeof(said) - n, "%s|%s|%u;",
				      items.items[i].bare ? "=" : items.items[i].pmu,
				      items.items[i].terms, items.items[i].group);
	pmu_items_done(&items);
	return said;
}

static void test_lists(void **state)
{
	static const struct {
		const char *text, *items;
	} lists[] = {
		{ "clock_ticks", "=|clock_ticks|0;" },
		{ "cxl_pmu_mem0.0/clock_ticks/", "cxl_pmu_mem0.0|clock_ticks|0;" },
		{ "a/vid=0x1e98,gid=0x10,mask=0x2,threshold=4,invert,edge,hdm=0x3/",
		  "a|vid=0x1e98,gid=0x10,mask=0x2,threshold=4,invert,edge,hdm=0x3|0;" },
		{ "a//", "a||0;" },
		{ "a/ b , c = 5 /", "a| b , c = 5 |0;" },
		{ "a,b/c,d/,e", "=|a|0;b|c,d|0;=|e|0;" },
		/* blanks are as good as commas */
		{ "  a  b/c/\t,d , e ", "=|a|0;b|c|0;=|d|0;=|e|0;" },
		{ "{a,b},{c/d,e/}", "=|a|1;=|b|1;c|d,e|2;" },
		{ "x,{ a , b },y {z}", "=|x|0;=|a|1;=|b|1;=|y|0;=|z|2;" },
		{ "{a b}", "=|a|1;=|b|1;" },
		{ "cxl_pmu_*/m2s_req_memrd/", "cxl_pmu_*|m2s_req_memrd|0;" },
		{ "cxl_pmu_mem[01].?/x/", "cxl_pmu_mem[01].?|x|0;" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		assert_string_equal(items_of(lists[i].text), lists[i].items);
}

static void test_bad_lists(void **state)
{
	static const struct {
		const char *text, *reason;
	} lists[] = {
		{ "", "no event at the end" },
		{ "  ", "no event at the end" },
		{ ",", "no event at \",\"" },
		{ "a,", "no event at the end" },
		{ "a,,b", "no event at \",b\"" },
		{ "/a/", "no event at \"/a/\"" },
		{ "a/b", "no closing / at \"a/b\"" },
		{ "a/b/c", "an event ends with a comma at \"c\"" },
		{ "a/b/c/", "an event ends with a comma at \"c/\"" },
		{ "a/b,/", "no NAME or NAME=VALUE at the end" },
		{ "a/,b/", "no NAME or NAME=VALUE at the end" },
		{ "a/b,,c/", "no NAME or NAME=VALUE at the end" },
		{ "a/b=/", "no NAME or NAME=VALUE at \"b=\"" },
		{ "a/=5/", "no NAME or NAME=VALUE at \"=5\"" },
		{ "a/b=5=6/", "no NAME or NAME=VALUE at \"b=5=6\"" },
		{ "a/b c/", "no NAME or NAME=VALUE at \"b c\"" },
		{ "a/b=18446744073709551616/", "too large a number at \"b=18446744073709551616\"" },
		{ "clock_ticks:u", "a CXL PMU knows no modifiers, nothing may follow the event at "
				   "\"clock_ticks:u\"" },
		{ "a/b/:k",
		  "a CXL PMU knows no modifiers, nothing may follow the event at \"a/b/:k\"" },
		{ "{a,b}:S",
		  "a CXL PMU knows no modifiers, nothing may follow the group at \"{a,b}:S\"" },
		{ "{", "no closing } at \"{\"" },
		{ "{a", "no closing } at \"{a\"" },
		{ "{a,", "no closing } at \"{a,\"" },
		{ "{}", "no event at \"}\"" },
		{ "{a,}", "no event at \"}\"" },
		{ "{a}}", "a group ends with a comma at \"}\"" },
		{ "{a}b", "a group ends with a comma at \"b\"" },
		{ "a}", "no group to close at \"}\"" },
		{ "a{b}", "an event ends with a comma at \"{b}\"" },
		{ "{a,{b}}", "a group in a group at \"{b}}\"" },
		{ "a=5", "an event ends with a comma at \"=5\"" },
		{ "a;b", "an event ends with a comma at \";b\"" },
		/* what comes from outside is shown without what terminals would obey */
		{ "a\033[31m", "an event ends with a comma at \"?[31m\"" },
		{ "\xff", "no event at \"?\"" },
		{ "a/b=\n/", "no NAME or NAME=VALUE at \"b=?\"" },
		{ "1234567890123456789012345678901234567890123456789012345678901234",
		  "a name of more than 63 characters at "
		  "\"1234567890123456789012345678901234567890\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		assert_string_equal(items_of(lists[i].text), lists[i].reason);
}

/* @n times @piece, and @end */
static char *repeated(const char *piece, size_t n, const char *end)
{
	char *text = malloc(strlen(piece) * n + strlen(end) + 1), *at = text;

	while (n--)
		at = stpcpy(at, piece);
	strcpy(at, end);
	return text;
}

static void test_bounds(void **state)
{
	char *text;

	(void)state;
	text = repeated("a,", PMU_ITEMS_MAX - 1, "a");
	assert_int_equal(strlen(items_of(text)), PMU_ITEMS_MAX * 6);
	free(text);
	text = repeated("a,", PMU_ITEMS_MAX, "a");
	assert_string_equal(items_of(text), "more than 256 events");
	free(text);
	text = repeated("a,", PMU_TERMS_MAX, "a/");
	memmove(text, "p/", 2);
	assert_string_equal(items_of(text),
			    "p|a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a|0;");
	free(text);
	text = repeated("a,", PMU_TERMS_MAX + 1, "a/");
	memmove(text, "p/", 2);
	assert_string_equal(items_of(text), "too many terms at \"a\"");
	free(text);
	text = repeated("x", 129, "/");
	memmove(text, "p/", 2);
	assert_string_equal(
		items_of(text),
		"no NAME or NAME=VALUE at \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"");
	free(text);
	text = repeated("x", 130, "/");
	memmove(text, "p/", 2);
	assert_string_equal(items_of(text), "more than 127 characters between slashes at "
					    "\"p/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"");
	free(text);
}

/* Several texts make one list; one that is wrong leaves what there is. */
static void test_appended(void **state)
{
	struct pmu_items items = {};
	char reason[PMU_REASON_MAX];

	(void)state;
	assert_int_equal(pmu_items_parse(&items, "{a,b}", reason), 0);
	assert_int_equal(pmu_items_parse(&items, "c,{d", reason), -EINVAL);
	assert_int_equal(items.n, 2);
	assert_int_equal(pmu_items_parse(&items, "{c}", reason), 0);
	assert_int_equal(items.n, 3);
	assert_int_equal(items.items[2].group, 2);
	pmu_items_done(&items);
	pmu_items_done(&items);
}

/* ---- Formats ---------------------------------------------------------------------------------- */

static void test_formats(void **state)
{
	static const struct {
		const char *text;
		uint32_t word;
		uint64_t bits;
	} good[] = {
		{ "config:0-31", 0, 0xffffffff },
		{ "config:48-63", 0, 0xffffULL << 48 },
		{ "config:0-63", 0, UINT64_MAX },
		{ "config1:16", 1, 1 << 16 },
		{ "config2:0-15", 2, 0xffff },
		{ "config:0-7,32-35,63", 0, 0xff | 0xfULL << 32 | 1ULL << 63 },
	};
	static const char *const bad[] = { "",		 "config",	"config:",    "config:64",
					   "config:5-3", "config:1-",	"config:-1",  "config3:0",
					   "config0:0",	 "conf:0",	"config:1,",  "config:1,,2",
					   "config:1 2", "config:0-99", "Config:0",   "config:0x1",
					   "config1 :0", "config:1;2",	"config12:1", ":1" };
	struct pmu_format format;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(pmu_format_parse("x", good[i].text, &format), 0);
		assert_int_equal(format.word, good[i].word);
		assert_int_equal(format.bits, good[i].bits);
		assert_string_equal(format.name, "x");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pmu_format_parse("x", bad[i], &format), -EINVAL);
	assert_int_equal(
		pmu_format_parse("1234567890123456789012345678901234567890123456789012345678901234",
				 "config:1", &format),
		-EINVAL);
}

/* ---- Events ------------------------------------------------------------------------------------ */

static struct pmu_format formats[12];
static struct pmu_alias aliases[] = {
	{ "clock_ticks", "config=0x1e98000000000001" },
	{ "d2h_req_rdcurr", "config=0x1e98001000000002" },
	{ "m2s_req_memrd", "config=0x1e98002000000002" },
	{ "m2s_req_memrddata", "config=0x1e98002000000004" },
	{ "by_terms", "vid=0x1e98,gid=0x20,mask=0x8" },
	{ "edge", "config=7" }, /* a term of this name goes first */
	{ "rabc", "config=9" },
	{ "broken", "config=" },
};
static struct pmu_vocabulary pmu = { .formats = formats,
				     .aliases = aliases,
				     .n_aliases = sizeof(aliases) / sizeof(*aliases) };

static int setup(void **state)
{
	static const char *const texts[][2] = {
		{ "mask", "config:0-31" },
		{ "gid", "config:32-47" },
		{ "vid", "config:48-63" },
		{ "threshold", "config1:0-15" },
		{ "invert", "config1:16" },
		{ "edge", "config1:17" },
		{ "hdm_filter_en", "config1:18" },
		{ "hdm", "config2:0-15" },
		{ "scattered", "config2:32,40-41,63" },
		{ "all", "config2:0-63" },
	};

	(void)state;
	pmu.n_formats = sizeof(texts) / sizeof(*texts);
	for (size_t i = 0; i < pmu.n_formats; i++)
		if (pmu_format_parse(texts[i][0], texts[i][1], &formats[i]) < 0)
			return -1;
	return 0;
}

/* "config config1 config2 label", in hex; or what is wrong. @text: "p/TERMS/", or a bare event */
static const char *resolved(const char *text, const char *event)
{
	static char said[512];
	char reason[PMU_REASON_MAX] = "";
	struct pmu_items items = {};
	struct pmu_event result;
	int r;

	assert_int_equal(pmu_items_parse(&items, text, reason), 0);
	r = pmu_event_resolve(&pmu, &items.items[0], event, &result, reason);
	if (r < 0) {
		assert_true(r == -ENOENT || r == -EINVAL);
		snprintf(said, sizeof(said), "%s", reason);
	} else {
		snprintf(said, sizeof(said), "%llx %llx %llx %s",
			 (unsigned long long)result.config[0], (unsigned long long)result.config[1],
			 (unsigned long long)result.config[2], result.label);
	}
	pmu_items_done(&items);
	return said;
}

static void test_events(void **state)
{
	static const struct {
		const char *text, *event, *result;
	} events[] = {
		{ "clock_ticks", NULL, "1e98000000000001 0 0 clock_ticks" },
		{ "p/clock_ticks/", NULL, "1e98000000000001 0 0 clock_ticks" },
		{ "p/CLOCK_ticks/", NULL, "1e98000000000001 0 0 CLOCK_ticks" },
		{ "p/event=clock_ticks/", NULL, "1e98000000000001 0 0 event=clock_ticks" },
		{ "p/vid=0x1e98,gid=0x10,mask=0x2,threshold=4,invert,edge,hdm_filter_en,hdm=0x3/",
		  NULL,
		  "1e98001000000002 70004 3 "
		  "vid=0x1e98,gid=0x10,mask=0x2,threshold=4,invert,edge,hdm_filter_en,hdm=0x3" },
		/* nothing is implied */
		{ "p/clock_ticks,hdm=0x3/", NULL, "1e98000000000001 0 3 clock_ticks,hdm=0x3" },
		{ "p//", NULL, "0 0 0 " },
		{ "p/by_terms/", NULL, "1e98002000000008 0 0 by_terms" },
		/* bits are put in, never taken out */
		{ "p/vid=1,vid=2/", NULL, "3000000000000 0 0 vid=1,vid=2" },
		{ "p/by_terms,mask=0x1/", NULL, "1e98002000000009 0 0 by_terms,mask=0x1" },
		{ "p/m2s_req_memrd,mask=0/", NULL, "1e98002000000002 0 0 m2s_req_memrd,mask=0" },
		{ "p/mask=0x4,m2s_req_memrd/", NULL,
		  "1e98002000000006 0 0 mask=0x4,m2s_req_memrd" },
		/* whole words are set, the last one wins, before any bits are put in */
		{ "p/config=5/", NULL, "5 0 0 config=5" },
		{ "p/config=5,config=8/", NULL, "8 0 0 config=5,config=8" },
		{ "p/mask=1,config=4/", NULL, "5 0 0 mask=1,config=4" },
		{ "p/clock_ticks,m2s_req_memrd/", NULL,
		  "1e98002000000002 0 0 clock_ticks,m2s_req_memrd" },
		{ "p/config/", NULL, "1 0 0 config" },
		{ "p/config1=0x10,config2=7/", NULL, "0 10 7 config1=0x10,config2=7" },
		{ "p/config=0xffffffffffffffff/", NULL,
		  "ffffffffffffffff 0 0 config=0xffffffffffffffff" },
		{ "p/r1A/", NULL, "1a 0 0 r1A" },
		{ "p/r0x1a/", NULL, "1a 0 0 r0x1a" },
		{ "p/rabc/", NULL, "9 0 0 rabc" },
		/* numbers are decimal or 0x, a leading zero means nothing */
		{ "p/threshold=017/", NULL, "0 11 0 threshold=017" },
		{ "p/threshold=65535/", NULL, "0 ffff 0 threshold=65535" },
		{ "p/invert=1/", NULL, "0 10000 0 invert=1" },
		{ "p/invert=0/", NULL, "0 0 0 invert=0" },
		/* the lowest bit goes to the lowest place */
		{ "p/scattered=0x5/", NULL, "0 0 20100000000 scattered=0x5" },
		{ "p/scattered=8/", NULL, "0 0 8000000000000000 scattered=8" },
		{ "p/all=18446744073709551615/", NULL,
		  "0 0 ffffffffffffffff all=18446744073709551615" },
		/* names */
		{ "p/clock_ticks,name=ticks/", NULL, "1e98000000000001 0 0 ticks" },
		{ "p/name=a,clock_ticks,name=b/", NULL, "1e98000000000001 0 0 b" },
		{ "p/edge/", NULL, "0 20000 0 edge" },
		{ "edge", NULL, "7 0 0 edge" },
		{ "p/ edge , hdm = 5 /", NULL, "0 20000 5  edge , hdm = 5 " },
		/* an event before the slashes */
		{ "p/threshold=4/", "clock_ticks", "1e98000000000001 4 0 clock_ticks,threshold=4" },
		{ "p//", "clock_ticks", "1e98000000000001 0 0 clock_ticks" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		assert_string_equal(resolved(events[i].text, events[i].event), events[i].result);
}

static void test_bad_events(void **state)
{
	static const struct {
		const char *text, *reason;
	} events[] = {
		{ "clock_tick", "no event \"clock_tick\", like it: clock_ticks" },
		{ "p/event=memrd/",
		  "no event \"memrd\", like it: m2s_req_memrd, m2s_req_memrddata" },
		{ "p/nothing/",
		  "no event \"nothing\", there are: clock_ticks, d2h_req_rdcurr, m2s_req_memrd, "
		  "m2s_req_memrddata, by_terms, edge, rabc, broken" },
		{ "p/nothing=1/",
		  "no term \"nothing\", there are: mask, gid, vid, threshold, invert, edge, "
		  "hdm_filter_en, hdm, scattered, all, name, config, ..." },
		{ "p/crb=1/",
		  "no term \"crb\", there are: mask, gid, vid, threshold, invert, edge, "
		  "hdm_filter_en, hdm, scattered, all, name, config, ..." },
		{ "p/threshold/", "threshold needs a value, of 0 to 0xffff" },
		{ "p/mask/", "mask needs a value, of 0 to 0xffffffff" },
		{ "p/threshold=65536/", "threshold=65536 is more than 0xffff" },
		{ "p/invert=2/", "invert=2 is more than 0x1" },
		{ "p/mask=0x100000000/", "mask=0x100000000 is more than 0xffffffff" },
		{ "p/mask=all/", "mask=all is no number" },
		{ "p/mask=0x/", "mask=0x is no number" },
		{ "p/mask=0X10/", "mask=0X10 is no number" },
		{ "p/mask=0x11112222333344445/", "mask=0x11112222333344445 is no number" },
		{ "p/mask=4k/", "mask=4k is no number" },
		{ "p/config=high/", "config=high is no number" },
		{ "p/period=1000/",
		  "no term \"period\", there are: mask, gid, vid, threshold, invert, edge, "
		  "hdm_filter_en, hdm, scattered, all, name, config, ..." },
		{ "p/broken/", "no NAME or NAME=VALUE at \"config=\"" },
	};
	static struct pmu_vocabulary empty;

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		assert_string_equal(resolved(events[i].text, NULL), events[i].reason);
	empty = pmu;
	pmu.n_aliases = 0;
	assert_string_equal(resolved("clock_ticks", NULL),
			    "no event \"clock_ticks\", nor any other");
	pmu = empty;
}

/* Names as long as they may be: reasons keep within their bounds. */
static void test_long_names(void **state)
{
	char *name = repeated("n", 63, ""), text[160];

	(void)state;
	snprintf(text, sizeof(text), "p/%s/", name);
	assert_memory_equal(resolved(text, NULL), "no event \"nnnn", 14);
	snprintf(text, sizeof(text), "p/%s=%s/", name, name);
	assert_memory_equal(resolved(text, NULL), "no term \"nnnn", 13);
	snprintf(text, sizeof(text), "p/mask=%s/", name);
	assert_string_equal(resolved(text, NULL),
			    "mask=nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn is no number");
	/* an event and terms that are too long together keep their front */
	snprintf(text, sizeof(text), "p/mask=1,name=%s/", name);
	assert_string_equal(resolved(text, "clock_ticks") + strlen("1e98000000000001 0 0 "), name);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),	   cmocka_unit_test(test_bad_lists),
		cmocka_unit_test(test_bounds),	   cmocka_unit_test(test_appended),
		cmocka_unit_test(test_formats),	   cmocka_unit_test(test_events),
		cmocka_unit_test(test_bad_events), cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
