import { randomBytes } from 'node:crypto';

/** 192 random bits that begin with a letter, as nats-server's configuration needs it. */
export function generateSecret(): string {
  return `k${randomBytes(24).toString('hex')}`;
}
