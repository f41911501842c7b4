import { BehaviorSubject, distinctUntilChanged, type Observable, skip } from 'rxjs';

/** Whether this guard reaches NATS, where it asks. */
export type AuthState =
  | { readonly status: 'up' }
  | {
      readonly status: 'down';
      /** `starting`: not tried yet; `login-refused`: NATS is there, and does not take the user or the password. */
      readonly reason: 'starting' | 'unreachable' | 'login-refused' | 'closed';
      /** For people. Holds no password. */
      readonly detail: string;
    };

/** Tells when NATS is lost and when it is back. While it is lost, requests are refused with 503. */
export class AuthStatus {
  private readonly state = new BehaviorSubject<AuthState>({
    status: 'down',
    reason: 'starting',
    detail: 'not connected to NATS yet',
  });

  /** Each state that it comes to, once, from the next one on. Ends with the application. */
  readonly changes: Observable<AuthState> = this.state.pipe(distinctUntilChanged(isSame), skip(1));

  /** The state now. */
  get current(): AuthState {
    return this.state.value;
  }

  /** For the guard's connection, which knows. */
  set(state: AuthState): void {
    this.state.next(state);
  }

  /** For the same. */
  end(): void {
    this.state.complete();
  }
}

function isSame(one: AuthState, other: AuthState): boolean {
  const [a, b] = [one, other].map((state) => (state.status === 'down' ? state.reason : 'up'));
  return a === b;
}
