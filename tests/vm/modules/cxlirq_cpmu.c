// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CXL performance monitoring units without hardware, on memory devices that are
 * there: a page of RAM laid out as the register block (CXL 3.0, 8.2.7) that the
 * kernel's own cxl_pmu driver binds to.  It requests one of the memory device's
 * MSI-X vectors for the overflow interrupt, as it does on hardware.
 *
 * The first counter counts clock ticks and nothing else, the others what they
 * are told of the requests from the host (M2S Req, events 0 to 7).  That group
 * has the index 0, for the driver writes no other one.
 *
 * In a step, 10 ticks pass and event N happens 3 * (N + 1) times: of three, HDM
 * decoder 0 sees two and decoder 1 sees one.  Enabled counters that are not
 * frozen move by what their registers say at that moment; this module keeps its
 * own account of all that it adds, which no driver can touch.  The world stops
 * for a step, so none falls between two of the driver's writes.  A counter that
 * wraps sets its bit in OVERFLOW, freezes all (if the driver asked for that) and
 * raises the interrupt: the real vector, on the CPU that it is bound to.  When
 * that was handled the bit is taken back, which in RAM the driver cannot do by
 * writing it.
 *
 * In /sys/kernel/debug/cxlirq_cpmu:
 *   control   "add DEVICE MESSAGE [OPTION=N]...": one more PMU on that PCI
 *             function, which cxl_pci must be bound to, with that MSI-X message
 *             (0 to 15).  Options: counters (8), width (48 bits), interrupt (1;
 *             0: it cannot), filters (0; 1: HDM, 2: channel/rank/bank, not
 *             looked at), freeze (1; 0: an overflow freezes nothing), cpu (the
 *             one that the driver chooses; it chooses the first that is present,
 *             which on x86 never goes offline: others are hidden meanwhile)
 *             "del NAME"
 *             "move NAME|all STEPS": now; done when it returns
 *             "run NAME|all MS": a step each MS milliseconds, 0: no more
 *   pmus      NAME DEVICE MESSAGE IRQ STEPS, for each
 *   counters  NAME INDEX fixed|configurable off|on|frozen GROUP EVENTS THRESHOLD
 *             EDGE INVERT HDM CRB VALUE COUNTED TOTAL OVERFLOWS, for each: what
 *             the registers say; COUNTED is since the driver last set VALUE to
 *             0, with all that wrapped; TOTAL and OVERFLOWS since the PMU is there
 *
 * A PMU goes when cxl_pci is unbound from its function, as a real one does. The
 * module stays until the machine ends.
 */

#include <linux/bitfield.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include <drivers/cxl/cxlmem.h>
#include <drivers/cxl/pmu.h>

#include "cpmu-registers.h"

#define COUNTERS_MAX 8
#define GROUP_REQUESTS 0
#define GROUP_CLOCK 1
#define GROUPS 2
#define EVENTS 8
#define TICKS 10
#define TIMES 3
#define HANDLED_MS 1000
#define ANY_CPU UINT_MAX

#define ID_CLOCK 0x0000
#define ID_REQUESTS 0x0020

struct options {
	unsigned int counters, width, interrupt, filters, freeze, cpu;
};

struct account {
	u64 value; /* of the register, as this module left it */
	u64 counted, total, overflows;
};

struct cpmu {
	struct list_head list;
	struct pci_dev *pdev;
	void *registers;
	void *group; /* of devres: the PMU and what belongs to it */
	int memdev, index;
	unsigned int message;
	struct options options;
	struct mutex moving; /* what follows; registers and account agree outside of it */
	struct account accounts[COUNTERS_MAX];
	u64 steps;
	struct delayed_work work;
	unsigned int period_ms;
};

static DEFINE_MUTEX(lock); /* the list; taken inside of the function's own, outside of moving */
static LIST_HEAD(cpmus);

static u64 get(const struct cpmu *c, unsigned int offset)
{
	return le64_to_cpu(READ_ONCE(*(__le64 *)(c->registers + offset)));
}

