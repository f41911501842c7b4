/** No address is longer, with its port, brackets and zone; whoever sends more than this sent something else. */
const LONGEST = 128;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?=\d)|$)){4}$/;
const IPV4_AND_PORT = /^([\d.]+):\d{0,5}$/;
const BRACKETED = /^\[([^\]]*)\](?::\d{0,5})?$/;
const ZONE = /%.*$/;
/** RFC 4291, 2.5.5.2, as a URL spells it. */
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;
const MAPPED_AS_SOCKETS_SAY = /^::ffff:(?=[\d.]+$)/i;

/**
 * Reads an address as sockets, proxies and people write it, and spells it in one way: IPv4, or IPv6 as RFC 5952 has it,
 * without port, brackets, quotes or zone; IPv4 that came over IPv6 (`::ffff:192.0.2.7`) is IPv4. What is no address is `null`.
 * Every door reads by this.
 */
export function readAddress(text: string | null | undefined): string | null {
  if (!text || text.length > LONGEST) return null;
  const plain = text.replace(MAPPED_AS_SOCKETS_SAY, '');
  if (IPV4.test(plain)) return plain;
  const trimmed = text.trim().replace(/^"(.*)"$/, '$1');
  const host = BRACKETED.exec(trimmed)?.[1] ?? IPV4_AND_PORT.exec(trimmed)?.[1] ?? trimmed;
  return IPV4.test(host) ? host : readIPv6(host.replace(ZONE, ''));
}

/**
 * What counts as one place: an IPv6 address by its /64, which is what one household or machine is given (RFC 6177), as
 * `2001:db8:0:1::/64`; an IPv4 address by itself.
 * @param address as `readAddress` spells it
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail = ''] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === '' ? [] : tail.split(':');
  const missing = Array.from({ length: address.includes('::') ? 8 - groups.length - rest.length : 0 }, () => '0');
  const prefix = [...groups, ...missing, ...rest].slice(0, 4);
  return `${readIPv6(`${prefix.join(':')}::`)}/64`;
}

function readIPv6(text: string): string | null {
  if (!/^[0-9a-fA-F:.]+$/.test(text)) return null;
  const url = `http://[${text}]/`;
  if (!URL.canParse(url)) return null;
  const host = new URL(url).hostname.slice(1, -1);
  const [, high, low] = MAPPED.exec(host) ?? [];
  if (high === undefined || low === undefined) return host;
  const bits = Number.parseInt(high, 16) * 0x1_0000 + Number.parseInt(low, 16);
  return [bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255].join('.');
}
