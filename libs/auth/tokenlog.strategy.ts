import passport from 'passport';
import { AuthProblem } from './auth-problem.js';
import type { Authentication } from './authentication.js';

/** The name of the passport strategy: `AuthGuard(['tokenlog', 'another'])`. */
export const STRATEGY = 'tokenlog';

/** Decides about one request, and answers it when nobody after this strategy can. */
export interface RequestDecision {
  authenticate(): Promise<Authentication>;
  refuse(problem: AuthProblem): void;
}

/**
 * Passport keeps one strategy of a name for the whole process, which may run several applications: so it decides nothing
 * itself, and finds by the request which application decides.
 */
const decisions = new WeakMap<object, RequestDecision>();

/** Tells the strategy who decides about a request. */
export function decideBy(request: object, decision: RequestDecision): void {
  decisions.set(request, decision);
}

class TokenlogStrategy extends passport.Strategy {
  override name = STRATEGY;

  override authenticate(this: passport.StrategyCreated<passport.Strategy>, request: object): void {
    const decision = decisions.get(request);
    if (!decision) {
      this.error(new Error('The strategy "tokenlog" needs AuthModule.forRoot in the imports of the application.'));
      return;
    }
    decision.authenticate().then(
      (authentication) => this.success(authentication.user, authentication),
      (error: unknown) => {
        // Another strategy may know a credential that is unknown here. One that is known here is not offered to others.
        if (error instanceof AuthProblem && error.getStatus() === 401) return this.fail(error as never, 401);
        if (error instanceof AuthProblem) decision.refuse(error);
        this.error(error);
      },
    );
  }
}

passport.use(STRATEGY, new TokenlogStrategy());