static void set(struct cpmu *c, unsigned int offset, u64 value)
{
	WRITE_ONCE(*(__le64 *)(c->registers + offset), cpu_to_le64(value));
}

static u32 filter(const struct cpmu *c, unsigned int n, unsigned int which)
{
	if (!(c->options.filters & BIT(which)))
		return FILTER_NONE;
	return le32_to_cpu(READ_ONCE(*(__le32 *)(c->registers + FILTER(n, which))));
}

static void set_group(struct cpmu *c, unsigned int n, u16 id, u32 events)
{
	set(c, GROUP(n),
	    FIELD_PREP(GROUP_VENDOR, PCI_VENDOR_ID_CXL) | FIELD_PREP(GROUP_ID, id) |
		    FIELD_PREP(GROUP_EVENTS, events));
}

static void lay_out(struct cpmu *c)
{
	unsigned int i;

	set(c, CAPABILITY,
	    FIELD_PREP(CAPABILITY_COUNTERS, c->options.counters - 1) |
		    FIELD_PREP(CAPABILITY_WIDTH, c->options.width) |
		    FIELD_PREP(CAPABILITY_GROUPS, GROUPS - 1) |
		    FIELD_PREP(CAPABILITY_FILTERS, c->options.filters) |
		    FIELD_PREP(CAPABILITY_MESSAGE, c->message) | CAPABILITY_WRITABLE_WHEN_FROZEN |
		    CAPABILITY_FREEZE | (c->options.interrupt ? CAPABILITY_INTERRUPT : 0));
	set_group(c, GROUP_REQUESTS, ID_REQUESTS, GENMASK(EVENTS - 1, 0));
	set_group(c, GROUP_CLOCK, ID_CLOCK, BIT(0));
	set(c, CONFIG(0),
	    FIELD_PREP(CONFIG_TYPE, CONFIG_FIXED) | FIELD_PREP(CONFIG_EVENTS, BIT(0)) |
		    FIELD_PREP(CONFIG_GROUP, GROUP_CLOCK));
	for (i = 1; i < c->options.counters; i++)
		set(c, CONFIG(i), FIELD_PREP(CONFIG_TYPE, CONFIG_CONFIGURABLE));
}

/* --- counting ---------------------------------------------------------------- */

/* What a counter adds in a step. */
static u64 amount(const struct cpmu *c, unsigned int n)
{
	u64 config = get(c, CONFIG(n)), sum = 0;
	u32 hdm = filter(c, n, FILTER_HDM);
	unsigned long events = FIELD_GET(CONFIG_EVENTS, config);
	unsigned int event, seen;

	if (!(config & CONFIG_ENABLE) || (get(c, FREEZE) & BIT_ULL(n)))
		return 0;
	if (FIELD_GET(CONFIG_GROUP, config) == GROUP_CLOCK)
		return events & BIT(0) ? TICKS : 0;
	if (FIELD_GET(CONFIG_GROUP, config) != GROUP_REQUESTS)
		return 0;
	seen = hdm == FILTER_NONE ? TIMES : (hdm & BIT(0) ? 2 : 0) + (hdm & BIT(1) ? 1 : 0);
	for_each_set_bit(event, &events, EVENTS)
		sum += (u64)seen * (event + 1);
	return sum;
}

static u64 counted(const struct cpmu *c, unsigned int n)
{
	/* The driver writes nothing but 0, when it starts one. */
	return get(c, COUNTER(n)) == c->accounts[n].value ? c->accounts[n].counted : 0;
}

struct move {
	struct cpmu *c;
	u64 steps;
	int irq;
	bool raise; /* the interrupt */
	int ret;
};

