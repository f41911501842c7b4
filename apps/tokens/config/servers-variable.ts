import { listVariable } from '@tokenlog/platform/config.js';
import { publicAddress } from './public-address.js';

/** A deployment of Tokenlog, by name and address. */
export interface NamedServer {
  readonly name: string;
  readonly url: string;
}

/** `SERVERS`: `name=https://address` of the deployments, comma-separated (S38). */
export const serversVariable = listVariable
  .transform((items) => items.map(parse))
  .refine((items) => items.every((item) => item !== null), {
    message:
      'must be name=https://address, comma-separated; http:// is for loopback alone, and no user, query or fragment',
    abort: true,
  })
  .transform((items) => items.filter((item) => item !== null))
  .refine((items) => new Set(items.map(({ name }) => name)).size === items.length, 'names a server twice')
  .default([]);

function parse(item: string): NamedServer | null {
  const at = item.indexOf('=');
  const name = item.slice(0, at).trim();
  const url = publicAddress(item.slice(at + 1).trim());
  if (at < 1 || !name || name.length > 128 || !url) return null;
  return { name, url: url.href.replace(/\/+$/, '') };
}
