import passport from 'passport';
import { AuthProblem } from './auth-problem.js';
import { guardedRequestOf } from './authentication.js';

/** The name of the passport strategy: `AuthGuard(['tokenlog', 'another'])`. */
export const STRATEGY = 'tokenlog';

/**
 * Passport keeps one strategy of a name for the whole process, which may run several applications: so it decides nothing
 * itself, and finds by the request which application decides.
 */
class TokenlogStrategy extends passport.Strategy {
  override name = STRATEGY;

  override authenticate(this: passport.StrategyCreated<passport.Strategy>, request: object): void {
    const guarded = guardedRequestOf(request);
    const decider = guarded?.decider;
    if (!decider) {
      this.error(new Error('The strategy "tokenlog" needs AuthModule.forRoot in the imports of the application.'));
      return;
    }
    decider.authenticate(request, guarded).then(
      (authentication) => this.success(authentication.user, authentication),
      (error: unknown) => {
        // Another strategy may know a credential that is unknown here. One that is known here is not offered to others.
        if (error instanceof AuthProblem && error.getStatus() === 401) {
          decider.refuseUnlessOverruled(guarded, error);
          return this.fail(error as never, 401);
        }
        if (error instanceof AuthProblem) decider.refuse(guarded, error);
        this.error(error);
      },
    );
  }
}

passport.use(STRATEGY, new TokenlogStrategy());
