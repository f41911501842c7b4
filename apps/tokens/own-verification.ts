import { type DynamicModule, Logger } from '@nestjs/common';
import { TokenVerifier, VerifierUnavailableError, type VerifyQuestion } from '@tokenlog/auth';
import { presentedName, type VerifyReply } from '@tokenlog/contracts/tokens/verify.js';
import { Verifier } from './verifier.js';

/** What the histories of tokens call this service. */
export const SERVICE = 'tokens';
/** As long as a guard elsewhere waits for its answer. */
const LIMIT_MS = 2_000;
/** The contract's bound. Behind a proxy that is trusted too far an address is whatever its sender wrote. */
const LONGEST_ADDRESS = 64;

/** Has the guard of this service's own routes ask the verifier beside it: over NATS it would ask itself. */
export function askingItself(auth: DynamicModule): DynamicModule {
  const own = {
    provide: TokenVerifier,
    inject: [Verifier],
    useFactory: (verifier: Verifier) => new OwnVerification(verifier),
  };
  return { ...auth, providers: [...(auth.providers ?? []), own] };
}

/** Answers what `TokenVerifier` answers elsewhere. */
class OwnVerification implements Pick<TokenVerifier, 'verify'> {
  private readonly logger = new Logger('Verification');
  private lastFailure = '';

  constructor(private readonly verifier: Verifier) {}

  /** @throws VerifierUnavailableError after `LIMIT_MS` at the latest */
  async verify({ scopes, username, ip, ...presented }: VerifyQuestion): Promise<VerifyReply> {
    // No account has such a name, and PostgreSQL would take not every one.
    if (username !== undefined && !presentedName.safeParse(username).success) {
      return { active: false, reason: 'unknown' };
    }
    const asked = { scopes: scopes && [...scopes], username, service: SERVICE, ip: ip?.slice(0, LONGEST_ADDRESS) };
    try {
      const reply = await inTime(this.verifier.verify({ ...presented, ...asked }));
      this.lastFailure = '';
      return reply;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.lastFailure) this.logger.warn(`Refusing with 503: ${message}`);
      this.lastFailure = message;
      throw new VerifierUnavailableError(message);
    }
  }
}

function inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
