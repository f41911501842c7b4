import { randomBytes, randomUUID } from 'node:crypto';
import { headers } from '@nats-io/transport-node';
import { type BeforeApplicationShutdown, HttpException, Logger, type OnModuleInit } from '@nestjs/common';
import { readAddress } from '@tokenlog/contracts/address.js';
import { presentedText, prove } from '@tokenlog/contracts/credential.js';
import { subjectOfGuard } from '@tokenlog/contracts/guard/guard-name.js';
import { PATIENCE_HEADER, requestError } from '@tokenlog/contracts/message.js';
import {
  type ActiveReply,
  PEPPER_UNKNOWN,
  presentedName,
  type VerifyReply,
  type VerifyRequest,
  verify,
} from '@tokenlog/contracts/tokens/verify.js';
import type { z } from 'zod';
import { AuthFigures } from './auth-figures.js';
import type { ResolvedAuthOptions } from './auth-options.js';
import { GuardMemory } from './guard-memory.js';
import type { NatsLink } from './nats-link.js';

/** How long a token service that knows no roles in a question is not told them; the guard then looks at them itself. */
const UNTOLD_MS = 60_000;
/** The token service takes this for what a question waits that does not say, in ms. */
const UNTOLD_PATIENCE_MS = 2_000;

/** A credential's text, or its id and the proof that stands for its secret: base64url(SHA-256(secret)). */
export type VerifyQuestion = ({ readonly credential: string } | { readonly id: string; readonly proof: string }) & {
  /** Any one is enough (S25); left out: none is asked for. */
  readonly scopes?: readonly string[];
  /** The user must have any one (S26), or the reply is `scope` with `missing: 'role'`; left out: none is asked for. */
  readonly roles?: readonly string[];
  /** The account name that came with it (S4): another's than the owner's makes it `unknown`. */
  readonly username?: string;
  /** The address of whoever presented it, for the token's history. */
  readonly ip?: string;
};

/** The token service could not be asked, or could not tell: the credential is neither good nor bad. */
export class VerifierUnavailableError extends Error {
  override name = 'VerifierUnavailableError';

  constructor(
    message: string,
    /** What the token service said is away, where it said so. */
    readonly said?: { readonly code: string; readonly detail: string; readonly retryAfterSeconds?: number },
  ) {
    super(message);
  }
}

