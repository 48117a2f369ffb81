// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Explanations: each sentence that depends on something is there if it is so, and only then.
 */
#include <errno.h>

#include "explain.h"
#include "records.h"

#define NVME "0000:01:00.0"
#define CPMU "pmu_mem0.0"

static json_t *ask(const struct world *w, const struct violations *violations, const char *subject,
		   const char *kind)
{
	json_t *explanation = NULL;
	const char *said;

	assert_int_equal(explain(w->model, violations, subject, &explanation), 0);
	said = json_string_value(json_object_get(explanation, "kind"));
	assert_string_equal(said, kind);
	said = json_string_value(json_object_get(explanation, "subject"));
	assert_string_equal(said, subject);
	assert_int_equal(json_object_size(explanation), 4);
	return explanation;
}

/* How many sentences of @list hold @part */
static size_t count(const json_t *explanation, const char *list, const char *part)
{
	const json_t *sentences = json_object_get(explanation, list), *sentence;
	size_t i, n = 0;

	assert_true(json_is_array(sentences));
	json_array_foreach(sentences, i, sentence) {
		assert_true(json_is_string(sentence));
		n += strstr(json_string_value(sentence), part) != NULL;
	}
	return n;
}

#define assert_said(explanation, list, part)                                                       \
	do {                                                                                       \
		if (count((explanation), (list), (part)) != 1)                                     \
			fail_msg("not once: %s\n%s", (part),                                       \
				 json_dumps((explanation), JSON_INDENT(1)));                       \
	} while (0)
#define assert_not_said(explanation, list, part)                                                   \
	assert_int_equal(count((explanation), (list), (part)), 0)

static struct finding finding_at(enum rule_id rule, const char *device, uint32_t irq,
				 uint32_t index)
{
	struct finding finding = { .rule = rule,
				   .has_irq = true,
				   .has_index = true,
				   .irq = irq,
				   .index = index,
				   .cause = { .valid = true,
					      .kind = RECORD_CAUSE_AFFINITY_WRITE,
					      .pid = 42,
					      .comm = "tuna" } };

	snprintf(finding.device, sizeof(finding.device), "%s", device);
	snprintf(finding.explanation, sizeof(finding.explanation), "It was seen at irq %u.", irq);
	return finding;
}

static struct violations *one_violation(enum rule_id rule, const char *device, uint32_t irq)
{
	struct finding finding = finding_at(rule, device, irq, irq - 30);
	struct violations *violations;
	const struct violation *added;

	assert_int_equal(violations_new(8, &violations), 0);
	assert_int_equal(violations_add(violations, &finding, 1, &added), VIOLATION_NEW);
	return violations;
}

/* ---- An interrupt ---- */

static void test_own(void **state)
{
	struct world *w = *state;
	json_auto_t *e = NULL;

	tell(w, make_owner(RECORD_REASON_REQUESTED, 30, 30, NVME));
	walk(w, true);
	e = ask(w, NULL, "30", "interrupt");
	assert_said(e, "text", "Interrupt 30 is vector 0 of " NVME);
	assert_said(e, "text", "It goes to CPU 0 (allowed: 0-1).");
	assert_said(e, "text", "it has not changed");
	assert_said(e, "text", "Whether messages stay the same here is not known");
	assert_not_said(e, "text", "doorbell");
	assert_not_said(e, "text", "Violation");
	assert_said(e, "advice", "Nothing needs to be done.");
}

static void test_relations(void **state)
{
	struct world *w = *state;
	struct record_action borrowed = make_action(RECORD_REASON_REQUESTED, 30, 7, CPMU);
	json_auto_t *e = NULL;

	start_and_forget(w, 30, 0x41);
	borrowed.device = make_dev(CPMU, "cxl", "cxl_pmu");
	tell(w, borrowed);
	e = ask(w, NULL, "30", "interrupt");
	assert_said(e, "text",
		    "It is used by " CPMU " (driver cxl_pmu), which borrows it from " NVME);
	assert_said(e, "text",
		    "because the kernel hands that device, or a part of it, to the handler");
	assert_said(e, "text", "It is used as \"nvme0q0\"");
	assert_said(e, "text", "nothing proves by which device");
}

static void test_unused(void **state)
{
	struct world *w = *state;
	json_auto_t *e = NULL, *wired = NULL;

	tell(w, with_message(RECORD_REASON_SNAPSHOT, 31, ZEROS));
	e = ask(w, NULL, "31", "interrupt");
	assert_said(e, "text", "nobody has a handler on it");
	assert_said(e, "text", "no message at present");
	tell(w, make_wired(RECORD_REASON_SNAPSHOT, 9));
	wired = ask(w, NULL, "9", "interrupt");
	assert_said(wired, "text", "no device sends as a message");
	assert_not_said(wired, "text", "Its message");
	assert_not_said(wired, "text", "Messages");
}

