// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The devices of cxlirq_msi, which are made by command (see msi-controller.c):
 * providers of vectors, children that borrow them, and what they do wrong.
 *
 * All handlers of a vector have one name, NAME-INDEX.  For "leave" this matters:
 * only the first handler of that name gets a directory in /proc/irq, which goes
 * when its owner frees it, while a vector that is freed with such a directory in
 * place makes procfs warn (remove_proc_entry()).  Nothing else in the kernel
 * notices a handler that is left on a platform device's vector.
 */

#include <linux/debugfs.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "msi.h"

#define NAME_LENGTH 32

/* A platform device: provider of vectors, or a child that has none. */
struct dev {
	struct list_head list;
	struct platform_device *pdev;
	struct dev *parent;
	unsigned int vectors;
	bool request;
	char name[NAME_LENGTH];
};

struct handler {
	struct list_head list;
	struct dev *of, *by;
	unsigned int irq;
	atomic_t count;
	char name[NAME_LENGTH + 12];
};

static DEFINE_MUTEX(lock); /* both lists */
static LIST_HEAD(devices);
static LIST_HEAD(handlers);

static void write_msg(struct msi_desc *desc, struct msi_msg *msg)
{
	desc->msg = *msg;
}

static irqreturn_t handle(int irq, void *data)
{
	struct handler *h = data;

	atomic_inc(&h->count);
	return IRQ_HANDLED;
}

static struct dev *find_device(const char *name)
{
	struct dev *d;

	list_for_each_entry(d, &devices, list)
		if (!strcmp(d->name, name))
			return d;
	return NULL;
}

static struct handler *new_handler(struct dev *of, unsigned int index, struct dev *by)
{
	struct handler *h = kzalloc_obj(*h);

	if (!h)
		return NULL;
	h->of = of;
	h->by = by;
	h->irq = msi_get_virq(&of->pdev->dev, index);
	snprintf(h->name, sizeof(h->name), "%s-%u", of->name, index);
	return h;
}

static int request(struct dev *of, unsigned int index, struct dev *by, unsigned long flags)
{
	struct handler *h;
	int ret;

	if (index >= of->vectors)
		return -ENOENT;
	h = new_handler(of, index, by);
	if (!h)
		return -ENOMEM;
	ret = devm_request_irq(&by->pdev->dev, h->irq, handle, flags, h->name, h);
	if (ret)
		kfree(h);
	else
		list_add_tail(&h->list, &handlers);
	return ret;
}

static void release(struct handler *h)
{
	devm_free_irq(&h->by->pdev->dev, h->irq, h);
	list_del(&h->list);
	kfree(h);
}

static int free_one(struct dev *of, unsigned int index, struct dev *by)
{
	unsigned int irq = msi_get_virq(&of->pdev->dev, index);
	struct handler *h;

	list_for_each_entry(h, &handlers, list)
		if (h->of == of && h->by == by && h->irq == irq) {
			release(h);
			return 0;
		}
	return -ENOENT;
}

static void release_all(struct dev *by)
{
	struct handler *h, *next;

	list_for_each_entry_safe(h, next, &handlers, list)
		if (h->by == by)
			release(h);
}

/* Whether there is a device that would be left without what it stands on. */
static bool needed(struct dev *d)
{
	struct handler *h;
	struct dev *c;

	list_for_each_entry(h, &handlers, list)
		if (h->of == d && h->by != d)
			return true;
	list_for_each_entry(c, &devices, list)
		if (c->parent == d)
			return true;
	return false;
}

static void free_vectors(void *data)
{
	struct dev *d = data;

	platform_device_msi_free_irqs_all(&d->pdev->dev);
	d->vectors = 0;
}

static int allocate(struct dev *d, unsigned int count)
{
	struct device *dev = &d->pdev->dev;
	int ret;

	dev_set_msi_domain(dev, msi_domain);
	ret = platform_device_msi_init_and_alloc_irqs(dev, count, write_msg);
	if (ret)
		return ret;
	d->vectors = count;
	return devm_add_action_or_reset(dev, free_vectors, d);
}

static int cxlirq_msi_probe(struct platform_device *pdev)
{
	struct dev *d = *(struct dev **)dev_get_platdata(&pdev->dev);
	unsigned int i, count = d->vectors;
	int ret;

	d->pdev = pdev;
	d->vectors = 0;
	ret = count ? allocate(d, count) : 0;
	for (i = 0; !ret && d->request && i < count; i++)
		ret = request(d, i, d, IRQF_SHARED);
	if (ret)
		release_all(d);
	return ret;
}

static struct platform_driver cxlirq_msi_driver = {
	.probe = cxlirq_msi_probe,
	.driver = {
		.name = "cxlirq_msi",
		.suppress_bind_attrs = true,
	},
};

static void del(struct dev *d)
{
	release_all(d);
	platform_device_unregister(d->pdev);
	list_del(&d->list);
	kfree(d);
}

