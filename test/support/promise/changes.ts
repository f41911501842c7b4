import { setTimeout as delay } from 'node:timers/promises';
import { parseCredential } from '@tokenlog/contracts/credential.js';
import { type Answer, httpClient } from '../../../tools/tour/client.js';
import type { Watched } from './messages.js';
import { type Change, now } from './trace.js';

export type Http = ReturnType<typeof httpClient>;

/** A credential that works, and the change that is to end it. */
export interface Target {
  readonly watched: Watched;
  readonly what: string;
  readonly tokenId: string;
  /** Whether what guards accept is counted as uses of the token, and nothing else uses it. */
  readonly counted: boolean;
  readonly change: (service: Http) => Promise<Answer>;
  /** Of a change that is promised for a moment yet to come: that moment, by the wall clock. */
  readonly from?: () => number;
}

const ROLE = 'operator';
const RETRY_MS = 50;
const EXPIRES_IN_MS = 1000;
/** Expiry is by the wall clock, in milliseconds; what is recorded is not. */
const WALL_CLOCK_SLACK_MS = 5;

const silent = { step: () => undefined, call: () => undefined };
export const client = (url: string): Http => httpClient('', url, silent);

/** What a deployment's admin does: makes users and tokens, and changes them. */
export class Admin {
  private keys = 0;

  private constructor(
    private readonly identity: Http,
    private readonly tokens: Http,
    readonly as: string,
  ) {}

  static async logIn(identity: Http, tokens: Http, password: string): Promise<Admin> {
    const login = { json: { username: 'admin', password } };
    const { session } = expect2xx(await identity('POST', '/login', login)).body;
    return new Admin(identity, tokens, session.credential);
  }

  async user(): Promise<string> {
    const json = { username: `user-${++this.keys}`, roles: [ROLE] };
    return expect2xx(await this.identity('POST', '/users', { as: this.as, json })).body.id;
  }

  /** A token to be ended by a change at a token service; `expiry` is an edit to a moment that is near. */
  async token(
    what: 'revocation' | 'refresh' | 'deletion' | 'reassignment' | 'scope edit' | 'expiry',
    userId: string,
    otherId = userId,
  ): Promise<Target> {
    const { id, secret } = await this.create(userId);
    const path = `/admin/tokens/${id}`;
    const { as } = this;
    let expiresAt = 0;
    const change = (service: Http): Promise<Answer> => {
      switch (what) {
        case 'revocation':
          return service('POST', `${path}/revoke`, { as, json: {} });
        case 'refresh':
          return service('POST', `${path}/refresh`, { as, json: {} });
        case 'deletion':
          return service('DELETE', path, { as });
        case 'reassignment':
          return service('POST', `${path}/reassign`, { as, json: { userId: otherId } });
        case 'scope edit':
          return service('PATCH', path, { as, json: { scopes: ['export'] } });
        case 'expiry':
          expiresAt = Date.now() + EXPIRES_IN_MS;
          return service('PATCH', path, { as, json: { expiresAt: new Date(expiresAt).toISOString() } });
        default:
          return what satisfies never;
      }
    };
    const watched = { key: ++this.keys, text: secret, scopes: ['rest'] };
    const target = { watched, what, tokenId: id, counted: true, change };
    return what === 'expiry' ? { ...target, from: () => expiresAt } : target;
  }

  /** A token to be ended by a change of its user at identity. */
  async tokenOfUser(what: 'disabled user' | 'lost role' | 'deleted user'): Promise<Target> {
    const userId = await this.user();
    const { id, secret } = await this.create(userId);
    const path = `/users/${userId}`;
    const change = () => {
      if (what === 'deleted user') return this.identity('DELETE', path, { as: this.as });
      const json = what === 'disabled user' ? { disabled: true } : { roles: ['guest'] };
      return this.identity('PATCH', path, { as: this.as, json });
    };
    return { watched: { key: ++this.keys, text: secret }, what, tokenId: id, counted: true, change };
  }

  /** A session that a token started, to be ended by itself or with the token. */
  async session(what: 'ended session' | 'session of a revoked token', userId: string): Promise<Target> {
    const { id, secret } = await this.create(userId);
    const text = expect2xx(await this.tokens('POST', '/sessions', { as: secret })).body.session.credential;
    const { as } = this;
    const change = (service: Http) =>
      what === 'ended session'
        ? service('DELETE', `/sessions/${parseCredential(text)?.id}`, { as })
        : service('POST', `/admin/tokens/${id}/revoke`, { as, json: {} });
    return { watched: { key: ++this.keys, text }, what, tokenId: id, counted: false, change };
  }

  /** A token as a service shows it. */
  async read(tokenId: string, service = this.tokens): Promise<{ state: string; useCount: number }> {
    return expect2xx(await service('GET', `/admin/tokens/${tokenId}`, { as: this.as })).body.token;
  }

  private async create(userId: string): Promise<{ id: string; secret: string }> {
    const json = { userId, description: 'watched', scopes: ['rest'] };
    const { token, secret } = expect2xx(await this.tokens('POST', '/admin/tokens', { as: this.as, json })).body;
    return { id: token.id, secret };
  }
}

/**
 * Has a change made at the first of these services, and, while there is no answer, at the next. Resolves when the credential
 * must be refused.
 */
export async function carryOut({ watched, what, change: ask, from }: Target, ...services: Http[]): Promise<Change> {
  const startedAt = now();
  for (let attempt = 0; ; attempt++) {
    const service = services[attempt % services.length]!;
    const answer = await ask(service).catch(() => undefined);
    if (answer && answer.status < 300) {
      // Accepted, and not applied yet: nothing is promised for a moment that can be named.
      if (answer.status === 202) return { key: watched.key, what, startedAt, answeredAt: Number.POSITIVE_INFINITY };
      const untilItHolds = from ? Math.max(0, from() + WALL_CLOCK_SLACK_MS - Date.now()) : 0;
      const change = { key: watched.key, what, startedAt, answeredAt: now() + untilItHolds * 1e6 };
      await delay(untilItHolds);
      return change;
    }
    if (answer && answer.status < 500) throw new Error(`${what}: ${answer.status} ${JSON.stringify(answer.body)}`);
    await delay(RETRY_MS);
  }
}

function expect2xx(answer: Answer): Answer {
  if (answer.status >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer;
}
