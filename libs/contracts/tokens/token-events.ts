import { sessionEnded } from './session-ended.js';
import { sessionStarted } from './session-started.js';
import { tokenCreated } from './token-created.js';
import { tokenDeleted } from './token-deleted.js';
import { tokenEdited } from './token-edited.js';
import { tokenExpiring } from './token-expiring.js';
import { tokenInvalidated } from './token-invalidated.js';
import { tokenReassigned } from './token-reassigned.js';
import { tokenRefreshed } from './token-refreshed.js';
import { tokenRefused } from './token-refused.js';
import { tokenRevoked } from './token-revoked.js';
import { tokenUsed } from './token-used.js';

/** Every event that the token service publishes, as the stream TOKENS holds them. */
export const tokenEvents = [
  tokenCreated,
  tokenEdited,
  tokenRefreshed,
  tokenUsed,
  tokenRefused,
  tokenRevoked,
  tokenReassigned,
  tokenInvalidated,
  tokenExpiring,
  tokenDeleted,
  sessionStarted,
  sessionEnded,
] as const;
export const TOKENS_STREAM = 'TOKENS';
