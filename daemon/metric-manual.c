// SPDX-License-Identifier: GPL-2.0-or-later
/* man/cxlirq-metrics.7, from the table. */
#include "metric.h"

#include <errno.h>
#include <string.h>

static const char head[] =
	".\\\" SPDX-License-Identifier: GPL-2.0-or-later\n"
	".\\\" Made by \"cxlirqd --metrics\" from the table in daemon/metric-table.c.\n"
	".Dd November 21, 2026\n"
	".Dt CXLIRQ-METRICS 7\n"
	".Os\n"
	".Sh NAME\n"
	".Nm cxlirq-metrics\n"
	".Nd the metrics of cxlirqd\n"
	".Sh DESCRIPTION\n"
	".Xr cxlirqd 8\n"
	"answers with these metrics over HTTP at\n"
	".Pa /metrics\n"
	"and\n"
	".Pa /metrics.json ,\n"
	"on its socket to\n"
	".Dq cxlirqctl metrics ,\n"
	"and to systemd's\n"
	".Cm io.systemd.Metrics .\n"
	"Each answer is made anew: the kernel is read again if the last look at it is older than\n"
	"50 milliseconds.\n"
	".Pp\n"
	"Series are there as long as what they are about, and where a family has none it is left\n"
	"out.\n"
	"A label whose value is not known is empty.\n"
	"Values of labels are at most 128 bytes long.\n"
	"A name that is no UTF-8 has question marks in it, as in JSON.\n"
	".Ss Formats\n"
	"OpenMetrics 1.0 has units, and the type info.\n"
	"In the Prometheus text format, and in JSON, which is what prom2json makes of that text, "
	"an\n"
	"info is a gauge.\n"
	"OpenMetrics names a family without the ending\n"
	".Ql _total\n"
	"or\n"
	".Ql _info\n"
	"that its series have.\n"
	".Ss How many\n"
	"An answer has at most 5000 series\n"
	".Po\n"
	".Cm MaxSeries\n"
	"in\n"
	".Xr cxlirqd.conf 5\n"
	".Pc .\n"
	"When there are more, those of single vectors give way first, then those of devices, then\n"
	"those of the host; those of the daemon itself never do.\n"
	"What is left is shared out evenly among the families of a kind, and in a family among "
	"the\n"
	"values of its first label, so that a device with thousands of vectors takes no other's\n"
	"place.\n"
	"In the list below each family has its kind behind its type.\n"
	".Ss Counters\n"
	"Counters start with the daemon, but for those of interrupts, which have what the kernel "
	"has\n"
	"counted before.\n"
	"A counter never goes backwards while its device is there.\n"
	"It goes when the device is removed; a device of the same name that comes later starts\n"
	"anew.\n"
	".Sh METRICS\n"
	".Bl -tag -width Ds\n";

static const char tail[] =
	".El\n"
	".Ss io.systemd.Metrics\n"
	"To systemd the prefix is\n"
	".Ql io.cxlirqd.\\&\n"
	"instead.\n"
	"A label that names a thing\n"
	".Pq Va provider , epc , pmu , program , hook\n"
	"is the object of the metric, and the others are its fields.\n"
	"The value of\n"
	".Va cxlirq_build_info\n"
	"is the version, a string;\n"
	".Va cxlirq_up\n"
	"and\n"
	".Va cxlirq_hook_attached\n"
	"are true or false.\n"
	"There are at most 512, since systemd-report takes 1024 of all its sources together; what "
	"is\n"
	"left out for that is not counted.\n"
	".Sh EXAMPLES\n"
	"Interrupts per second that a CPMU had, in PromQL:\n"
	".Pp\n"
	".Dl rate(cxlirq_device_interrupts_total{owner=\\(dqpmu_mem0.0\\(dq}[5m])\n"
	".Pp\n"
	"Devices with a part that wants interrupts and was refused them:\n"
	".Pp\n"
	".Dl cxlirq_vector_demands{result=\\(dqrefused\\(dq} > 0\n"
	".Sh SEE ALSO\n"
	".Xr cxlirqctl 1 ,\n"
	".Xr cxlirqd.conf 5 ,\n"
	".Xr io.cxlirqd 7 ,\n"
	".Xr cxlirqd 8\n";

/* A sentence a line, as mdoc wants it: a blank behind a full stop ends one. */
static void print_sentences(FILE *out, const char *text)
{
	for (const char *end; *text; text = end + (*end == ' ')) {
		end = strstr(text, ". ");
		end = end ? end + 1 : text + strlen(text);
		fprintf(out, "%.*s\n", (int)(end - text), text);
	}
}

static void print_family(FILE *out, const struct metric_family *family)
{
	static const char *const extents[] = {
		[METRIC_PER_DAEMON] = "of the daemon",
		[METRIC_PER_HOST] = "of the host",
		[METRIC_PER_DEVICE] = "of devices",
		[METRIC_PER_VECTOR] = "of vectors",
	};
	unsigned int n = metric_n_labels(family);

	fprintf(out, ".It Va " METRIC_PREFIX "%s%s", family->name, metric_suffix(family));
	for (unsigned int i = 0; i < n; i++)
		fprintf(out, "%s%s", i ? " , " : " Ns Brq Va ", family->labels[i]);
	fprintf(out, "\n(%s%s%s, %s)\n", metric_type_name(family->type), family->unit ? ", " : "",
		family->unit ?: "", extents[family->extent]);
	print_sentences(out, family->help);
	if (family->more)
		print_sentences(out, family->more);
}

int metric_print_manual(FILE *out)
{
	fputs(head, out);
	for (enum metric metric = 0; metric < METRIC_MAX; metric++)
		print_family(out, metric_family(metric));
	fputs(tail, out);
	return ferror(out) || fflush(out) ? -EIO : 0;
}
