// SPDX-License-Identifier: MIT OR GPL-2.0-only
// Stands for NVIDIA's kernel module where only the kernel's events matter: it is called nvidia, and it is a PCI driver
// for devices of NVIDIA. The machine's one display, whoever made it, is said to be NVIDIA's while this is loaded.
#include <linux/module.h>
#include <linux/pci.h>

static int probe(struct pci_dev *dev, const struct pci_device_id *id)
{
	return 0;
}

static void leave(struct pci_dev *dev)
{
}

static const struct pci_device_id ids[] = {{PCI_DEVICE(0x10de, PCI_ANY_ID)}, {}};
static struct pci_driver driver = {.name = "nvidia", .id_table = ids, .probe = probe, .remove = leave};
static struct pci_dev *display;
static unsigned short vendor;

static int __init begin(void)
{
	display = pci_get_class(PCI_CLASS_DISPLAY_VGA << 8, NULL);
	if (!display)
		return -ENODEV;
	vendor = display->vendor;
	display->vendor = 0x10de;
	return pci_register_driver(&driver);
}

static void __exit end(void)
{
	pci_unregister_driver(&driver);
	display->vendor = vendor;
	pci_dev_put(display);
}

module_init(begin);
module_exit(end);
MODULE_LICENSE("Dual MIT/GPL");
