// By name, a Node that does not have `hash` could not even say which one is needed.
import crypto from 'node:crypto';
import type { Invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import { SharedTerms, type Terms } from './shared-terms.js';
import type { Uses } from './use-reports.js';

/** An answer that is held, and for how long: what is its own, beside the terms that it shares with others. */
export interface Entry {
  /** Of the credential's text; see `digestOf`. */
  readonly digest: string;
  /** The token's, which a session that was started with a password does not have. */
  readonly tokenId: string | null;
  readonly description: string;
  readonly expiresAt: string | null;
  readonly checkedAt: string;
  readonly validUntil: string | null;
  readonly terms: Terms;
  readonly session: HeldSession | null;
  /** On this process' monotonic clock, in whole milliseconds: a number with a fraction takes memory of its own. */
  readonly until: number;
  /** Where its uses are counted until they are reported. A session's are not. */
  uses: Uses | null;
  /** Since room was last looked for. */
  wasFound: boolean;
}

type Session = NonNullable<ActiveReply['session']>;

interface HeldSession extends Session {
  /** Where it has every scope of its user: the questions that the token service has said yes to. */
  readonly granted: Set<string> | null;
}

/**
 * What is known of credentials, by the digest of their text: one answer for each token or session, and a bounded number.
 * Room is made by the clock algorithm: it takes the first that was not found since it came by last.
 */
export class VerificationCache {
  private readonly entries = new Map<string, Entry>();
  /** By the id of their session, or else of their token. */
  private readonly byId = new Map<string, Entry>();
  /** A token's sessions go with it. */
  private readonly sessionsOf = new Map<string, Set<Entry>>();
  private readonly terms = new SharedTerms();
  private hand = this.entries.values();
  /** Answers that were received together carry the same time. */
  private lastCheckedAt = '';

  constructor(private readonly max: number) {}

  get size(): number {
    return this.entries.size;
  }

  /** The entry of a credential's text, unless there is none for this very text, or it has ended. */
  find(text: string, now: number): Entry | undefined {
    const entry = this.entries.get(digestOf(text));
    if (entry === undefined || now >= entry.until) return undefined;
    entry.wasFound = true;
    return entry;
  }

  /** Holds an answer. `scopes`: what was asked for. */
  install(text: string, reply: ActiveReply, until: number, scopes: readonly string[] | undefined): void {
    const { token, session } = reply;
    const id = session?.id ?? token?.id;
    if (id === undefined) return;
    const digest = digestOf(text);
    const before = this.entries.get(digest);
    if (before) this.remove(before);
    // Another secret of the same token or session.
    const other = this.byId.get(id);
    if (other) this.remove(other);
    this.makeRoom();
    this.lastCheckedAt = oneOf(reply.checkedAt, this.lastCheckedAt);
    const entry: Entry = {
      digest,
      tokenId: token?.id ?? null,
      description: token?.description ?? '',
      expiresAt: token?.expiresAt ?? null,
      checkedAt: this.lastCheckedAt,
      validUntil: oneOf(reply.validUntil, token?.expiresAt),
      terms: this.terms.hold(reply),
      session: session ? { ...session, granted: grantedBy(reply, scopes, before) } : null,
      until: Math.floor(until),
      uses: null,
      wasFound: false,
    };
    this.entries.set(digest, entry);
    this.byId.set(id, entry);
    if (session && token) this.sessionsOf.set(token.id, (this.sessionsOf.get(token.id) ?? new Set()).add(entry));
  }

  /** Forgets all that an invalidation names. */
  evict({ all, tokens, sessions, users }: Invalidate): void {
    if (all) this.clear();
    for (const id of [...tokens, ...sessions]) {
      const entry = this.byId.get(id);
      if (entry) this.remove(entry);
      for (const session of this.sessionsOf.get(id) ?? []) this.remove(session);
    }
    // Those of users are found by looking at each.
    if (users.length === 0) return;
    for (const entry of this.entries.values()) if (users.includes(entry.terms.user.id)) this.remove(entry);
  }

  clear(): void {
    this.entries.clear();
    this.byId.clear();
    this.sessionsOf.clear();
    this.terms.clear();
  }

  private makeRoom(): void {
    while (this.entries.size >= this.max) {
      const { done, value: entry } = this.hand.next();
      if (done) this.hand = this.entries.values();
      else if (entry.wasFound) entry.wasFound = false;
      else this.remove(entry);
    }
  }

  private remove(entry: Entry): void {
    const { digest, session, tokenId, terms } = entry;
    this.entries.delete(digest);
    this.byId.delete(session?.id ?? tokenId ?? '');
    this.terms.release(terms);
    if (!session || tokenId === null) return;
    const sessions = this.sessionsOf.get(tokenId);
    sessions?.delete(entry);
    if (sessions?.size === 0) this.sessionsOf.delete(tokenId);
  }
}

/** What was received, as it was received: a copy that its reader may change, but for the lists. */
export function replyOf({
  tokenId,
  description,
  expiresAt,
  terms,
  session,
  checkedAt,
  validUntil,
}: Entry): ActiveReply {
  const { kind, user, scopes, token } = terms;
  const reply: ActiveReply = {
    active: true,
    kind,
    token:
      tokenId === null || token === null
        ? null
        : { id: tokenId, description, scopes: token.scopes, expiresAt, secretGeneration: token.secretGeneration },
    user: { id: user.id, username: user.username, roles: user.roles },
    scopes,
    checkedAt,
    validUntil,
  };
  if (session) {
    const { id, expiresAt, startedWith, mustChangePassword } = session;
    reply.session = { id, expiresAt, startedWith, mustChangePassword };
  }
  return reply;
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

/** SHA-256, a character for each byte: of all encodings the smallest, and the quickest to make and to find in a `Map`. */
function digestOf(text: string): string {
  return crypto.hash('sha256', text, 'binary');
}

/** Of two equal texts the one that is held already, so that the other's memory is free again. */
function oneOf<Text>(text: Text, held: unknown): Text {
  return text === held ? (held as Text) : text;
}

function grantedBy({ scopes }: ActiveReply, asked: readonly string[] | undefined, before: Entry | undefined) {
  if (!scopes.includes('*')) return null;
  const granted = new Set(before?.session?.granted);
  if (asked) granted.add(asked.join(','));
  return granted;
}
