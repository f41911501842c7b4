import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  formatCredential,
  generateSecret,
  parseCredential,
  presentedText,
  proofOf,
} from '@tokenlog/contracts/credential.js';
import { IDENTITY_STREAM, type IdentityEvent, identityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import { confirmUser } from '@tokenlog/contracts/internal/confirm-user.js';
import { endSession } from '@tokenlog/contracts/internal/end-session.js';
import { identityEventApplied } from '@tokenlog/contracts/internal/identity-event-applied.js';
import { startSession } from '@tokenlog/contracts/internal/start-session.js';
import { userImpact } from '@tokenlog/contracts/internal/user-impact.js';
import type { RequestContract } from '@tokenlog/contracts/message.js';
import { type ActiveReply, verify } from '@tokenlog/contracts/tokens/verify.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import { v7 } from 'uuid';
import { eventually } from '../../../test/support/eventually.js';

type Facts = Extract<IdentityEvent, { type: 'user-registered' }>['user'];

/** Answers by the contract as the token service would, on a real NATS server, for the specs of identity. */
export class TokenServiceStandIn {
  /** What came over the stream, in order. */
  readonly events: IdentityEvent[] = [];
  /** Whether it says that it has applied an event. */
  appliesEvents = true;
  /** Whether it answers requests. */
  answers = true;

  private readonly users = new Map<string, { facts: Facts; version: number }>();
  private readonly held = new Map<string, Held>();
  /** The token of each static key, by the key's proof. */
  private readonly keys = new Map<string, string>();

  private constructor(private readonly nats: NatsConnection) {}

  static async start(url: string): Promise<TokenServiceStandIn> {
    const standIn = new TokenServiceStandIn(await connectNats(url, 'tokens', 'stand-in'));
    standIn.answer(verify, (request) => standIn.verify(request as never));
    standIn.answer(startSession, (request) => standIn.startSession(request as never));
    standIn.answer(endSession, async (request) => {
      for (const [text, { session }] of standIn.held) {
        if (session?.id === (request as { sessionId: string }).sessionId) standIn.held.delete(text);
      }
      return { ended: true };
    });
    standIn.answer(confirmUser, async () => ({ holds: true as const }));
    standIn.answer(userImpact, async () => userImpact.example.reply);
    return standIn;
  }

  /** Reads the stream from its beginning. */
  async follow(): Promise<void> {
    const manager = await jetstreamManager(this.nats, { checkAPI: false });
    const options = { durable_name: 'tokens', ack_policy: 'explicit' as const };
    await eventually(() => manager.consumers.add(IDENTITY_STREAM, options));
    const consumer = await jetstream(this.nats).consumers.get(IDENTITY_STREAM, 'tokens');
    await consumer.consume({
      callback: (message) => {
        const event = identityEvent.parse(message.json());
        this.events.push(event);
        if (event.type === 'user-deleted') this.users.delete(event.userId);
        else this.users.set(event.userId, { facts: event.user, version: event.version });
        if (this.appliesEvents) this.nats.publish(identityEventApplied.subject, JSON.stringify({ eventId: event.id }));
        message.ack();
      },
    });
  }

  /** Issues a token of a user; its text. */
  issueToken(userId: string, scopes: string[]): string {
    const id = v7();
    const text = formatCredential({ prefix: 'tkl', id, secret: generateSecret() });
    this.held.set(text, {
      userId,
      scopes,
      token: { id, description: 'test', scopes, expiresAt: null, secretGeneration: 1 },
    });
    return text;
  }

  /** Imports a static key of a user (S37). */
  importKey(userId: string, key: string): void {
    const text = this.issueToken(userId, ['rest']);
    this.keys.set(proofOf(key), text);
  }

  stop(): Promise<void> {
    return this.nats.close();
  }

  private answer(contract: RequestContract, handle: (request: unknown) => Promise<unknown>): void {
    this.nats.subscribe(contract.subject, {
      callback: (_error, message) => {
        if (!this.answers) return;
        void handle(contract.request.parse(message.json())).then((reply) => message.respond(JSON.stringify(reply)));
      },
    });
  }

  private async verify({ id, proof, scopes }: { id: string; proof: string; scopes?: string[] }) {
    const held = [...this.held].find(([text]) => {
      const credential = parseCredential(text);
      return credential?.id === id && proofOf(credential.secret) === proof;
    })?.[1];
    const user = held && this.users.get(held.userId);
    if (!held || !user) return { active: false, reason: 'unknown' };
    const { username, roles, mustChangePassword, disabled } = user.facts;
    if (disabled) return { active: false, reason: 'user-disabled' };
    if (scopes && !held.scopes.includes('*') && !scopes.some((scope) => held.scopes.includes(scope))) {
      return { active: false, reason: 'scope' };
    }
    return {
      active: true,
      kind: held.session ? 'session' : 'token',
      token: held.token,
      user: { id: held.userId, username, roles },
      scopes: held.scopes,
      checkedAt: new Date().toISOString(),
      validUntil: null,
      ...(held.session && { session: { ...held.session, mustChangePassword } }),
    };
  }

  private async startSession(
    request:
      | { with: 'password'; userId: string; userVersion: number; user: Facts }
      | { with: 'token'; credential: string; username: string }
      | { with: 'access-key'; proof: string; username: string },
  ) {
    const id = v7();
    const text = formatCredential({ prefix: 'tks', id, secret: generateSecret() });
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const session = {
      id,
      expiresAt,
      startedWith: request.with === 'password' ? ('password' as const) : ('token' as const),
    };
    if (request.with === 'password') {
      const { userId, userVersion: version, user: facts } = request;
      if ((this.users.get(userId)?.version ?? 0) < version) this.users.set(userId, { facts, version });
      this.held.set(text, { userId, scopes: ['*'], token: null, session });
      return { started: true, sessionId: id, userId, credential: text, expiresAt };
    }
    const token = this.held.get(
      request.with === 'token' ? presentedText(request.credential) : (this.keys.get(request.proof) ?? ''),
    );
    if (!token || this.users.get(token.userId)?.facts.username !== request.username) {
      return { started: false, reason: 'unknown' };
    }
    this.held.set(text, { ...token, session });
    return { started: true, sessionId: id, userId: token.userId, credential: text, expiresAt };
  }
}

interface Held {
  readonly userId: string;
  readonly scopes: string[];
  readonly token: ActiveReply['token'];
  readonly session?: { id: string; expiresAt: string; startedWith: 'password' | 'token' };
}
