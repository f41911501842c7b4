import './node-version.js';

export type { RefusalReason, VerifyReply } from '@tokenlog/contracts/tokens/verify.js';
export { AuthModule, type AuthModuleAsyncOptions } from './auth.module.js';
export { type AuthHealth, AuthHealthIndicator } from './auth-health.indicator.js';
export type { AuthOptions, MetricsRegistry } from './auth-options.js';
export { AuthProblem, type AuthProblemBody } from './auth-problem.js';
export { type AuthState, AuthStatus } from './auth-status.js';
export { type AuthenticatedUser, type Authentication, authenticationOf, type CarriedBy } from './authentication.js';
export { CurrentAuthentication, CurrentUser } from './current-user.js';
export { AllowWhilePasswordChangeRequired, Public, RequireRoles, RequireScopes, SetsCookie } from './requirements.js';
export { TokenGuard } from './token.guard.js';
export { TokenVerifier, VerifierUnavailableError, type VerifyQuestion } from './token-verifier.js';