static void test_changed(void **state)
{
	struct world *w = *state;
	struct vector_record applied = moved_to(2, 2);
	json_auto_t *e = NULL;

	tell(w, make_domain(RECORD_REASON_CREATED, 0x200, "VECTOR"));
	tell(w, make_domain(RECORD_REASON_CREATED, 0x100, "MSIX"));
	start_and_forget(w, 30, 0x41);
	tell(w, make_message(30, MESSAGE(0x41), MESSAGE(0x42)));
	applied.r.reason = RECORD_REASON_AFFINITY_APPLIED;
	applied.r.message = MESSAGE(0x42);
	tell(w, applied);
	e = ask(w, NULL, "30", "interrupt");
	assert_said(e, "text", "it has changed 1 time since");
	assert_said(e, "text", "writes another message into the device, 1 time so far");
	assert_said(e, "text", "in the domain MSIX");
}

/* The domain of irq 30 and so on, on the parent domain ITS with these flags */
static void make_parent(struct world *w, uint32_t flags)
{
	struct record_domain parent = make_domain(RECORD_REASON_CREATED, 0x200, "ITS");
	struct record_domain own = make_domain(RECORD_REASON_CREATED, 0x100, "MSIX");

	tell(w, make_name(RECORD_NAME_DOMAIN_FLAG, 0x8000, "msi-immutable"));
	parent.flags = flags;
	own.parent = 0x200;
	tell(w, parent);
	tell(w, own);
}

static void test_declared(void **state)
{
	struct world *w = *state;
	json_auto_t *e = NULL;

	make_parent(w, 0x8000);
	start_and_forget(w, 30, 0x41);
	e = ask(w, NULL, "30", "interrupt");
	assert_said(e, "text", "the interrupt controller (ITS) declares so (MSI_IMMUTABLE)");
}

static void test_violation(void **state)
{
	struct world *w = *state;
	struct violations *violations = one_violation(RULE_IMMUTABLE_MESSAGE_CHANGED, NVME, 30);
	const struct violation *closed;
	json_auto_t *e = NULL, *other = NULL, *after = NULL;

	start_and_forget(w, 30, 0x41);
	start_and_forget(w, 31, 0x42);
	e = ask(w, violations, "30", "interrupt");
	assert_said(e, "text", "Violation 1 is open: immutable-message-changed (critical, " NVME);
	assert_said(
		e, "text",
		"the cause: somebody chose other CPUs for it (affinity-write by tuna[42], uid 0). "
		"It was seen at irq 30.");
	assert_said(e, "advice", "breaks its promise");
	assert_not_said(e, "advice", "Nothing");
	other = ask(w, violations, "31", "interrupt");
	assert_not_said(other, "text", "Violation");
	violations_acknowledge(violations, 1, &closed);
	after = ask(w, violations, "30", "interrupt");
	assert_not_said(after, "text", "Violation");
	violations_free(violations);
}

/* ---- A doorbell ---- */

#define EPF "pci_epf_vntb.0"

static struct record_doorbell make_doorbell(int error)
{
	struct record_doorbell r = { .header = make_header(RECORD_DOORBELL, sizeof(r)),
				     .reason = RECORD_REASON_CREATED,
				     .error = error,
				     .epf = 0xe0,
				     .epc = 0xe1,
				     .count = 1,
				     .irq = error ? 0 : 30,
				     .bar = -1,
				     .message = MESSAGE(0x41),
				     .epc_name = "pcie-ep",
				     .epf_name = EPF,
				     .provider = NVME };

	return r;
}

static void test_doorbell_at_risk(void **state)
{
	struct world *w = *state;
	json_auto_t *irq = NULL, *epf = NULL, *epc = NULL;

	make_parent(w, 0);
	start_and_forget(w, 30, 0x41);
	tell(w, make_doorbell(0));
	irq = ask(w, NULL, "30", "interrupt");
	assert_said(irq, "text", "It is doorbell 0 of the endpoint function " EPF " on pcie-ep");
	assert_said(irq, "text", "Verdict: at risk.");
	assert_said(irq, "advice", "Leave the interrupt on its CPU");
	epf = ask(w, NULL, EPF, "device");
	assert_said(epf, "text", "Interrupt 30 is a doorbell:");
	assert_said(epf, "text", "Verdict: at risk.");
	epc = ask(w, NULL, "pcie-ep", "device");
	assert_said(epc, "text", "It is doorbell 0 of the endpoint function " EPF);
}

static void test_doorbell_safe(void **state)
{
	struct world *w = *state;
	json_auto_t *e = NULL;

	make_parent(w, 0x8000);
	start_and_forget(w, 30, 0x41);
	tell(w, make_doorbell(0));
	e = ask(w, NULL, "30", "interrupt");
	assert_said(e, "text", "Verdict: safe.");
	assert_said(e, "advice", "Nothing needs to be done.");
}

static void test_doorbell_refused(void **state)
{
	struct world *w = *state;
	json_auto_t *e = NULL;

	tell(w, make_doorbell(-EINVAL));
	e = ask(w, NULL, EPF, "device");
	assert_said(e, "text", "The endpoint function " EPF " on pcie-ep asked for doorbells.");
	assert_said(e, "text", "The kernel refused to set it up.");
	assert_not_said(e, "text", "Verdict");
}

/* ---- A device ---- */

