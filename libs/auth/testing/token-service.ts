import { randomUUID } from 'node:crypto';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import {
  type CredentialPrefix,
  formatCredential,
  generateSecret,
  parseCredential,
  proofOf,
} from '@tokenlog/contracts/credential.js';
import {
  type ActiveReply,
  type RefusalReason,
  type VerifyReply,
  type VerifyRequest,
  verify,
} from '@tokenlog/contracts/tokens/verify.js';

const INVALID = JSON.stringify({ error: { code: 'invalid-request', detail: 'Unrecognized key: "roles"' } });

/** What a test hands out. */
export interface Issued {
  readonly username?: string;
  readonly roles?: string[];
  readonly scopes?: string[];
  readonly mustChangePassword?: boolean;
  /** When the token expires; a session is of such a token then. Left out: never. */
  readonly expiresAt?: string;
}

/** For specs: answers `tokens.verify` by the contract, on a real nats-server, as the user that may. */
export class TestTokenService {
  /** Each request as it came over the wire. */
  readonly requests: VerifyRequest[] = [];
  /** Set: the reply to everything, whatever it is. `silence`: none. */
  reply: string | 'silence' | undefined;
  /** Set: it is one from before a question could name roles, which refuses those that do. */
  knowsNoRoles = false;

  private readonly issued = new Map<string, { proof: string; reply: ActiveReply }>();
  private readonly refusals = new Map<string, RefusalReason>();

  private constructor(readonly connection: NatsConnection) {}

  static async start(url: string): Promise<TestTokenService> {
    const { username, password, host } = new URL(url);
    const service = new TestTokenService(
      await connect({
        servers: host,
        user: username,
        pass: password,
        inboxPrefix: `_INBOX_${username}`,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 50,
      }),
    );
    service.connection.subscribe(verify.subject, {
      callback: (_error, message) => {
        const request = verify.request.parse(message.json());
        service.requests.push(request);
        if (service.knowsNoRoles && request.roles) message.respond(INVALID);
        else if (service.reply !== 'silence') message.respond(service.reply ?? JSON.stringify(service.decide(request)));
      },
    });
    await service.connection.flush();
    return service;
  }

  /** A token's text. */
  token(issued: Issued = {}): string {
    const id = randomUUID();
    const token = details(id, issued);
    return this.issue('tkl', id, {
      active: true,
      kind: 'token',
      token,
      user: user(issued),
      scopes: token.scopes,
      ...lasting(),
    });
  }

  /** A static key that was imported (S37): any text, without an id in it. */
  accessKey(text: string, issued: Issued = {}): string {
    const scopes = issued.scopes ?? ['rest'];
    const token = { id: randomUUID(), description: 'access key', scopes, expiresAt: null, secretGeneration: 1 };
    const reply: ActiveReply = { active: true, kind: 'token', token, user: user(issued), scopes, ...lasting() };
    this.issued.set(proofOf(text), { proof: proofOf(text), reply });
    return text;
  }

  /** The text of a session until 2099, started with a password and so with every scope, or with a token that expires. */
  session(issued: Issued = {}): string {
    const id = randomUUID();
    const token = issued.expiresAt === undefined ? null : details(randomUUID(), issued);
    return this.issue('tks', id, {
      active: true,
      kind: 'session',
      ...lasting(),
      token,
      user: user(issued),
      scopes: token?.scopes ?? ['*'],
      session: {
        id,
        expiresAt: '2099-01-01T00:00:00.000Z',
        startedWith: token ? 'token' : 'password',
        mustChangePassword: issued.mustChangePassword ?? false,
      },
    });
  }

  /** From now on this credential is refused. */
  refuse(text: string, reason: RefusalReason): void {
    this.refusals.set(parseCredential(text)?.id ?? '', reason);
  }

  reset(): void {
    this.requests.length = 0;
    this.reply = undefined;
    this.knowsNoRoles = false;
  }

  private issue(prefix: CredentialPrefix, id: string, reply: ActiveReply): string {
    const secret = generateSecret();
    this.issued.set(id, { proof: proofOf(secret), reply });
    return formatCredential({ prefix, id, secret });
  }

  private decide(request: VerifyRequest): VerifyReply {
    if ('credential' in request) throw new Error('a guard sends proofs');
    const found = this.issued.get('id' in request ? request.id : request.proof);
    if (found?.proof !== request.proof) return { active: false, reason: 'unknown' };
    const reason = this.refusals.get('id' in request ? request.id : request.proof);
    if (reason) return { active: false, reason };
    if (request.username !== undefined && request.username !== found.reply.user.username) {
      return { active: false, reason: 'unknown' };
    }
    const { scopes } = found.reply;
    if (request.scopes && !scopes.includes('*') && !request.scopes.some((scope) => scopes.includes(scope))) {
      return { active: false, reason: 'scope' };
    }
    if (request.roles && !request.roles.some((role) => found.reply.user.roles.includes(role))) {
      return { active: false, reason: 'scope', missing: 'role' };
    }
    return found.reply;
  }
}

function details(id: string, { scopes = ['rest'], expiresAt }: Issued) {
  return { id, description: 'nightly export', scopes, expiresAt: expiresAt ?? null, secretGeneration: 1 };
}

function user({ username = 'ada', roles = ['operator'] }: Issued): ActiveReply['user'] {
  return { id: '01997c9e-1111-7111-8111-111111111111', username, roles };
}

function lasting() {
  return { checkedAt: new Date().toISOString(), validUntil: null };
}