/* On one CPU, while all others stand still with their interrupts off */
static int move_stopped(void *data)
{
	struct move *m = data;
	struct cpmu *c = m->c;
	u64 mask = GENMASK_ULL(c->options.width - 1, 0), added[COUNTERS_MAX], overflow = 0;
	bool freeze = false;
	unsigned int i;

	for (i = 0; i < c->options.counters; i++) {
		added[i] = amount(c, i) * m->steps;
		if (added[i] > mask) {
			m->ret = -ERANGE;
			return 0;
		}
	}
	for (i = 0; i < c->options.counters; i++) {
		struct account *a = &c->accounts[i];
		u64 config = get(c, CONFIG(i)), value = get(c, COUNTER(i)) + added[i];

		a->counted = counted(c, i) + added[i];
		a->total += added[i];
		a->value = value & mask;
		set(c, COUNTER(i), a->value);
		if (value == a->value)
			continue;
		a->overflows++;
		overflow |= BIT_ULL(i);
		freeze |= c->options.freeze && (config & CONFIG_FREEZE);
		m->raise |= c->options.interrupt && (config & CONFIG_INTERRUPT) && m->irq > 0;
	}
	set(c, OVERFLOW, get(c, OVERFLOW) | overflow);
	if (freeze)
		set(c, FREEZE, GENMASK_ULL(63, 0));
	c->steps += m->steps;
	/* Pending already when the first instruction after this is carried out */
	if (m->raise)
		m->ret = irq_inject_interrupt(m->irq);
	return 0;
}

static int settle_stopped(void *data)
{
	set(data, OVERFLOW, 0);
	return 0;
}

static int move(struct cpmu *c, u64 steps)
{
	struct move m = { .c = c, .steps = steps, .irq = pci_irq_vector(c->pdev, c->message) };
	struct irq_data *data = m.irq > 0 ? irq_get_irq_data(m.irq) : NULL;
	struct irq_desc *desc = data ? irq_data_to_desc(data) : NULL;
	unsigned long handled;
	int ms;

	if (!desc)
		m.irq = 0;
	guard(mutex)(&c->moving);
	handled = desc ? READ_ONCE(desc->tot_count) : 0;
	stop_machine(move_stopped, &m, NULL);
	if (m.ret || !m.raise)
		return m.ret;
	for (ms = 0; READ_ONCE(desc->tot_count) == handled; ms++) {
		if (ms == HANDLED_MS)
			return -ETIMEDOUT;
		usleep_range(1000, 1500);
	}
	synchronize_irq(m.irq);
	stop_machine(settle_stopped, c, NULL);
	return 0;
}

static void run_work(struct work_struct *work)
{
	struct cpmu *c = container_of(to_delayed_work(work), struct cpmu, work);
	unsigned int period = READ_ONCE(c->period_ms);

	if (!period)
		return;
	if (move(c, 1))
		dev_err(&c->pdev->dev, "cpmu %d.%d: stopped\n", c->memdev, c->index);
	else
		schedule_delayed_work(&c->work, msecs_to_jiffies(period));
}

static int run(struct cpmu *c, u64 period)
{
	WRITE_ONCE(c->period_ms, period);
	cancel_delayed_work_sync(&c->work);
	if (period)
		schedule_delayed_work(&c->work, msecs_to_jiffies(period));
	return 0;
}

/* --- coming and going ---------------------------------------------------------- */

static int next_index(int memdev)
{
	struct cpmu *c;
	int index = 0;

	list_for_each_entry(c, &cpmus, list)
		if (c->memdev == memdev)
			index = max(index, c->index + 1);
	return index;
}

static void forget(void *data)
{
	struct cpmu *c = data;

	mutex_lock(&lock);
	list_del(&c->list);
	mutex_unlock(&lock);
	run(c, 0);
	free_page((unsigned long)c->registers);
	kfree(c);
}

static struct cpmu *make(struct pci_dev *pdev, unsigned int message, const struct options *options)
{
	struct cpmu *c = kzalloc_obj(*c);

	if (!c)
		return NULL;
	c->registers = (void *)get_zeroed_page(GFP_KERNEL);
	if (!c->registers) {
		kfree(c);
		return NULL;
	}
	c->pdev = pdev;
	c->message = message;
	c->options = *options;
	mutex_init(&c->moving);
	INIT_DELAYED_WORK(&c->work, run_work);
	lay_out(c);
	return c;
}

