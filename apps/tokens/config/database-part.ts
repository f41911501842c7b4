import type { DatabasePart } from '@tokenlog/platform/database.js';

/** Its connections have another name than those of versions whose services do not say which keys of the hashes they have. */
export const TOKENS_DATABASE: DatabasePart = {
  schema: 'tokens',
  role: 'tokenlog_tokens',
  applicationName: 'tokenlog-token-service',
};