static void test_device(void **state)
{
	struct world *w = *state;
	struct record_action borrowed = make_action(RECORD_REASON_REQUESTED, 30, 7, CPMU);
	struct violations *violations = one_violation(RULE_VECTOR_REFUSED, NVME, 34);
	json_auto_t *e = NULL, *sub = NULL;

	tell(w, make_device(NVME, "pci", "nvme"));
	start_and_forget(w, 30, 0x41);
	tell(w, with_message(RECORD_REASON_ALLOCATED, 31, PLACEHOLDER));
	borrowed.device = make_dev(CPMU, "cxl", "cxl_pmu");
	tell(w, borrowed);
	e = ask(w, violations, NVME, "device");
	assert_said(e, "text", "bound to the driver nvme");
	assert_said(e, "text", "It has 2 vectors");
	assert_said(e, "text", "Interrupt 30: vector 0 of " NVME);
	assert_said(e, "text", "Interrupt 31: vector 1 of " NVME ", nobody has a handler on it");
	assert_said(e, "text", "Violation 1 is open: vector-refused");
	assert_said(e, "advice", "look at its driver's messages");
	sub = ask(w, violations, CPMU, "device");
	assert_said(sub, "text", "Interrupt 30: vector 0 of " NVME ", borrowed, \"" CPMU "\"");
	assert_not_said(sub, "text", "Interrupt 31");
	assert_not_said(sub, "text", "Violation");
	violations_free(violations);
}

/* A device that is gone, and that something was found about */
static void test_device_gone(void **state)
{
	struct world *w = *state;
	struct violations *violations = one_violation(RULE_VECTOR_OUTLIVES_PROVIDER, "gone", 30);
	json_auto_t *e = ask(w, violations, "gone", "device");

	assert_said(e, "text", "gone has no interrupt at present.");
	assert_said(e, "text", "Violation 1");
	violations_free(violations);
}

/* ---- A rule ---- */

static void test_rules(void **state)
{
	struct world *w = *state;
	struct violations *violations = one_violation(RULE_VECTOR_HIDDEN, NVME, 30);

	for (enum rule_id rule = 0; rule < RULE_MAX; rule++) {
		const struct rule_text *words = rule_text(rule);
		json_auto_t *e = ask(w, violations, words->name, "rule");

		assert_said(e, "text", words->summary);
		assert_said(e, "text", "Severity: ");
		assert_said(e, "advice", words->advice);
		assert_int_equal(json_array_size(json_object_get(e, "advice")), 1);
		assert_said(e, "text", rule == RULE_VECTOR_HIDDEN ? "Violation 1" : "no open");
	}
	violations_free(violations);
}

static void test_without_tracing(void **state)
{
	struct world *w = *state;
	json_auto_t *e = NULL;

	tell(w, make_base(RECORD_MODE_SYSFS));
	e = ask(w, NULL, "vector-hidden", "rule");
	assert_said(e, "text", "BPF tracing is off here");
}

/* ---- Nothing ---- */

static void test_nothing(void **state)
{
	static const char *const subjects[] = { "",
						"99",
						"4294967296",
						"-1",
						"0x1e",
						"nope",
						"30 ",
						"vector-hidden ",
						"Vector-Hidden",
						"\n" };
	struct world *w = *state;
	json_t *explanation = NULL;

	start_and_forget(w, 30, 0x41);
	for (size_t i = 0; i < sizeof(subjects) / sizeof(*subjects); i++)
		assert_int_equal(explain(w->model, NULL, subjects[i], &explanation), -ENOENT);
	assert_null(explanation);
}

static void test_numbers(void **state)
{
	uint32_t irq = 7;

	(void)state;
	assert_true(explain_is_irq("0", &irq));
	assert_int_equal(irq, 0);
	assert_true(explain_is_irq("4294967295", &irq));
	assert_int_equal(irq, UINT32_MAX);
	assert_false(explain_is_irq("4294967296", &irq));
	assert_false(explain_is_irq("-1", &irq));
	assert_false(explain_is_irq("", &irq));
	assert_false(explain_is_irq("1 ", &irq));
}

/* A name may be anything; the explanation is JSON all the same. */
static void test_odd_names(void **state)
{
	struct world *w = *state;
	struct record_action odd = make_action(RECORD_REASON_REQUESTED, 30, 7, "\xff%s%n\"");
	json_auto_t *e = NULL;

	start_and_forget(w, 30, 0x41);
	odd.device = make_dev("%s\xfe", "cxl", "%d");
	tell(w, odd);
	e = ask(w, NULL, "30", "interrupt");
	assert_said(e, "text", "used by %s? (driver %d)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_listening, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own),
		TEST(test_relations),
		TEST(test_unused),
		TEST(test_changed),
		TEST(test_declared),
		TEST(test_violation),
		TEST(test_doorbell_at_risk),
		TEST(test_doorbell_safe),
		TEST(test_doorbell_refused),
		TEST(test_device),
		TEST(test_device_gone),
		TEST(test_rules),
		TEST(test_without_tracing),
		TEST(test_nothing),
		TEST(test_numbers),
		TEST(test_odd_names),
	};

	return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
