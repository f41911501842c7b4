import { hash } from 'node:crypto';
import type { Invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import { LRUCache } from 'lru-cache';
import type { Uses } from './use-reports.js';

/** An answer that is held, and for how long. */
export interface Entry {
  /** SHA-256 of the credential's text: who presents another text with the same id is not it. */
  readonly digest: string;
  readonly reply: ActiveReply;
  /** On this process' monotonic clock, in milliseconds. */
  readonly until: number;
  /** Of a session with every scope of its user: the questions that the token service has said yes to. */
  readonly granted: Set<string> | null;
  /** Where its uses are counted until they are reported. A session's are not. */
  uses: Uses | null;
}

const ID_AT = 4;
const ID_LENGTH = 32;
const CREDENTIAL = /^tk[ls]_/;

/** What is known of credentials, by the id that stands in their text: bounded, the least recently used goes first. */
export class VerificationCache {
  private readonly entries: LRUCache<string, Entry>;
  /** Of a token, the keys that are not its own id: those of its sessions, and of an access key (S37). They go with it. */
  private readonly otherKeysOf = new Map<string, Set<string>>();

  constructor(max: number) {
    this.entries = new LRUCache({ max, dispose: (entry, key) => this.forgetOtherKey(entry, key) });
  }

  get size(): number {
    return this.entries.size;
  }

  /** The entry of a credential's text, unless there is none for this very text, or it has ended. */
  find(text: string, now: number): Entry | undefined {
    const digest = digestOf(text);
    const entry = this.entries.get(keyOf(text, digest));
    return entry !== undefined && entry.digest === digest && now < entry.until ? entry : undefined;
  }

  /** Holds an answer. `scopes`: what was asked for. */
  install(text: string, reply: ActiveReply, until: number, scopes: readonly string[] | undefined): void {
    const digest = digestOf(text);
    const key = keyOf(text, digest);
    const before = this.entries.peek(key);
    const every = reply.scopes.includes('*');
    const granted = every ? new Set(before?.digest === digest ? before.granted : undefined) : null;
    if (scopes) granted?.add(scopes.join(','));
    this.entries.set(key, { digest, reply, until, granted, uses: null });
    if (reply.token && hasOtherKey(reply, key)) {
      const keys = this.otherKeysOf.get(reply.token.id) ?? new Set();
      this.otherKeysOf.set(reply.token.id, keys.add(key));
    }
  }

  /** Forgets all that an invalidation names. */
  evict({ all, tokens, sessions, users }: Invalidate): void {
    if (all) this.clear();
    for (const id of tokens) {
      this.entries.delete(keyOfId(id));
      for (const key of this.otherKeysOf.get(id) ?? []) this.entries.delete(key);
    }
    for (const id of sessions) this.entries.delete(keyOfId(id));
    // Those of users are found by looking at each.
    if (users.length === 0) return;
    for (const [key, { reply }] of this.entries) if (users.includes(reply.user.id)) this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
    this.otherKeysOf.clear();
  }

  private forgetOtherKey({ reply }: Entry, key: string): void {
    if (!reply.token || !hasOtherKey(reply, key)) return;
    const keys = this.otherKeysOf.get(reply.token.id);
    keys?.delete(key);
    if (keys?.size === 0) this.otherKeysOf.delete(reply.token.id);
  }
}

/** Whether an answer is held under another key than its token's id. */
function hasOtherKey(reply: ActiveReply, key: string): boolean {
  return reply.session !== undefined || key.length !== ID_LENGTH;
}

/** Whether an invalidation names what an answer is about. */
export function concerns({ all, tokens, sessions, users }: Invalidate, reply: ActiveReply): boolean {
  return (
    all ||
    users.includes(reply.user.id) ||
    (reply.token !== null && tokens.includes(reply.token.id)) ||
    (reply.session !== undefined && sessions.includes(reply.session.id))
  );
}

/** To a hexadecimal digest: other encodings, and buffers most of all, take longer to make. */
function digestOf(text: string): string {
  return hash('sha256', text, 'hex');
}

function keyOf(text: string, digest: string): string {
  return CREDENTIAL.test(text) ? text.slice(ID_AT, ID_AT + ID_LENGTH) : digest;
}

function keyOfId(id: string): string {
  return id.replaceAll('-', '');
}
