/** An address as people write it: one of IPv4 that came over an IPv6 socket (`::ffff:192.0.2.7`) without its wrapping. */
export function plainAddress(ip: string): string {
  return ip.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
