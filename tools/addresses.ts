import { isIPv6 } from 'node:net';

/** What is listened on where nothing else is said: this machine alone can reach it. */
export const LOOPBACK = '127.0.0.1';

/** The URL of a service, by the address that it listens on. */
export function urlOf(address: string, port: number): string {
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** The address by which this machine reaches what listens on an address: one for all is none to connect to. */
export function reachableAt(address: string): string {
  return { '0.0.0.0': LOOPBACK, '::': '::1' }[address] ?? address;
}