/* What cxl_pci does when it finds a block of this kind; its function's lock is held, as there. */
static int add(struct pci_dev *pdev, unsigned int message, const struct options *options)
{
	struct cxl_dev_state *cxlds = pci_get_drvdata(pdev);
	struct cxl_pmu_regs regs;
	struct cpumask present;
	struct cpmu *c;
	void *group;
	int ret;

	if (!pdev->dev.driver || strcmp(pdev->dev.driver->name, "cxl_pci") || !cxlds->cxlmd)
		return -ENXIO;
	group = devres_open_group(&pdev->dev, NULL, GFP_KERNEL);
	if (!group)
		return -ENOMEM;
	c = make(pdev, message, options);
	if (!c) {
		devres_remove_group(&pdev->dev, group);
		return -ENOMEM;
	}
	c->group = group;
	c->memdev = cxlds->cxlmd->id;
	mutex_lock(&lock);
	c->index = next_index(c->memdev);
	list_add_tail(&c->list, &cpmus);
	mutex_unlock(&lock);
	ret = devm_add_action_or_reset(&pdev->dev, forget, c);
	if (ret) {
		devres_remove_group(&pdev->dev, group);
		return ret;
	}
	regs.pmu = (__force void __iomem *)c->registers;
	present = *cpu_present_mask;
	if (options->cpu != ANY_CPU)
		cpumask_copy(&__cpu_present_mask, cpumask_of(options->cpu));
	ret = devm_cxl_pmu_add(&pdev->dev, &regs, c->memdev, c->index, CXL_PMU_MEMDEV);
	cpumask_copy(&__cpu_present_mask, &present);
	devres_close_group(&pdev->dev, group);
	if (ret)
		devres_release_group(&pdev->dev, group);
	return ret;
}

static struct cpmu *find(const char *name)
{
	int memdev, index;
	struct cpmu *c;

	if (sscanf(name, "cxl_pmu_mem%d.%d", &memdev, &index) != 2)
		return NULL;
	list_for_each_entry(c, &cpmus, list)
		if (c->memdev == memdev && c->index == index)
			return c;
	return NULL;
}

/* --- control -------------------------------------------------------------------- */

static int parse_option(struct options *o, const char *word)
{
	const struct {
		const char *format;
		size_t offset;
		unsigned int min, max;
	} table[] = {
		{ "counters=%u", offsetof(struct options, counters), 1, COUNTERS_MAX },
		{ "width=%u", offsetof(struct options, width), 8, 63 },
		{ "interrupt=%u", offsetof(struct options, interrupt), 0, 1 },
		{ "filters=%u", offsetof(struct options, filters), 0, 3 },
		{ "freeze=%u", offsetof(struct options, freeze), 0, 1 },
		{ "cpu=%u", offsetof(struct options, cpu), 0, nr_cpu_ids - 1 },
	};
	unsigned int i, value;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (sscanf(word, table[i].format, &value) != 1)
			continue;
		if (value < table[i].min || value > table[i].max)
			return -ERANGE;
		*(unsigned int *)((void *)o + table[i].offset) = value;
		return 0;
	}
	return -EINVAL;
}

static int control_add(const char *name, char *rest)
{
	struct options o = {
		.counters = 8, .width = 48, .interrupt = 1, .freeze = 1, .cpu = ANY_CPU
	};
	const char *word = strsep(&rest, " ");
	unsigned int message;
	struct device *dev;
	int ret;

	if (!word || kstrtouint(word, 0, &message) || message > 15)
		return -EINVAL;
	while ((word = strsep(&rest, " "))) {
		ret = parse_option(&o, word);
		if (ret)
			return ret;
	}
	dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	if (!dev)
		return -ENODEV;
	device_lock(dev);
	ret = add(to_pci_dev(dev), message, &o);
	device_unlock(dev);
	put_device(dev);
	return ret;
}

static int control_del(const char *name)
{
	struct device *dev = NULL;
	void *group = NULL;
	struct cpmu *c;
	int ret = -ENOENT;

	mutex_lock(&lock);
	c = find(name);
	if (c)
		dev = get_device(&c->pdev->dev);
	mutex_unlock(&lock);
	if (!dev)
		return -ENOENT;
	device_lock(dev);
	/* Nobody else takes it away while the lock of its function is held. */
	mutex_lock(&lock);
	c = find(name);
	if (c)
		group = c->group;
	mutex_unlock(&lock);
	if (group && devres_release_group(dev, group) > 0)
		ret = 0;
	device_unlock(dev);
	put_device(dev);
	return ret;
}

