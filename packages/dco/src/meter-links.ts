import type { SendOptions } from '@smets1/host';

/** What a meter is spoken to through: octets both ways. */
export type Link = Awaited<ReturnType<SendOptions['openLink']>>;

/** The way to each meter. Whoever starts the DCO fills it, for instance from the addresses of the inventory. */
export interface MeterLinks {
  /** A new link to one meter, or a rejection when there is none at the moment: it will be asked again. */
  open(deviceId: string): Promise<Link>;
}