/** Asks the token service about credentials. Each accepted verification is one use of the token (S34). */
export class TokenVerifier implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('AuthModule');
  private lastFailure = '';
  private saidPepperUnknown = false;
  /** On the monotonic clock. Until then the token service is taken to be from before the question could name roles. */
  private rolesUntoldUntil = Number.NEGATIVE_INFINITY;

  private readonly memory: GuardMemory | null;
  /** Where it asks. */
  private readonly subject: string;

  constructor(
    private readonly options: ResolvedAuthOptions,
    private readonly link: NatsLink,
    private readonly figures: AuthFigures = new AuthFigures(),
  ) {
    const { cache, service, guardName } = options;
    this.subject = subjectOfGuard(verify.subject, guardName);
    this.memory = cache && new GuardMemory({ service, name: guardName }, cache.maxEntries, () => link.connection);
  }

  async onModuleInit(): Promise<void> {
    await this.link.start();
    this.memory?.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.memory?.stop();
  }

  /** Whether the connection to NATS stands. */
  get connected(): boolean {
    return this.link.connection !== undefined;
  }

  /** Of `cache: true`: what was answered from memory, what is held, and whether it may be used. */
  get memoryFigures(): { readonly hits: number; readonly entries: number; readonly leased: boolean } | undefined {
    return this.memory?.figures;
  }

  /**
   * Whether credentials can be verified: asks about one that nobody has. For a readiness probe.
   * @throws VerifierUnavailableError after `requestTimeoutMs` at the latest
   */
  async check(): Promise<void> {
    await this.request({
      id: randomUUID(),
      proof: randomBytes(32).toString('base64url'),
      service: this.options.service,
    });
  }

  /**
   * Is this credential good, whose is it, and what may it do? What is no credential by its shape or check is `malformed`
   * without any I/O. The secret stays here: its proof is sent.
   * @throws VerifierUnavailableError after `requestTimeoutMs` at the latest
   */
  async verify(question: VerifyQuestion): Promise<VerifyReply> {
    const ip = readAddress(question.ip) ?? undefined;
    const read =
      'credential' in question
        ? { ...question, credential: presentedText(question.credential), ip }
        : { ...question, ip };
    return this.recall(read) ?? this.ask(read);
  }

  /**
   * What `verify` answers from memory, at once, and counts as a use; `undefined` where it has to ask, and for every question
   * without `cache: true`. Text and address are taken as they are: as `takeCredential` and `readAddress` have read them.
   */
  recall(question: VerifyQuestion): ActiveReply | undefined {
    if (this.memory === null || !('credential' in question)) return undefined;
    const { credential, scopes, username, ip, roles } = question;
    return this.memory.answer(credential, scopes, username, ip, roles);
  }

  /** Asks the token service, and holds the answer. */
  private async ask(question: VerifyQuestion): Promise<VerifyReply> {
    const text = 'credential' in question ? question.credential : null;
    const proof = 'credential' in question ? prove(question.credential) : { id: question.id, proof: question.proof };
    if (!proof) return { active: false, reason: 'malformed' };
    // No account has such a name; the token service would refuse the question itself.
    if (question.username !== undefined && !presentedName.safeParse(question.username).success) {
      return { active: false, reason: 'unknown' };
    }
    this.figures.asked++;
    const ticket = this.memory?.ticket();
    const { ip } = question;
    const reply = await this.request({
      ...proof,
      ...(question.scopes && { scopes: [...question.scopes] }),
      ...(question.roles && performance.now() >= this.rolesUntoldUntil && { roles: [...question.roles] }),
      ...(question.username !== undefined && { username: question.username }),
      service: this.options.service,
      ...(ip !== undefined && { ip }),
    });
    if (text !== null && ticket && reply.active) this.memory?.install(ticket, text, question.scopes, reply);
    return reply;
  }

  private async request(request: VerifyRequest): Promise<VerifyReply> {
    const reply = this.options.verify
      ? await this.requestHere(request, this.options.verify)
      : await this.requestOverNats(request);
    this.lastFailure = '';
    return reply;
  }

  private async requestHere(request: VerifyRequest, answer: NonNullable<ResolvedAuthOptions['verify']>) {
    const { requestTimeoutMs } = this.options;
    try {
      return await inTime(answer(request), requestTimeoutMs);
    } catch (error) {
      const said = saidBy(error);
      // The verifier has logged it.
      if (said?.code === PEPPER_UNKNOWN) throw new VerifierUnavailableError(said.detail, said);
      throw this.unavailable((error as Error).message, said);
    }
  }

  private async requestOverNats(request: VerifyRequest): Promise<VerifyReply> {
    const connection = this.link.connection;
    if (!connection) throw this.unavailable('not connected to NATS');
    let body: unknown;
    try {
      const { requestTimeoutMs: timeout } = this.options;
      const patience = timeout < UNTOLD_PATIENCE_MS && headers();
      if (patience) patience.set(PATIENCE_HEADER, String(timeout));
      const reply = await connection.request(this.subject, JSON.stringify(request), {
        timeout,
        ...(patience && { headers: patience }),
      });
      body = reply.json();
    } catch (error) {
      throw this.unavailable(`no answer to ${this.subject}: ${(error as Error).message}`);
    }
    const failure = requestError.safeParse(body).data?.error;
    if (failure?.code === PEPPER_UNKNOWN) throw this.pepperUnknown(failure);
    if (request.roles && failure?.code === 'invalid-request') {
      const { roles: _, ...rest } = request;
      const answered = await this.requestOverNats(rest);
      this.rolesUntoldUntil = performance.now() + UNTOLD_MS;
      return answered;
    }
    const reply = verify.reply.safeParse(body);
    if (failure?.retryAfterSeconds !== undefined) throw this.unavailable(`${failure.code}: ${failure.detail}`, failure);
    if (!reply.success) throw this.unavailable(`not an answer to ${this.subject}: ${describe(body, reply.error)}`);
    return reply.data;
  }

  /** Logged once: others are verified meanwhile. */
  private pepperUnknown(said: NonNullable<VerifierUnavailableError['said']>): VerifierUnavailableError {
    const { code, detail } = said;
    if (!this.saidPepperUnknown) this.logger.warn(`Refusing with 503 ${code} what is told so: ${detail}`);
    this.saidPepperUnknown = true;
    return new VerifierUnavailableError(detail, said);
  }

  /** Logged when it begins and when its cause changes: an outage is one line, not one for each request. */
  private unavailable(message: string, said?: VerifierUnavailableError['said']): VerifierUnavailableError {
    if (message !== this.lastFailure) this.logger.warn(`Refusing with 503: ${message}`);
    this.lastFailure = message;
    return new VerifierUnavailableError(message, said);
  }
}

function inTime<Answer>(answer: Promise<Answer>, milliseconds: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Of an error of this process' own token service: a problem that is to be asked again for. */
function saidBy(error: unknown): VerifierUnavailableError['said'] {
  const { code, retryAfterSeconds } = error as { code?: unknown; retryAfterSeconds?: number };
  if (!(error instanceof HttpException) || error.getStatus() !== 503 || typeof code !== 'string') return undefined;
  return { code, detail: error.message, retryAfterSeconds };
}

/** What the token service says went wrong, or else what is wrong with its answer. */
function describe(body: unknown, error: z.ZodError): string {
  const said = requestError.safeParse(body);
  if (said.success) return `${said.data.error.code}: ${said.data.error.detail}`;
  return error.issues
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message))
    .join('; ');
}
