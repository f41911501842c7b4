import { z } from 'zod';
import { instant } from './instant.js';
import { named } from './named.js';

/** A session that was just started: its credential, which is shown this once. */
export const sessionCredential = named(
  'SessionCredential',
  z.object({ credential: z.string().describe('begins with `tks_`'), expiresAt: instant }),
  { credential: `tks_01997c9e444474448444444444444444_${'x'.repeat(49)}`, expiresAt: '2026-11-02T21:26:53.589Z' },
);