static int control_each(const char *name, const char *number, int (*act)(struct cpmu *, u64))
{
	int ret = -ENOENT;
	struct cpmu *c;
	u64 value;

	if (!number || kstrtou64(number, 0, &value) || value > U32_MAX)
		return -EINVAL;
	guard(mutex)(&lock);
	if (strcmp(name, "all")) {
		c = find(name);
		return c ? act(c, value) : -ENOENT;
	}
	list_for_each_entry(c, &cpmus, list) {
		ret = act(c, value);
		if (ret)
			break;
	}
	return ret;
}

static ssize_t control_write(struct file *file, const char __user *text, size_t size, loff_t *pos)
{
	char line[128] = "", *rest = line;
	const char *verb, *name;
	int ret = -EINVAL;

	if (size >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, text, size))
		return -EFAULT;
	rest = strim(line);
	verb = strsep(&rest, " ");
	name = strsep(&rest, " ");
	if (!name)
		return -EINVAL;
	if (!strcmp(verb, "add"))
		ret = control_add(name, rest);
	else if (!strcmp(verb, "del"))
		ret = control_del(name);
	else if (!strcmp(verb, "move"))
		ret = control_each(name, rest, move);
	else if (!strcmp(verb, "run"))
		ret = control_each(name, rest, run);
	return ret ?: size;
}

static const struct file_operations control_ops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = control_write,
};

static int pmus_show(struct seq_file *out, void *unused)
{
	struct cpmu *c;

	guard(mutex)(&lock);
	list_for_each_entry(c, &cpmus, list) {
		guard(mutex)(&c->moving);
		seq_printf(out, "cxl_pmu_mem%d.%d %s %u %d %llu\n", c->memdev, c->index,
			   pci_name(c->pdev), c->message, pci_irq_vector(c->pdev, c->message),
			   c->steps);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(pmus);

static void counter_show(struct seq_file *out, const struct cpmu *c, unsigned int n)
{
	const struct account *a = &c->accounts[n];
	u64 config = get(c, CONFIG(n));
	const char *state = "off";

	if (config & CONFIG_ENABLE)
		state = get(c, FREEZE) & BIT_ULL(n) ? "frozen" : "on";
	seq_printf(out,
		   "cxl_pmu_mem%d.%d %u %s %s %llu %#llx %llu %u %u %#x %#x %llu %llu %llu %llu\n",
		   c->memdev, c->index, n,
		   FIELD_GET(CONFIG_TYPE, config) == CONFIG_FIXED ? "fixed" : "configurable", state,
		   FIELD_GET(CONFIG_GROUP, config), FIELD_GET(CONFIG_EVENTS, config),
		   FIELD_GET(CONFIG_THRESHOLD, config), !!(config & CONFIG_EDGE),
		   !!(config & CONFIG_INVERT), filter(c, n, FILTER_HDM), filter(c, n, FILTER_CRB),
		   get(c, COUNTER(n)), counted(c, n), a->total, a->overflows);
}

static int counters_show(struct seq_file *out, void *unused)
{
	struct cpmu *c;
	unsigned int i;

	guard(mutex)(&lock);
	list_for_each_entry(c, &cpmus, list) {
		guard(mutex)(&c->moving);
		for (i = 0; i < c->options.counters; i++)
			counter_show(out, c, i);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int __init cxlirq_cpmu_init(void)
{
	struct dentry *dir = debugfs_create_dir("cxlirq_cpmu", NULL);

	debugfs_create_file("control", 0200, dir, NULL, &control_ops);
	debugfs_create_file("pmus", 0444, dir, NULL, &pmus_fops);
	debugfs_create_file("counters", 0444, dir, NULL, &counters_fops);
	return 0;
}
module_init(cxlirq_cpmu_init);

MODULE_DESCRIPTION("CXL PMUs without hardware, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("CXL");
