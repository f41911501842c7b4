/** Identity's part of the database. */
export const identityPart = { schema: 'identity', role: 'tokenlog_identity' } as const;