static int add(const char *name, unsigned int count, bool request, struct dev *parent)
{
	struct platform_device *pdev;
	struct dev *d;
	int ret;

	if (find_device(name))
		return -EEXIST;
	if (count > MSI_SIZE || strlen(name) >= sizeof(d->name))
		return -EINVAL;
	d = kzalloc_obj(*d);
	if (!d)
		return -ENOMEM;
	strscpy(d->name, name);
	d->parent = parent;
	d->vectors = count;
	d->request = request;
	pdev = platform_device_register_full(&(struct platform_device_info){
		.parent = parent ? &parent->pdev->dev : NULL,
		.name = d->name,
		.id = PLATFORM_DEVID_NONE,
		.data = &d,
		.size_data = sizeof(d),
	});
	if (IS_ERR(pdev)) {
		kfree(d);
		return PTR_ERR(pdev);
	}
	/* Its name is its own, so that no driver matches. */
	ret = device_driver_attach(&cxlirq_msi_driver.driver, &pdev->dev);
	if (ret) {
		platform_device_unregister(pdev);
		kfree(d);
		return ret;
	}
	list_add_tail(&d->list, &devices);
	return 0;
}

static int leave(struct dev *of, unsigned int index, struct dev *by)
{
	unsigned int irq = msi_get_virq(&of->pdev->dev, index);
	bool own = false;
	struct handler *h;
	int ret;

	list_for_each_entry(h, &handlers, list) {
		if (h->of == of && h->by != of)
			return -EBUSY;
		own |= h->of == of && h->irq == irq;
	}
	if (index >= of->vectors || of == by || !own)
		return -EINVAL;
	h = new_handler(of, index, by);
	if (!h)
		return -ENOMEM;
	/* Whose it is, for who looks: it is never freed, so that no devres can tell. */
	platform_set_drvdata(by->pdev, h);
	ret = request_irq(h->irq, handle, IRQF_SHARED, h->name, h);
	if (ret) {
		platform_set_drvdata(by->pdev, NULL);
		kfree(h);
		return ret;
	}
	release_all(of);
	devm_release_action(&of->pdev->dev, free_vectors, of);
	return 0;
}

static int churn(unsigned int count, unsigned int rounds)
{
	static const char name[] = "cxlirq-churn";
	unsigned int i;
	int ret = 0;

	while (!ret && rounds--) {
		struct dev *d;

		ret = add(name, count, false, NULL);
		if (ret)
			break;
		d = find_device(name);
		for (i = 0; !ret && i < count; i += 16) {
			ret = request(d, i, d, IRQF_SHARED);
			if (!ret)
				ret = irq_set_affinity(msi_get_virq(&d->pdev->dev, i),
						       cpumask_of(cpumask_last(cpu_online_mask)));
		}
		del(d);
	}
	return ret;
}

/* A driver's own wish, made in whatever task runs this; the hint does not outlive the call. */
static int move(struct dev *of, unsigned int index, unsigned int cpu, bool hint)
{
	unsigned int irq = msi_get_virq(&of->pdev->dev, index);
	int ret;

	if (!irq || cpu >= nr_cpu_ids || !cpu_online(cpu))
		return -EINVAL;
	if (!hint)
		return irq_set_affinity(irq, cpumask_of(cpu));
	ret = irq_set_affinity_and_hint(irq, cpumask_of(cpu));
	irq_update_affinity_hint(irq, NULL);
	return ret;
}

static int locked_command(int words, char **word)
{
	const char *verb = word[0];
	struct dev *d, *by;
	u32 n[2] = {};

	if (!strcmp(verb, "add"))
		return words < 3 || kstrtou32(word[2], 0, &n[0]) || !n[0] ?
			       -EINVAL :
			       add(word[1], n[0], words < 4, NULL);
	if (!strcmp(verb, "child")) {
		d = words < 3 ? NULL : find_device(word[2]);
		return d ? add(word[1], 0, false, d) : -ENODEV;
	}
	if (!strcmp(verb, "churn"))
		return words < 3 || kstrtou32(word[1], 0, &n[0]) || kstrtou32(word[2], 0, &n[1]) ?
			       -EINVAL :
			       churn(n[0], n[1]);

	d = find_device(word[1]);
	if (!d)
		return -ENODEV;
	if (!strcmp(verb, "del")) {
		if (needed(d))
			return -EBUSY;
		del(d);
		return 0;
	}
	if (!strcmp(verb, "affinity") || !strcmp(verb, "hint"))
		return words < 4 || kstrtou32(word[2], 0, &n[0]) || kstrtou32(word[3], 0, &n[1]) ?
			       -EINVAL :
			       move(d, n[0], n[1], *verb == 'h');
	by = words < 4 ? d : find_device(word[3]);
	if (!by)
		return -ENODEV;
	if (words < 3 || kstrtou32(word[2], 0, &n[0]))
		return -EINVAL;
	if (!strcmp(verb, "request"))
		return request(d, n[0], by, IRQF_SHARED);
	if (!strcmp(verb, "demand"))
		return request(d, n[0], by, 0);
	if (!strcmp(verb, "free"))
		return free_one(d, n[0], by);
	if (!strcmp(verb, "leave"))
		return leave(d, n[0], by);
	return -EINVAL;
}

int msi_device_command(int words, char **word)
{
	guard(mutex)(&lock);
	return locked_command(words, word);
}

static int handlers_show(struct seq_file *out, void *unused)
{
	struct handler *h;

	guard(mutex)(&lock);
	list_for_each_entry(h, &handlers, list)
		seq_printf(out, "%u %s %s %d\n", h->irq, h->name, h->by->name,
			   atomic_read(&h->count));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(handlers);

int msi_devices_init(struct dentry *dir)
{
	debugfs_create_file("handlers", 0444, dir, NULL, &handlers_fops);
	return platform_driver_register(&cxlirq_msi_driver);
}
