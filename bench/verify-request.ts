import type { VerifyRequest } from '@tokenlog/contracts/tokens/verify.js';

/** What a client needs to know of a token or a session to have it verified. */
export interface Provable {
  readonly id: string;
  readonly proof: string;
}

/** The request for a credential, as a guard of a service sends it. */
export function verifyRequest({ id, proof }: Provable): VerifyRequest {
  return { id, proof, scopes: ['rest'], service: 'bench', ip: '192.0.2.7' };
}
