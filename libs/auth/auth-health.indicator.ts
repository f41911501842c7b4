import { AuthStatus } from './auth-status.js';

/** What Terminus takes as an indicator's result. */
export type AuthHealth = Record<string, { status: 'up' | 'down'; reason?: string; detail?: string }>;

/** For `@nestjs/terminus` 10 to 12: `health.check([() => indicator.isHealthy()])`. */
export class AuthHealthIndicator {
  constructor(private readonly status: AuthStatus) {}

  /**
   * Up while the guard reaches NATS; down it tells an outage (`unreachable`) from a login that is refused (`login-refused`).
   * `key`: its name in the result.
   */
  async isHealthy(key = 'tokenlog'): Promise<AuthHealth> {
    const state = this.status.current;
    if (state.status === 'up') return { [key]: { status: 'up' } };
    const health: AuthHealth = { [key]: { ...state } };
    if (await takesResultsOnly()) return health;
    throw Object.assign(new Error(state.detail), { isHealthCheckError: true, causes: health });
  }
}

/** Terminus 10 takes each result for a good one, and an error of its own for the rest; later ones read the result. */
async function takesResultsOnly(): Promise<boolean> {
  return 'HealthIndicatorService' in (await import('@nestjs/terminus'));
}
