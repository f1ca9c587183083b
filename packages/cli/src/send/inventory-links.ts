import type { Inventory, MeterLinks } from '@smets1/dco';
import { openLink } from '@smets1/hardware';
import { CliError } from '../errors.js';

/** The way to each meter of an inventory: the address that it has there. */
export function inventoryLinks(inventory: Inventory): MeterLinks {
  return {
    open: async (deviceId) => {
      const device = inventory.devices.get(deviceId);
      if (device === undefined) throw new CliError('usage', `device ${deviceId} is not in the inventory`);
      return await openLink(device.address);
    },
  };
}
